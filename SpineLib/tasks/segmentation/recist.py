"""RECIST diameters of what stands out within a box (Eisenhauer et al., European Journal of Cancer 45(2), 2009)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

#: Deviation of the Gaussian that takes off the noise, mm.
_SMOOTHING_MM = 1.0
#: The two sides of the threshold must differ by this, as a share of the window, to be two tissues.
_CONTRAST = 0.06
#: A region that fills less or more of its box than this is not what the box was drawn around.
_FILLED = (0.2, 0.97)


def diameters(image: np.ndarray, box: Sequence[float], spacing: tuple[float, float]) -> tuple[float, float, str]:
    """Longest diameter of a lesion in an axial slice, and the longest one across it, mm.

    The lesion is estimated: within the box Otsu's threshold parts darker from brighter pixels; it is what the middle of
    the box belongs to, without holes. A lesion as bright as what is around it within the box cannot be told from it;
    then the box's own sides are given.

    Args:
        image: (rows, columns), 0 to 1.
        box: x0, y0, x1, y1, edges in pixels.
        spacing: mm between rows, columns.

    Returns:
        Long diameter, short diameter, and "region" or "box".
    """
    x0, y0, x1, y1 = box
    region = region_in_box(image, box, spacing)
    if region is None:
        sides = (x1 - x0) * spacing[1], (y1 - y0) * spacing[0]
        return max(sides), min(sides), "box"
    return *axes_of(region, spacing), "region"


def region_in_box(image: np.ndarray, box: Sequence[float], spacing: tuple[float, float]) -> np.ndarray | None:
    """What stands out in the box, bool of the box's whole pixels; None where nothing does. See :func:`diameters`."""
    from skimage.filters import threshold_otsu

    x0, y0 = (max(int(np.floor(value)), 0) for value in box[:2])
    x1, y1 = (min(int(np.ceil(value)), size) for value, size in zip(box[2:], image.shape[::-1]))
    margin = int(np.ceil(4 * _SMOOTHING_MM / min(spacing)))
    top, left = max(y0 - margin, 0), max(x0 - margin, 0)
    smooth = ndimage.gaussian_filter(
        image[top : y1 + margin, left : x1 + margin].astype(np.float32),
        [_SMOOTHING_MM / step for step in spacing],
        mode="nearest",
    )
    patch = smooth[y0 - top : y1 - top, x0 - left : x1 - left]
    if min(patch.shape) < 3 or np.ptp(patch) < _CONTRAST:
        return None
    bright = patch > threshold_otsu(patch)
    if patch[bright].mean() - patch[~bright].mean() < _CONTRAST:
        return None
    y, x = (np.linspace(-1, 1, count) for count in patch.shape)
    middle = y[:, None] ** 2 + x[None] ** 2 <= 0.25
    side = bright if bright[middle].mean() >= 0.5 else ~bright
    pieces, _ = ndimage.label(side)
    counts = np.bincount(pieces[middle], minlength=2)
    counts[0] = 0
    region = ndimage.binary_fill_holes(pieces == counts.argmax())
    return region if _FILLED[0] <= region.mean() <= _FILLED[1] else None


def axes_of(region: np.ndarray, spacing: tuple[float, float]) -> tuple[float, float]:
    """Longest diameter of a mask (rows, columns), between the middles of pixel edges, and the longest chord across."""
    rows, columns = np.nonzero(region)
    half = np.array(spacing) / 2
    points = np.stack([rows * spacing[0], columns * spacing[1]], axis=1)
    ends = np.concatenate([points + half * step for step in ((1, 0), (-1, 0), (0, 1), (0, -1))])
    hull = ends[ConvexHull(ends).vertices]
    distances = cdist(hull, hull)
    first, second = np.unravel_index(distances.argmax(), distances.shape)
    along = (hull[second] - hull[first]) / distances.max()
    place, across = ends @ along, ends @ np.array([-along[1], along[0]])
    stripe = np.floor((place - place.min()) / max(spacing)).astype(int)
    low, high = np.full(stripe.max() + 1, np.inf), np.full(stripe.max() + 1, -np.inf)
    np.minimum.at(low, stripe, across)
    np.maximum.at(high, stripe, across)
    return float(distances.max()), float(np.max(high - low))
