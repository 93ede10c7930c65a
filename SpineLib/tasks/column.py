"""Where the vertebral column lies: from labels of vertebrae, or from a simple search for the spinal canal."""

from __future__ import annotations

import numpy as np

from SpineLib.volume.resampling import resample_like
from SpineLib.volume.volume import Volume

#: Candidates may lie so far from labelled vertebrae, mm.
_NEAR_MM = 8.0
#: The column reaches so far before, behind, and to each side of the canal's centre line, mm: bodies, spinous processes,
#: transverse processes. The cerebellum, the paper's main false positive (section 5.1), lies mostly behind.
BEFORE_MM, BEHIND_MM, BESIDE_MM = 55.0, 35.0, 40.0
#: The column's ends, at the image's upper and lower edge, are left out, mm: a patch there shows the image's reflection,
#: in which a vertebra that is cut off looks like another thing. On held-out simulated cases it was mistaken for a
#: metastasis more often than a metastasis lay there: mean sensitivity 0.65 with the ends, 0.74 without.
ENDS_MM = 4.0
#: Widths of the canal, mm, that the search answers to.
_CANAL_MM = 14.0
#: The canal turns by at most so many mm antero-posteriorly within one mm along the spine.
_STEEPEST = 1


def within(likelihood: Volume, column: Volume | None) -> Volume:
    """The likelihood, 0 outside of the column (on the same grid); as it is where there is no column."""
    return likelihood if column is None else likelihood.with_array(likelihood.array * (column.array > 0))


def without_ends(column: Volume) -> Volume:
    """A column, of slices (s, rows, columns), less its ends at the image's upper and lower edge."""
    ends = round(ENDS_MM / column.spacing[1])
    kept = np.array(column.array)
    kept[:, :ends] = kept[:, kept.shape[1] - ends:] = 0
    return column.with_array(kept)


def column_from_labels(labels: Volume, like: Volume) -> Volume:
    """Within 8 mm of labelled vertebrae, uint8 on the grid of ``like``."""
    from scipy import ndimage

    inside = resample_like(labels.with_array((np.asarray(labels.array) > 0).astype(np.uint8)), like, nearest=True).array
    if not inside.any():
        return like.with_array(np.zeros(like.shape, np.uint8), "column")
    near = ndimage.distance_transform_edt(inside == 0, sampling=like.spacing[::-1]) <= _NEAR_MM
    return like.with_array(near.astype(np.uint8), "column")


def find_column(image: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """A band around the spinal canal, which is bright on STIR and T2 and runs through the whole image.

    In each sagittal slice a ridge filter answers to bright bands about as wide as the canal; dynamic programming finds
    the strongest path from the top to the bottom that does not turn too fast. The slice with the strongest path is the
    middle one; the band lies around its path.

    Args:
        image: (s, rows, columns), rows from superior to inferior, columns from anterior to posterior, pixels of 1 mm.
        spacing: mm along (s, rows, columns).

    Returns:
        uint8 of the image's shape; all 0 where nothing is bright.
    """
    from scipy import ndimage

    deviation = float(image.std())
    mask = np.zeros(image.shape, np.uint8)
    if deviation == 0:
        return mask
    sigma = _CANAL_MM / 2 / np.array(spacing[1:])
    # Antero-posteriorly the negative second derivative of a Gaussian, and a mean along the spine.
    ridge = -ndimage.gaussian_filter(image / deviation, (0, 2 * sigma[0], sigma[1] / 1.4), order=(0, 0, 2),
                                     mode="nearest")
    ridge = np.sqrt(np.clip(ridge, 0, None))  # so that a few very bright places do not draw the path
    count = image.shape[2]
    ridge[:, :, :count // 5] = 0  # the canal lies in the middle of the image; vessels and skin do not count
    ridge[:, :, count - count // 5:] = 0
    values, paths = zip(*(_strongest_path(one) for one in ridge))
    if max(values) <= 0:
        return mask
    middle = int(np.argmax(ndimage.gaussian_filter1d(np.array(values), 1.0, mode="nearest")))
    path = ndimage.gaussian_filter1d(paths[middle].astype(float), 10, mode="nearest")
    apart = (np.arange(count)[None] - path[:, None]) * spacing[2]
    band = (apart >= -BEFORE_MM) & (apart <= BEHIND_MM)
    beside = np.abs(np.arange(len(image)) - middle) * spacing[0] <= BESIDE_MM
    mask[beside] = band
    return mask


def _strongest_path(ridge: np.ndarray) -> tuple[float, np.ndarray]:
    """The sum along, and the column in each row of, the path from the first row to the last with the largest sum."""
    rows, columns = ridge.shape
    best, came = ridge[0].astype(float), np.zeros((rows, columns), int)
    for row in range(1, rows):
        padded = np.pad(best, _STEEPEST, constant_values=-np.inf)
        choices = np.stack([padded[n:n + columns] for n in range(2 * _STEEPEST + 1)])
        chosen = choices.argmax(axis=0)
        came[row] = np.arange(columns) + chosen - _STEEPEST
        best = choices.max(axis=0) + ridge[row]
    path = np.empty(rows, int)
    path[-1] = best.argmax()
    for row in range(rows - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return float(best.max()), path
