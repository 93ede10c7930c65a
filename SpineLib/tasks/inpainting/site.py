"""Where a vertebra is repaired: which voxels may change, and whether it can be done at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.geometry.signed_distance import sampled
from SpineLib.preprocess.vertebra_frame import Column
from SpineLib.tasks.ct.label_measures import height_mm
from SpineLib.tasks.ct.numbering_fit import TALLEST_MM
from SpineLib.volume.checks import check_image
from SpineLib.volume.crop import crop
from SpineLib.volume.levels import VERSE_NUMBERS, level_name
from SpineLib.volume.places import to_lps
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: A lesion farther from the vertebra than this is not its own; less of the bone than this share is nothing to repair
#: from.
_REACH_MM, _LEAST_LEFT = 4.0, 0.1
#: Less than this share of a lesion in the repaired vertebra: it is another one's. Of a ball of 28 mm around a pedicle,
#: a mass far beyond the bone, a quarter is; of a whole vertebra that the labels lack 0.02 in its neighbour.
_LEAST_OWN = 0.06
#: A lesion that touches another vertebra over less than this, mm2, hardly took bone of it: where half an
#: arch is gone both facet joints touch over 200.
TOUCHED_MM2 = 400.0
#: Around vertebra and lesion, mm; the frame's fits look no farther.
_MARGIN_MM = 20.0


@dataclass(frozen=True, eq=False)
class Site:
    """The part of the image around one vertebra.

    Attributes:
        column: all vertebrae; the box of this one holds the lesion too.
        label: of the vertebra.
        lesion: on the grid of all labels, uint8.
        near: bool, of the box: the pieces of the lesion within reach of the vertebra.
        labels: the box around vertebra and lesion.
        box: where it lies in the whole, (k, j, i).
        region: bool, of the box: the lesion and a margin, without other labels.
        notes: sentences the user should read.
    """

    column: Column
    label: int
    lesion: Volume
    near: np.ndarray
    labels: Volume
    box: tuple[slice, slice, slice]
    region: np.ndarray
    notes: list[str]

    def whole(self, mask: np.ndarray, name: str) -> Volume:
        """A mask of the box on the grid of all labels, uint8."""
        array = np.zeros(self.column.labels.shape, np.uint8)
        array[self.box] = mask
        return self.column.labels.with_array(array, name)


def site_of(vertebrae: Volume, lesion: Volume, label: int | None, margin_mm: float) -> Site:
    """Check labels and lesion, and find where the repair may write.

    Args:
        vertebrae: a number a vertebra.
        lesion: not 0 inside; on any grid.
        label: of the vertebra; None: the one that the lesion meets most.
        margin_mm: around the lesion.

    Raises:
        SpineError: no vertebra or no lesion, the lesion lies elsewhere, or covers all of the vertebra.
    """
    check_image(vertebrae, "mask")
    if vertebrae.array.dtype.kind == "f" and not np.array_equal(vertebrae.array, np.rint(vertebrae.array)):
        raise SpineError("The vertebrae are no labels: the image holds fractions; choose a segmentation.")
    if vertebrae.array.min() < 0:
        raise SpineError("The vertebrae are no labels: the image holds negative values; choose a segmentation.")
    notes = []
    if not lesion.same_grid(vertebrae):
        notes.append("The lesion lies on another grid than the vertebrae and was resampled to theirs.")
    marked = _on(lesion, vertebrae)
    column = Column.of(vertebrae)
    if not column.boxes:
        raise SpineError(
            "There is no vertebra among the labels; segment the vertebrae first, or choose another segmentation."
        )
    label = _overlapped(column, marked) if label is None else int(label)
    if label not in column.boxes:
        raise SpineError(
            f"There is no vertebra {label} among the labels; choose one of {', '.join(map(str, column.boxes))}."
        )
    if label != VERSE_NUMBERS["S"] and height_mm(vertebrae, label, column.boxes[label]) > TALLEST_MM:
        raise SpineError(
            f"The label of {level_name(label)} reaches over more than one vertebra; give a segmentation in which each "
            "vertebra has a label of its own."
        )
    column, labels, box, near = _around(column, label, marked)
    region = _region(labels, label, near, margin_mm)
    bone = labels.array == label
    left = np.count_nonzero(bone & ~region)
    # What the labels lack where the lesion is would have been bone at most where it is near to the bone.
    if left < _LEAST_LEFT * np.count_nonzero(bone) or left * labels.voxel_volume_ml < 0.5:
        raise SpineError(
            "The lesion covers the whole vertebra, so that nothing is left to repair it from; draw the "
            "lesion smaller, or choose another vertebra."
        )
    return Site(column, label, marked, near, labels, box, region, notes)


def _on(lesion: Volume, grid: Volume) -> Volume:
    if lesion.same_grid(grid):
        marked = np.asarray(lesion.array) != 0
    else:
        mask = lesion.with_array((np.asarray(lesion.array) != 0).astype(np.float32))
        marked = sampled(mask, grid, 0.0) >= 0.5
    if not marked.any():
        raise SpineError("The lesion's mask is empty where the vertebrae are; mark what is to be repaired.")
    return grid.with_array(marked.astype(np.uint8), "lesion")


def _overlapped(column: Column, lesion: Volume) -> int:
    """The vertebra with most voxels in the lesion; of a hole that no label fills, the nearest one."""
    counts = np.bincount(column.labels.array[lesion.array > 0].astype(np.int64).ravel())
    counts[0] = 0
    of_bones = [n if number in column.boxes else 0 for number, n in enumerate(counts)]
    if max(of_bones):
        return int(np.argmax(of_bones))
    centre = to_lps(np.argwhere(lesion.array), lesion).mean(axis=0)
    return min(column.centres, key=lambda number: float(np.linalg.norm(column.centres[number] - centre)))


def _around(
    column: Column, label: int, lesion: Volume
) -> tuple[Column, Volume, tuple[slice, slice, slice], np.ndarray]:
    """The box around vertebra and lesion, and the lesion's part within reach of the vertebra, bool."""
    labels = column.labels
    voxels = [int(np.ceil(_MARGIN_MM / side)) for side in labels.spacing[::-1]]
    wide = tuple(
        slice(max(0, part.start - 3 * more), min(size, part.stop + 3 * more))
        for part, more, size in zip(column.boxes[label], voxels, labels.shape)
    )
    inside = lesion.array[wide] > 0
    away = ndimage.distance_transform_edt(labels.array[wide] != label, labels.spacing[::-1])
    parts, _ = ndimage.label(inside, np.ones((3, 3, 3)))
    touching = np.unique(parts[inside & (away <= _REACH_MM)])
    if not touching[touching > 0].size:
        raise SpineError(
            f"The lesion lies outside {level_name(label)}; choose the vertebra that it is in, or mark the lesion again."
        )
    chosen = np.zeros(labels.shape, np.uint8)
    chosen[wide] = np.isin(parts, touching[touching > 0]) & inside
    marked = labels.with_array(chosen, "lesion")
    column = column.including(label, marked)
    box = triple(
        slice(max(0, part.start - more), min(size, part.stop + more))
        for part, more, size in zip(column.boxes[label], voxels, labels.shape)
    )
    return column, crop(labels, box), box, chosen[box] > 0


