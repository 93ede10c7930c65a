"""Lesions of vertebrae by comparison: what is denser or less dense than the other side and the neighbours show, judged
by a small network; no large network looks at the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from SpineLib.networks.region_judge import RegionJudge
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.ct.counterparts import compared_vertebrae
from SpineLib.tasks.ct.expected import excess_of
from SpineLib.tasks.ct.lesion_boxes import CtLesion
from SpineLib.tasks.ct.lesion_marks import LYTIC, MIXED, SCLEROTIC, lesion_from_mask
from SpineLib.tasks.ct.missing_bone import missing_bone
from SpineLib.tasks.ct.regions import Region, kept, regions_of
from SpineLib.volume.crop import box_of, crop
from SpineLib.volume.levels import VERSE_NUMBERS
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: Around the vertebrae so much of the CT is read, mm.
_AROUND_MM = 12.0
#: Regions so near each other are one lesion, mm; a share of the other kind from which it is mixed.
_TOGETHER_MM, _MIXED_SHARE = 2, 0.15
#: A lesion's mask reaches so far beyond what was compared, mm: the surface itself was not.
_GROWN_MM = 1


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found.

    Attributes:
        grid: the vertebrae and what lies around them.
        box: (k, j, i) of the CT that the grid covers.
        lesions: their ids are 0.
        masks: of each lesion, uint8 (z, y, x), the kinds of :mod:`SpineLib.tasks.ct.lesion_marks`.
        searched, lacking: numbers of vertebrae that were, and could not be, compared with others.
    """

    grid: ColumnGrid
    box: tuple[slice, slice, slice]
    lesions: list[CtLesion]
    masks: list[np.ndarray]
    searched: list[int]
    lacking: list[int]


def judged_lesions(
    ct: Volume,
    labels: Volume,
    network: RegionJudge,
    spacing_mm: float,
    threshold: float,
    progress: Progress = silent,
) -> Judged:
    """Search all vertebrae.

    Args:
        ct: HU.
        labels: numbers of vertebrae on the CT's grid, one each; the sacrum is left out.
        network: in eval mode.
        spacing_mm: of the voxels that are compared.
        threshold: least probability of a lesion.
        progress: told after every vertebra; may raise ``Cancelled``.
    """
    box = surroundings(labels)
    grid, numbers = vertebrae_grid(crop(ct, box), crop(labels, box), spacing_mm, part(progress, 0.0, 0.2))
    vertebrae = compared_vertebrae(numbers, (VERSE_NUMBERS["S"],), part(progress, 0.2, 0.6))
    excess = excess_of(grid.image, numbers, vertebrae, part(progress, 0.6, 0.75))
    regions = regions_of(excess, part(progress, 0.75, 0.85))
    lesions, masks = [], []
    found = lesion_masks(regions, judged(regions, network), threshold, numbers)
    found += [
        (mask, value)
        for mask, value in missing_bone(excess.smooth, numbers, vertebrae, part(progress, 0.85, 0.95))
        if value >= threshold
    ]
    for mask, probability in found:
        place = triple(ndimage.find_objects((mask > 0).astype(np.uint8))[0])
        ml = float(np.count_nonzero(mask)) * float(np.prod(grid.spacing)) / 1000
        lesions.append(lesion_from_mask(grid, mask, place, ml, round(probability, 4)))
        masks.append(mask)
    searched = sorted(one.number for one in vertebrae if one.number not in excess.lacking)
    present = {int(number) for number in np.unique(numbers)} - {0, VERSE_NUMBERS["S"]}
    return Judged(grid, box, lesions, masks, searched, sorted(present - set(searched)))


def surroundings(labels: Volume) -> tuple[slice, slice, slice]:
    """The box (k, j, i) around all vertebrae."""
    return box_of(labels.array, triple(int(np.ceil(_AROUND_MM / side)) for side in labels.spacing[::-1]))


def vertebrae_grid(
    ct: Volume, labels: Volume, spacing_mm: float, progress: Progress = silent
) -> tuple[ColumnGrid, np.ndarray]:
    """A CT in voxels of one size, and the numbers of its vertebrae there, uint8 (z, y, x); both on the CT's grid."""
    grid = ColumnGrid.of(ct, (spacing_mm,) * 3, part(progress, 0.0, 0.5))
    numbers = np.zeros(grid.image.shape, np.uint8)
    most = np.full(grid.image.shape, 0.5, np.float32)
    present = [number for number in np.unique(labels.array) if number > 0]
    for done, number in enumerate(present):
        progress(0.5 + done / (2 * len(present)), "Reading the vertebrae")
        one = (labels.array == number).astype(np.float32)
        share = ColumnGrid.of(labels.with_array(one), (spacing_mm,) * 3).image
        numbers[share > most] = number
        np.maximum(most, share, out=most)
    return grid, numbers


def judged(regions: Sequence[Region], network: RegionJudge) -> list[float]:
    """Probability of each region to be a lesion."""
    if not regions:
        return []
    with torch.inference_mode():
        return network(torch.from_numpy(np.stack([one.features for one in regions]))).tolist()


def lesion_masks(
    regions: Sequence[Region], probabilities: Sequence[float], threshold: float, numbers: np.ndarray
) -> list[tuple[np.ndarray, float]]:
    """Of each lesion its mask, uint8 (z, y, x), the kinds, and its probability: the likeliest of its regions'."""
    chosen = [n for n in kept(regions, probabilities) if probabilities[n] >= threshold]
    groups = _together([regions[n] for n in chosen], numbers.shape)
    return [
        (_mask([regions[chosen[n]] for n in group], numbers), max(probabilities[chosen[n]] for n in group))
        for group in groups
    ]


def _together(regions: Sequence[Region], shape: tuple[int, ...]) -> list[list[int]]:
    """Numbers of regions that lie next to each other, one list a lesion."""
    near = np.zeros(shape, bool)
    for one in regions:
        near[one.box] |= one.inside
    near = ndimage.binary_dilation(near, iterations=_TOGETHER_MM // 2)
    pieces, _ = ndimage.label(near)
    groups: dict[int, list[int]] = {}
    for number, one in enumerate(regions):
        groups.setdefault(int(pieces[one.box][one.inside][0]), []).append(number)
    return list(groups.values())


def _mask(regions: Sequence[Region], numbers: np.ndarray) -> np.ndarray:
    """Kinds of one lesion; it stays within the vertebrae."""
    kinds = np.zeros(numbers.shape, np.uint8)
    for one in regions:
        kinds[one.box][one.inside] = SCLEROTIC if one.dense else LYTIC
    dense, lytic = np.count_nonzero(kinds == SCLEROTIC), np.count_nonzero(kinds == LYTIC)
    kind = SCLEROTIC if dense >= lytic else LYTIC
    if min(dense, lytic) > _MIXED_SHARE * (dense + lytic):
        kind = MIXED
    box = triple(
        slice(max(0, side.start - 2), side.stop + 2) for side in ndimage.find_objects((kinds > 0).astype(np.uint8))[0]
    )
    grown = ndimage.binary_dilation(kinds[box] > 0, iterations=_GROWN_MM) & (numbers[box] > 0)
    kinds[box] = np.where(grown, kind, 0)
    return kinds
