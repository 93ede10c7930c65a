"""From a likelihood map and the truth to what FROC counts, at each of many thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from SpineLib.geometry.orientation import Orientation
from SpineLib.metrics.froc import RADIUS_MM, Marks, Tally, average_slices, hits, tally_each
from SpineLib.volume import Volume
from SpineLib.volume.places import ras_lps, to_lps

#: Thresholds of the curves: close together near 1, where a trained network's maps are decided.
THRESHOLDS = tuple(np.r_[0.999, 0.9975, 0.995, np.arange(0.99, 0.9, -0.01), np.arange(0.9, 0.04, -0.02)].round(4))
_EIGHT = np.ones((3, 3), bool)


def slices_tally(
    likelihood: Volume,
    lesions: np.ndarray,
    thresholds: Sequence[float] = THRESHOLDS,
    smallest_cm2: float = 5.0,
    radius_mm: float = RADIUS_MM,
) -> Tally:
    """A case as in Wang et al. (2017, sections 2.5.2 and 3.3): each sagittal slice by itself, then their average.

    Args:
        likelihood: 0 to 1, any axis order.
        lesions: lesion ids on the same grid (k, j, i), 0 outside; in a slice, each id is one lesion.
        thresholds: decreasing; each is applied to the map anew.
        smallest_cm2: connected regions of a slice (8 neighbours) with a smaller area are dropped.
    """
    orientation = Orientation.of(likelihood)
    maps, truth = orientation.apply(np.asarray(likelihood.array)), orientation.apply(lesions)
    row_mm, column_mm = (likelihood.spacing[2 - axis] for axis in orientation.axes[1:])
    step = np.array([row_mm, column_mm])
    smallest = smallest_cm2 * 100 / (row_mm * column_mm)
    slices = []
    for one, there in zip(maps, truth, strict=True):
        centres = _centres(there) * step
        marks = [
            Marks(place := _regions(one >= threshold, smallest) * step, np.ones(len(place)), centres)
            for threshold in thresholds
        ]
        slices.append(tally_each(marks, radius_mm))
    return average_slices(slices)


def case_tally(found: Sequence[Sequence], lesions: Volume, radius_mm: float = RADIUS_MM) -> Tally:
    """A case by its lesions in 3-D.

    Args:
        found: for each threshold its candidates, with ``centre_ras_mm``: what the user is shown there.
        lesions: lesion ids, 0 outside.
    """
    centres = _centres_ras(lesions)
    return tally_each(
        [
            Marks(np.array([one.centre_ras_mm for one in candidates]), np.ones(len(candidates)), centres)
            for candidates in found
        ],
        radius_mm,
    )


def found_from(
    found: Sequence[Sequence], lesions: Volume, thresholds: Sequence[float] = THRESHOLDS, radius_mm: float = RADIUS_MM
) -> dict[int, float | None]:
    """The highest threshold at which each lesion is hit, by its id; None: at none.

    Args:
        found: for each threshold its candidates, as of :func:`case_tally`.
    """
    ids, centres = _ids(np.asarray(lesions.array)), _centres_ras(lesions)
    highest: dict[int, float | None] = dict.fromkeys(ids)
    for threshold, candidates in zip(thresholds, found, strict=True):
        marked = hits(np.array([one.centre_ras_mm for one in candidates]), centres, radius_mm)
        for number in {ids[n] for n in marked if n >= 0}:
            if highest[number] is None:
                highest[number] = float(threshold)
    return highest


def largest_areas_cm2(lesions: Volume) -> dict[int, float]:
    """Area of each lesion, by its id, in the sagittal slice that shows most of it."""
    orientation = Orientation.of(lesions)
    array = orientation.apply(np.asarray(lesions.array))
    pixel = np.prod([lesions.spacing[2 - axis] for axis in orientation.axes[1:]]) / 100
    return {n: float((array == n).sum(axis=(1, 2)).max() * pixel) for n in _ids(array)}


def _ids(labels: np.ndarray) -> list[int]:
    return [int(n) for n in np.unique(labels) if n]


def _centres_ras(lesions: Volume) -> np.ndarray:
    """(n, 3) centre of gravity, RAS mm, of each lesion that is there."""
    return ras_lps(to_lps(_centres(np.asarray(lesions.array)), lesions))


def _centres(labels: np.ndarray) -> np.ndarray:
    """(n, d) centre of gravity, in voxels, of each label that is there."""
    ids = _ids(labels)
    return np.array(ndimage.center_of_mass(labels > 0, labels, ids), float).reshape(len(ids), labels.ndim)


def _regions(mask: np.ndarray, smallest: float) -> np.ndarray:
    """(n, 2) centre of gravity, in pixels, of each connected region of at least ``smallest`` pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros((0, 2))
    first = np.array([rows[0], columns[0]])
    regions, count = ndimage.label(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], _EIGHT)
    where, values = np.nonzero(regions), regions[regions > 0]
    sizes = np.bincount(values, minlength=count + 1)
    kept = np.flatnonzero(sizes >= max(smallest * (1 - 1e-9), 1))
    sums = np.stack([np.bincount(values, weights=axis, minlength=count + 1) for axis in where], axis=1)
    return sums[kept] / sizes[kept][:, None] + first
