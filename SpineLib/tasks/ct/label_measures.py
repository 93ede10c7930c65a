"""Place and size of each label of a map, in one pass and without a copy of it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from SpineLib.tasks.ct.numbering_fit import TALLEST_MM, Label
from SpineLib.volume.volume import Volume


def measured(labels: Volume) -> list[Label]:
    """Place and size of each label of a map of whole numbers."""
    boxes = ndimage.find_objects(labels.array)
    counts, sums = _sums(labels.array, len(boxes) + 1)
    found = []
    for number, box in enumerate(boxes, start=1):
        if box is None:
            continue
        kji = sums[:, number] / counts[number]
        centre = (labels.ijk_to_lps @ [*kji[::-1], 1.0])[:3]
        volume_ml = float(counts[number] * labels.voxel_volume_ml)
        found.append(Label(number, centre, volume_ml, height_mm(labels, number, box)))
    return found


def _sums(array: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of each label, and the sums of their indices (k, j, i)."""
    counts, sums = np.zeros(count), np.zeros((3, count))
    j, i = (grid.ravel().astype(float) for grid in np.indices(array.shape[1:]))
    for k, plane in enumerate(array):
        flat = plane.ravel()
        if not flat.any():
            continue
        here = np.bincount(flat, minlength=count)
        counts += here
        sums += [k * here, np.bincount(flat, j, count), np.bincount(flat, i, count)]
    return counts, sums


def height_mm(labels: Volume, number: int, box: tuple[slice, ...]) -> float:
    """How far a label reaches along the patient's axis; exact where that is more than a vertebra has.

    Args:
        labels: whole numbers.
        number: of the label.
        box: index box (k, j, i) that holds it.
    """
    step = labels.direction[2] * labels.spacing
    sides = np.array([part.stop - part.start for part in reversed(box)])
    height = float(np.abs(step * sides).sum())
    if height > TALLEST_MM:  # of an oblique box it is too much
        along = np.argwhere(labels.array[box] == number)[:, ::-1] @ step
        height = float(np.ptp(along) + np.abs(step).sum())
    return height