def _region(labels: Volume, label: int, lesion: np.ndarray, margin_mm: float) -> np.ndarray:
    grown = ndimage.distance_transform_edt(~lesion, labels.spacing[::-1]) <= margin_mm
    return grown & ((labels.array == label) | (labels.array == 0))


def border_contact_mm2(mask: np.ndarray, box: tuple[slice, ...], whole: Volume) -> float:
    """Area (mm²) of a mask in a box that lies on the border of the whole image."""
    total = 0.0
    for axis, (part, size) in enumerate(zip(box, whole.shape)):
        sides = [whole.spacing[2 - other] for other in range(3) if other != axis]
        for at_border, index in ((part.start == 0, 0), (part.stop == size, -1)):
            if at_border:
                total += float(np.count_nonzero(mask.take(index, axis=axis)) * np.prod(sides))
    return total


def place_notes(site: Site, repaired: np.ndarray, asked: bool) -> list[str]:
    """Sentences on what of the lesion is not the repaired vertebra's.

    Args:
        repaired: bool, of the site's box.
        asked: whether the user chose the vertebra.

    Raises:
        SpineError: the lesion is another vertebra's, and the user chose none.
    """
    own = site.near & (repaired | (site.labels.array == site.label))
    notes, share, name = [], np.count_nonzero(own) / np.count_nonzero(site.near), level_name(site.label)
    if share < _LEAST_OWN:
        told = (
            f"Only {share:.1%} of the lesion lies in {name} or where that may have been: it may be a lesion of a "
            "vertebra that the labels lack or of which nothing is left."
        )
        if not asked:
            raise SpineError(f"{told} Choose the vertebra to be repaired, or give labels that hold it.")
        notes.append(f"{told} Look whether {name} is the one that you mean.")
    others = _also_met(site)
    if others:
        verb = "is" if len(others) == 1 else "are"
        notes.append(
            f"The lesion reaches {' and '.join(others)}, too, which {verb} not repaired here: do so by itself."
        )
    return notes


def _also_met(site: Site) -> list[str]:
    """Other vertebrae that the same lesion lies in, or touches where their bone may be gone, in words."""
    labels = site.labels.array
    found = []
    for number in site.column.boxes:
        other = labels == number
        if number == site.label or not other.any():
            continue
        inside = np.count_nonzero(site.near & other) * site.labels.voxel_volume_ml
        if inside > 0.5 or touched_mm2(site, number) > TOUCHED_MM2:
            found.append(level_name(number) + (f" ({inside:.1f} ml)" if inside > 0.05 else ""))
    return found


def touched_mm2(site: Site, number: int) -> float:
    """Area over which the lesion touches the labels of another vertebra, mm2."""
    return _contact_mm2(site.near, site.labels.array == number, site.labels)


def _contact_mm2(one: np.ndarray, other: np.ndarray, grid: Volume) -> float:
    """Area of the voxel faces between two masks, mm2."""
    total, sides = 0.0, np.asarray(grid.spacing[::-1])
    for axis in range(3):
        before, after = ([slice(None)] * axis + [part] for part in (slice(None, -1), slice(1, None)))
        faces = (one[*before] & other[*after]) | (other[*before] & one[*after])
        total += float(np.count_nonzero(faces) * np.prod(np.delete(sides, axis)))
    return total
