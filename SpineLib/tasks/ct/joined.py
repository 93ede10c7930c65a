"""The column's vertebrae with the outlines of a network that looks at slices.

The column's network works at 2 mm and says where the column is, what is no vertebra, and whose an arch is; the network
of slices sees the CT's own voxels of 1 mm and draws the sharper outline, but takes hips and joints for vertebrae. Both
probabilities of bone are averaged where the column has a vertebra, and each voxel goes to the vertebra next to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.models.bundle import ModelBundle
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.column.find import Column
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.ct.vertebrae_slices import bone_of_slices
from SpineLib.volume.crop import box_of, crop
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: Bone reaches so far beyond what the column's network took for a vertebra, mm: its voxels are of 2 mm.
_BEYOND_MM = 5.0
#: The network of slices sees so much around the vertebrae, mm.
_AROUND_MM = 20.0
#: What the mean of both probabilities is at an outline that either of them alone has at 0.5; chosen on the three CTs
#: that both were trained on.
_AT_OUTLINE = 0.4
#: Less of a vertebra's bone is seen by the network of slices: they disagree whether it is one.
LEAST_SUPPORT = 0.3
#: Pieces of a vertebra smaller than this are noise, ml.
_SPECK_ML = 0.1


@dataclass(frozen=True, eq=False)
class Joined:
    """On the CT's own grid.

    Attributes:
        labels: uint8, numbers of ``column.labels``.
        box: index box (k, j, i) outside of which there is nothing; None where there is nothing at all.
        probability: float32, scaled so that 0.5 is the outline.
        support: by number, bone that the network of slices sees there as a share of what the column's does.
        device, precision: of the network of slices.
        notes: sentences.
    """

    labels: Volume
    box: tuple[slice, slice, slice] | None
    probability: Volume
    support: dict[int, float]
    device: str
    precision: str
    notes: list[str]


def join(
    ct: Volume,
    column: Column,
    outline: ModelBundle | None,
    threshold: float,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
) -> Joined:
    """Draw the column's vertebrae on the CT's grid.

    Args:
        ct: HU.
        column: what was found on it.
        outline: of the task "vertebra-segmentation"; None leaves the outlines to the column's network.
        threshold: of the probability; 0.5 is where the outline was measured best.
        device, precision: as :func:`SpineLib.inference.predict.predict` takes them.
        progress: told at least once a second; may raise ``Cancelled``.
    """
    labels = ct.with_array(np.zeros(ct.shape, np.uint8), "vertebrae")
    probability = ct.with_array(np.zeros(ct.shape, np.float32), "probability")
    box = box_on(ct, column.grid, column.labels > 0, _AROUND_MM)
    if box is None:
        return Joined(labels, None, probability, {}, column.device, column.precision, [])
    grid = column.grid.within(box)
    progress(0.0, "Drawing the vertebrae")
    distance, grown = _around(column)
    progress(0.04, "Drawing the vertebrae")
    numbers = grid.to_source(grown, "vertebrae").array
    progress(0.07, "Drawing the vertebrae")
    near = grid.to_source(distance, "distance").array <= _BEYOND_MM
    progress(0.1, "Drawing the vertebrae")
    bone = grid.to_source(column.bone.astype(np.float32), "bone").array
    support: dict[int, float] = {}
    notes: list[str] = []
    if outline is not None:
        seen, device, precision, notes = bone_of_slices(
            crop(ct, box), outline, outline.card.threshold, device, precision, part(progress, 0.15, 0.85)
        )
        progress(0.85, "Drawing the vertebrae")
        support = _support(numbers, near, bone, seen.array)
        progress(0.88, "Drawing the vertebrae")
        bone = _scaled((bone + seen.array) / 2)
    progress(0.9, "Drawing the vertebrae")
    found = np.where(near & (bone >= threshold), numbers, 0).astype(np.uint8)
    labels.array[box] = _whole(found, ct.voxel_volume_ml, part(progress, 0.9, 1.0))
    probability.array[box] = np.where(near, bone, 0)
    return Joined(labels, box, probability, support, device, precision, notes)


def _around(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the nearest vertebra, float32 mm, no more than is asked of it; and the labels grown so far."""
    # Two voxels more than the bone may reach, for what lies between grids.
    reach = _BEYOND_MM + 2 * max(column.grid.spacing)
    distance, grown = np.full(column.labels.shape, 2 * reach, np.float32), np.zeros(column.labels.shape, np.uint8)
    box = box_of(column.labels, triple(int(np.ceil(2 * reach / side)) for side in column.grid.spacing))
    own = column.labels[box]
    mm, nearest = ndimage.distance_transform_edt(own == 0, sampling=column.grid.spacing, return_indices=True)
    distance[box] = np.minimum(mm, 2 * reach)
    grown[box] = np.where(mm <= reach, own[tuple(nearest)], 0)
    return distance, grown


def box_on(ct: Volume, grid: ColumnGrid, mask: np.ndarray, around_mm: float) -> tuple[slice, slice, slice] | None:
    """Index box (k, j, i) of the CT around a mask (z, y, x) on the network's grid; None of an empty one."""
    own = box_of(mask)
    if any(side.start == side.stop for side in own):
        return None
    steps = np.asarray(grid.spacing)
    low = np.array([side.start for side in own]) * steps - around_mm
    high = np.array([side.stop - 1 for side in own]) * steps + around_mm
    corners = [
        grid.index(np.array([z, y, x])) for z in (low[0], high[0]) for y in (low[1], high[1]) for x in (low[2], high[2])
    ]
    first = np.maximum(np.floor(np.min(corners, axis=0)).astype(int), 0)
    last = np.minimum(np.ceil(np.max(corners, axis=0)).astype(int) + 1, ct.shape)
    return triple(slice(int(a), int(b)) for a, b in zip(first, last))


def _scaled(mean: np.ndarray) -> np.ndarray:
    """The mean of two probabilities, piecewise linear so that the best outline lies at 0.5."""
    return np.interp(mean, (0.0, _AT_OUTLINE, 1.0), (0.0, 0.5, 1.0)).astype(np.float32)


def _support(numbers: np.ndarray, near: np.ndarray, bone: np.ndarray, seen: np.ndarray) -> dict[int, float]:
    numbers, bone, seen = numbers[near], bone[near], seen[near]
    own = np.bincount(numbers[bone >= 0.5], minlength=256)
    other = np.bincount(numbers[seen >= 0.5], minlength=256)
    return {int(n): float(other[n]) / float(own[n]) for n in np.flatnonzero(own) if n > 0}


def _whole(labels: np.ndarray, voxel_ml: float, progress: Progress) -> np.ndarray:
    """Without specks, and without holes that bone encloses: what a lesion hollows out is the vertebra's."""
    result = np.zeros_like(labels)
    boxes = [(number, box) for number, box in enumerate(ndimage.find_objects(labels), start=1) if box is not None]
    for done, (number, box) in enumerate(boxes):
        progress(done / len(boxes), f"Drawing vertebra {done + 1} of {len(boxes)}")
        inside = labels[box] == number
        pieces, count = ndimage.label(inside, np.ones((3, 3, 3)))
        if count > 1:
            sizes = np.bincount(pieces.ravel()) * voxel_ml
            sizes[0] = 0.0
            inside = (sizes >= min(_SPECK_ML, sizes.max()))[pieces]
        filled = ndimage.binary_fill_holes(inside) & ((labels[box] == 0) | inside)
        result[box][filled] = number
    return result
