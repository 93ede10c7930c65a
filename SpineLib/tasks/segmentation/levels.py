"""At which level a lesion lies, and which lie at none: lesions beside labelled vertebrae."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.tasks.segmentation.lesions import Lesion
from SpineLib.volume.levels import FIRST_COUNTED, VERSE_NUMBERS, level_name
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.volume import Volume

#: A lesion touches a vertebra that lies this near to one of its voxels, mm: the borders of both are uncertain.
TOUCHING_MM = 3.0
#: A second vertebra is named when this share of the lesion's voxels lies nearest to it.
_SECOND_SHARE = 0.2
#: Voxels farther from any vertebra than this say nothing of the level, mm.
_REACH_MM = 12.0


@dataclass(frozen=True)
class Place:
    """Where one lesion lies.

    Attributes:
        name: "L3", "L3/L4", "sacrum", "vertebra 4 from below"; "" where no vertebra is near.
        numbers: of the vertebrae named, from cranial to caudal; VerSe's, or from ``FIRST_COUNTED`` on.
        distance_mm: from the lesion to the nearest vertebra, 0 inside; infinite where none is near.
    """

    name: str = ""
    numbers: tuple[int, ...] = ()
    distance_mm: float = float("inf")

    @property
    def touches(self) -> bool:
        """Whether the lesion belongs to a vertebra."""
        return self.distance_mm <= TOUCHING_MM


def ranks_from_below(numbers: np.ndarray, heights: np.ndarray) -> dict[int, int]:
    """Of vertebrae that are only counted, which one from below each is: a file may number them from either end.

    Args:
        numbers: (n,), of voxels or points; those below ``FIRST_COUNTED`` have levels and are left out.
        heights: (n,), mm, growing towards the head.

    Returns:
        By number, 1 for the lowest.
    """
    means = {int(one): float(heights[numbers == one].mean()) for one in np.unique(numbers) if one >= FIRST_COUNTED}
    return {number: rank for rank, number in enumerate(sorted(means, key=means.__getitem__), start=1)}


def counted_in(vertebrae: Volume) -> dict[int, int]:
    """:func:`ranks_from_below` of labelled vertebrae."""
    kji = np.argwhere(vertebrae.array >= FIRST_COUNTED)
    heights = kji[:, ::-1] @ vertebrae.ijk_to_lps[2, :3]
    return ranks_from_below(np.asarray(vertebrae.array)[tuple(kji.T)], heights)


def place_name(numbers: Sequence[int], ranks: Mapping[int, int] = {}) -> str:
    """What vertebrae are called as a lesion's level.

    Args:
        numbers: from cranial to caudal.
        ranks: where levels are unknown, which one from below each vertebra is (:func:`ranks_from_below`).
    """
    return "/".join(
        "sacrum" if number == VERSE_NUMBERS["S"]
        else f"vertebra {ranks[number]} from below" if number in ranks
        else level_name(number)
        for number in numbers
    )  # fmt: skip


def places_of(labels: Volume, vertebrae: Volume) -> dict[int, Place]:
    """The place of each lesion.

    Args:
        labels: lesion ids, 0 is none.
        vertebrae: VerSe's numbers, or from ``FIRST_COUNTED`` on in any order; on any grid.

    Returns:
        By lesion id.
    """
    bones = vertebrae.array if vertebrae.same_grid(labels) else resample_like(vertebrae, labels, nearest=True).array
    spacing = labels.spacing[::-1]
    margin = [int(np.ceil(_REACH_MM / step)) for step in spacing]
    ranks = counted_in(vertebrae)
    found = {}
    for number, box in enumerate(ndimage.find_objects(np.asarray(labels.array, np.int32)), start=1):
        if box is None:
            continue
        wide = tuple(slice(max(p.start - m, 0), p.stop + m) for p, m in zip(box, margin))
        found[number] = _place(labels.array[wide] == number, np.asarray(bones[wide]), spacing, ranks)
    return found


def _place(lesion: np.ndarray, bones: np.ndarray, spacing, ranks: Mapping[int, int]) -> Place:
    if not bones.any():
        return Place()
    distance, nearest = ndimage.distance_transform_edt(bones == 0, sampling=spacing, return_indices=True)
    own = bones[tuple(axis[lesion] for axis in nearest)]
    near = distance[lesion] <= _REACH_MM
    if not near.any():
        return Place()
    counts = np.bincount(own[near])
    named = [int(n) for n in np.flatnonzero(counts >= max(1, _SECOND_SHARE * near.sum()))]
    if not named:
        named = [int(counts.argmax())]
    named.sort(key=lambda number: (-ranks.get(number, 0), number))  # from cranial; the sacrum lies below counted ones
    return Place(place_name(named, ranks), tuple(named), float(distance[lesion].min()))


def with_levels(
    labels: Volume, lesions: Sequence[Lesion], vertebrae: Volume, anywhere: bool = False
) -> tuple[Volume, list[Lesion], list[Lesion]]:
    """Lesions with their levels; those that touch no vertebra go.

    Args:
        labels: lesion ids.
        lesions: as :func:`SpineLib.tasks.segmentation.lesions.find_lesions` gives them.
        vertebrae: see :func:`places_of`.
        anywhere: keep those that touch none, without a level.

    Returns:
        Labels and lesions that stay, numbered anew from 1 in their order, and the lesions dropped.
    """
    places = places_of(labels, vertebrae)
    kept, dropped = list[Lesion](), list[Lesion]()
    for lesion in lesions:
        place = places.get(lesion.id, Place())
        if place.touches or anywhere:
            kept.append(replace(lesion, level=place.name if place.touches else ""))
        else:
            dropped.append(lesion)
    return *renumbered(labels, kept), dropped


def lying_notes(vertebrae: Volume, image: Volume, name: str) -> list[str]:
    """What is to be said of where vertebrae from a file lie: a sentence where their place in space seems to be lost.

    Args:
        vertebrae: labels on any grid.
        image: the scan that they belong to.
        name: its sequence.

    Raises:
        SpineError: none of them lies in the scan.
    """
    if not np.any(vertebrae.array):
        return []
    if not np.any(resample_like(vertebrae, image, nearest=True).array):
        raise SpineError(
            f"None of the vertebrae that were given lies in the {name} image: choose those of this scan, saved with "
            "their place in space, or leave them out."
        )
    if vertebrae.shape == image.shape and not vertebrae.same_grid(image, tolerance_mm=max(image.spacing)):
        return [
            f"The vertebrae have as many voxels as {name} and lie elsewhere: look whether they lie on its bones, or "
            "whether the program that wrote them lost their place in space."
        ]
    return []


def lowest_unused(level: str) -> str:
    """What the user reads who named the lowest vertebra beside vertebrae that have levels."""
    return (
        f"That the lowest vertebra is {level} was not used, as the vertebrae that were given have levels of their own; "
        "leave them out to name it."
    )


def renumbered(labels: Volume, kept: Sequence[Lesion]) -> tuple[Volume, list[Lesion]]:
    """Labels that hold these lesions alone, numbered from 1 in their order, and the lesions with their new numbers."""
    table = np.zeros(int(labels.array.max(initial=0)) + 1, labels.array.dtype)
    table[[one.id for one in kept]] = np.arange(1, len(kept) + 1)
    new = labels.with_array(table[labels.array])
    return new, [replace(one, id=number) for number, one in enumerate(kept, start=1)]


def dropped_note(dropped: Sequence[Lesion], many: str = "lesions") -> list[str]:
    """What the user reads of lesions that were dropped; nothing where none was."""
    if not dropped:
        return []
    one = len(dropped) == 1
    volume = sum(lesion.volume_ml for lesion in dropped)
    return [
        f"{len(dropped)} of the {many} found ({volume:.1f} ml) {'touches' if one else 'touch'} no vertebra and "
        f"{'was' if one else 'were'} dropped; keep {'it' if one else 'them'} with --anywhere, or in the panel with "
        "'Keep what touches no vertebra'."
    ]


def place_at(point_lps_mm: Sequence[float], vertebrae: Volume, reach_mm: float = _REACH_MM) -> Place:
    """The place of a point: that of the nearest vertebra within ``reach_mm``."""
    inverse = np.linalg.inv(vertebrae.ijk_to_lps)
    kji = (inverse @ [*point_lps_mm, 1.0])[:3][::-1]
    spacing = np.array(vertebrae.spacing[::-1])
    low = np.maximum(np.ceil(kji - reach_mm / spacing), 0).astype(int)
    high = np.minimum(np.floor(kji + reach_mm / spacing) + 1, vertebrae.shape).astype(int)
    box = tuple(slice(a, max(a, b)) for a, b in zip(low, high))
    where = np.argwhere(np.asarray(vertebrae.array[box]) > 0)
    if not len(where):
        return Place()
    distance = np.linalg.norm((where + low - kji) * spacing, axis=1)
    nearest = int(distance.argmin())
    if distance[nearest] > reach_mm:
        return Place()
    number = int(vertebrae.array[box][tuple(where[nearest])])
    return Place(place_name((number,), counted_in(vertebrae)), (number,), float(distance[nearest]))
