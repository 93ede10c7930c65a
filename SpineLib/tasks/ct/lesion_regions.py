"""Lesions of vertebrae by comparison: what is denser or less dense than the other side and the neighbours show, judged
by a small network, and bone that is missing; no large network looks at the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy import ndimage

from SpineLib.networks.region_judge import RegionJudge
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.ct.counterparts import Compared, compared_vertebrae
from SpineLib.tasks.ct.expected import Excess, excess_of
from SpineLib.tasks.ct.lesion_boxes import CtLesion
from SpineLib.tasks.ct.lesion_marks import LYTIC, MIXED, SCLEROTIC, lesion_from_mask
from SpineLib.tasks.ct.lost_cortex import lost_cortex
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
#: Tumours are denser than water; what is less dense on average is fat or gas, HU, with the blurred rim around it, of
#: which it is at least this share.
_FAT_HU, _FAT_SHARE = 0.0, 0.33
#: Where as much is expected there is cortex, and more of it says nothing, HU; of regions of dense lesions that were
#: painted into five real CTs 9 % lie so.
_CORTEX_HU = 500.0
#: A bone's own densities at one depth differ by so many of their deviations.
_ORDINARY = 1.0


@dataclass(frozen=True, eq=False)
class Marks:
    """What stands out in vertebrae that were compared.

    Attributes:
        found: of each lesion its mask, uint8 (z, y, x), the kinds, and its probability.
        broken: numbers of vertebrae that lack bone or cortex.
        fatty: numbers of those in which what would have been marked is fat or gas.
    """

    found: list[tuple[np.ndarray, float]]
    broken: list[int] = field(default_factory=list)
    fatty: list[int] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found.

    Attributes:
        grid: the vertebrae and what lies around them.
        box: (k, j, i) of the CT that the grid covers.
        lesions: their ids are 0.
        masks: of each lesion, uint8 (z, y, x), the kinds of :mod:`SpineLib.tasks.ct.lesion_marks`.
        searched, lacking: numbers of vertebrae that were, and could not be, compared with others.
        broken, fatty: as of :class:`Marks`.
    """

    grid: ColumnGrid
    box: tuple[slice, slice, slice]
    lesions: list[CtLesion]
    masks: list[np.ndarray]
    searched: list[int]
    lacking: list[int]
    broken: list[int]
    fatty: list[int]


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
        labels: numbers of vertebrae on the CT's grid, one each; the sacrum is compared with its other side alone.
        network: in eval mode.
        spacing_mm: of the voxels that are compared.
        threshold: least probability of a lesion.
        progress: told after every vertebra; may raise ``Cancelled``.
    """
    box = surroundings(labels)
    grid, numbers = vertebrae_grid(crop(ct, box), crop(labels, box), spacing_mm, part(progress, 0.0, 0.2))
    vertebrae = compared_vertebrae(numbers, (), part(progress, 0.2, 0.6), (VERSE_NUMBERS["S"],))
    excess = excess_of(grid.image, numbers, vertebrae, part(progress, 0.6, 0.75), grid.own_sides)
    marks = marks_of(excess, numbers, vertebrae, network, threshold, part(progress, 0.75, 0.95))
    lesions, masks = [], []
    for mask, probability in marks.found:
        place = triple(ndimage.find_objects((mask > 0).astype(np.uint8))[0])
        ml = float(np.count_nonzero(mask)) * float(np.prod(grid.spacing)) / 1000
        lesions.append(lesion_from_mask(grid, mask, place, ml, round(probability, 4)))
        masks.append(mask)
    searched = sorted(one.number for one in vertebrae if one.number not in excess.lacking)
    present = {int(number) for number in np.unique(numbers)} - {0}
    lacking = sorted(present - set(searched))
    return Judged(grid, box, lesions, masks, searched, lacking, marks.broken, marks.fatty)


def marks_of(
    excess: Excess,
    numbers: np.ndarray,
    vertebrae: Sequence[Compared],
    network: RegionJudge,
    threshold: float,
    progress: Progress = silent,
) -> Marks:
    """Regions that the judge calls lesions, bone that is missing and cortex that is lost; what touches is one lesion.

    Args:
        excess: of the vertebrae.
        numbers: of them, uint8 (z, y, x).
        vertebrae: compared with their counterparts.
        network: in eval mode.
        threshold: least probability of a lesion.
        progress: may raise ``Cancelled``.
    """
    regions = regions_of(excess, part(progress, 0.0, 0.4))
    values = judged(regions, network)
    fat = fat_among(regions)
    single = [one.number for one in vertebrae if all(other.mirror for other in one.counterparts)]
    left_out = [
        fatty or is_cortex(one) or (is_ordinary(one) and one.label_in(numbers) in single)
        for one, fatty in zip(regions, fat)
    ]
    plain = [0.0 if out else value for value, out in zip(values, left_out)]
    where = {one.label_in(numbers) for one, value, fatty in zip(regions, values, fat) if fatty and value >= threshold}
    lost = missing_bone(excess.smooth, numbers, vertebrae, part(progress, 0.4, 0.7))
    lost += lost_cortex(excess.smooth, numbers, vertebrae, excess.lytic, part(progress, 0.7, 1.0))
    lost = [(mask, value) for mask, value in lost if value >= threshold]
    broken = sorted({number for mask, _ in lost if (number := _nearest(mask, numbers))})
    return Marks(_joined(lesion_masks(regions, plain, threshold, numbers) + lost), broken, sorted(where))


def fat_among(regions: Sequence[Region]) -> list[bool]:
    """Which regions are less dense than any tumour, themselves or the larger part of what lies in them."""
    fat = [not one.dense and one.density < _FAT_HU for one in regions]
    for one, own in zip(reversed(regions), range(len(regions) - 1, -1, -1)):
        if fat[own] and one.within >= 0:
            share = np.count_nonzero(one.inside) / np.count_nonzero(regions[one.within].inside)
            fat[one.within] = fat[one.within] or bool(share >= _FAT_SHARE)
    return fat


def is_cortex(region: Region) -> bool:
    """Whether a region is dense where the counterparts are, too: a joint, a rim or an osteophyte with more cortex."""
    return region.dense and region.density - region.contrast > _CORTEX_HU


def is_ordinary(region: Region) -> bool:
    """Whether a region is as dense as the bone's other places at this depth: where the other side alone can be
    compared, the side that is well differs as much as the one that is ill."""
    return (region.score if region.dense else -region.score) < _ORDINARY


def _nearest(mask: np.ndarray, numbers: np.ndarray) -> int:
    """The vertebra that a mask touches most; 0 where none."""
    touched = np.bincount(numbers[ndimage.binary_dilation(mask > 0, iterations=2)], minlength=2)
    return int(touched[1:].argmax()) + 1 if touched[1:].any() else 0


def _joined(found: Sequence[tuple[np.ndarray, float]]) -> list[tuple[np.ndarray, float]]:
    """Marks that touch each other are one lesion, as likely as the likeliest."""
    joined: list[tuple[np.ndarray, float]] = []
    for mask, value in sorted(found, key=lambda one: -one[1]):
        near = ndimage.binary_dilation(mask > 0, iterations=_TOGETHER_MM // 2)
        touching = [one for one in joined if (near & (one[0] > 0)).any()]
        for other, probability in touching:
            mask, value = np.where(other > 0, other, mask), max(value, probability)
        joined = [one for one in joined if not any(one is other for other in touching)] + [(mask, value)]
    return joined


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
        groups.setdefault(one.label_in(pieces), []).append(number)
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
