"""Marks that are no lesion of a vertebra, however sure a network is of them: told by where they lie and how they look.

Networks that were trained on simulated scans mark discs, facet joints and roots beside vertebrae, what the first and
last slice cut, and marrow that differs from the rest by its texture alone, as surely as true lesions. A metastasis
begins in marrow, replaces it and so differs from it: on T1 all are darker, on T2 and STIR brighter or darker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from SpineLib.geometry.orientation import Orientation
from SpineLib.tasks.segmentation.lesions import Lesion
from SpineLib.tasks.segmentation.marrow import marrow_of
from SpineLib.volume.crop import box_of
from SpineLib.volume.levels import VERSE_NUMBERS
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.volume import Volume

#: A mark belongs to a vertebra with this share of it in bone, or with so much of it, ml.
_SHARE_IN_BONE, _IN_BONE_ML = 0.5, 0.25
#: Half of a small mark within the first or last so many mm of the slices, and it is what that slice cuts; ml.
_LAST_MM, _SMALL_ML = 5.0, 1.5
#: Median of a mark over that of the marrow around it: what is not darker on T1, or between the others on T2 and STIR,
#: has the marrow's own signal. The sacrum is darker than the column above it by nature on T1.
_DARKER, _DARKER_IN_SACRUM, _LIKE = 0.84, 0.74, (0.87, 1.2)
#: A mark of which a quarter is beyond these has two kinds of tissue, which a median does not tell.
_MIXED = (0.65, 1.5)
#: Marrow of other vertebrae than the mark's lies further off, where the coil is another: limits are so much wider.
_FURTHER = 0.88
#: Marrow around a mark counts with this sigma, mm; less is too little, ml.
_SIGMA_MM, _LEAST_ML = 25.0, 3.0


@dataclass(frozen=True)
class Doubt:
    """Why a mark is no lesion: what follows "one ..." and "several ..." in a sentence."""

    one: str
    many: str


BESIDE = Doubt(
    "lies beside the bone, as discs, joints, roots and vessels do",
    "lie beside the bone, as discs, joints, roots and vessels do",
)
CUT = Doubt("lies in the first or last slice", "lie in the first or last slice")
LIKE_MARROW = Doubt("has the signal of the marrow around it", "have the signal of the marrow around them")


def doubts(
    labels: Volume,
    lesions: Sequence[Lesion],
    images: Mapping[str, Volume],
    vertebrae: Volume,
    whole_bones: bool = True,
) -> dict[int, Doubt]:
    """Marks that are no lesions, by their id.

    Args:
        labels: ids of the lesions.
        lesions: those to be judged.
        images: of one patient by sequence, on any grid; one in which a mark stands out is enough. Where others than T1,
            T2 and STIR are among them, their signal is not judged: after contrast medium lesions may look like marrow.
        vertebrae: 0 is none, on any grid.
        whole_bones: whether posterior elements are among them; without, what lies beside the bodies is not judged.
    """
    numbers = resample_like(vertebrae, labels, nearest=True).array
    bone = numbers > 0
    spacing = np.array(labels.spacing[::-1])
    marks = labels.array
    core = marrow_of(bone, labels) & (marks == 0)
    seen = {name: resample_like(image, labels).array for name, image in images.items() if name in ("T1", "T2", "STIR")}
    judged = len(seen) == len(images)
    found = {}
    for lesion in lesions:
        wide = box_of(marks == lesion.id, [int(np.ceil(3 * _SIGMA_MM / step)) for step in spacing])
        mark = marks[wide] == lesion.id
        inside = mark & bone[wide]
        ml = labels.voxel_volume_ml
        if whole_bones and inside.sum() < _SHARE_IN_BONE * mark.sum() and inside.sum() * ml < _IN_BONE_ML:
            found[lesion.id] = BESIDE
        elif lesion.volume_ml < _SMALL_ML and _in_last_slice(marks == lesion.id, labels):
            found[lesion.id] = CUT
        elif judged and seen and core[wide].sum() * ml >= _LEAST_ML:
            own = inside if inside.sum() * 2 >= mark.sum() else mark
            around = [(core[wide], 1.0), (_of_others(core[wide], numbers[wide], inside), _FURTHER)]
            darker = _DARKER_IN_SACRUM if _mostly_sacral(numbers[wide], own) else _DARKER
            enough = [(marrow, far) for marrow, far in around if marrow.sum() * ml >= _LEAST_ML]
            if not any(
                _stands_out(seen[name][wide], own, marrow, spacing, name, far, darker)
                for name in seen
                for marrow, far in enough
            ):
                found[lesion.id] = LIKE_MARROW
    return found


def doubts_note(found: Mapping[int, Doubt], lesions: Sequence[Lesion], many: str = "lesions") -> list[str]:
    """What the user reads of marks that were left out, with their levels; nothing where none was."""
    if not found:
        return []
    told = []
    for kind in (BESIDE, CUT, LIKE_MARROW):
        places = [f"{one.level or 'no level'} {one.volume_ml:.1f} ml" for one in lesions if found.get(one.id) == kind]
        if places:
            told.append(f"{len(places)} {kind.one if len(places) == 1 else kind.many} ({', '.join(places)})")
    was, it = ("was", "it") if len(found) == 1 else ("were", "them")
    return [
        f"{len(found)} of the {many} found {was} left out, since {'; '.join(told)}; keep {it} with --anywhere, or in "
        "the panel with 'Keep what touches no vertebra'."
    ]


def _of_others(core: np.ndarray, numbers: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Marrow of the vertebrae that a mark does not lie in: where one is replaced as a whole and little of it is marked,
    its own rest looks like the mark. Not of a mark in the sacrum, which is darker than the column above it by nature.
    """
    hosts = np.unique(numbers[inside])
    if VERSE_NUMBERS["S"] in hosts:
        return np.zeros(core.shape, bool)
    return core & ~np.isin(numbers, [*hosts, VERSE_NUMBERS["S"]])


def _mostly_sacral(numbers: np.ndarray, mark: np.ndarray) -> bool:
    return bool(2 * np.count_nonzero(numbers[mark] == VERSE_NUMBERS["S"]) >= np.count_nonzero(mark))


def _in_last_slice(mark: np.ndarray, labels: Volume) -> bool:
    axis = Orientation.of(labels).axes[0]
    step, count = labels.spacing[2 - axis], labels.shape[axis]
    slices = mark.sum(axis=tuple(other for other in range(3) if other != axis))
    last = max(1, round(_LAST_MM / step))
    return count > 4 * last and 2 * max(slices[:last].sum(), slices[-last:].sum()) >= slices.sum()


def _stands_out(
    image: np.ndarray,
    mark: np.ndarray,
    core: np.ndarray,
    spacing: np.ndarray,
    sequence: str,
    far: float,
    darker: float,
) -> bool:
    """Whether a mark differs from marrow around it, near marrow counting most, which follows the coil; by more than the
    limits, whose ratio to theirs is ``far``, where the marrow lies further off; on T1 the limit is ``darker``.
    """
    where = np.argwhere(core)
    where = where[:: max(1, len(where) // 20000)]
    distance = np.linalg.norm((where - np.argwhere(mark).mean(0)) * spacing, axis=1)
    values = image[tuple(where.T)].astype(float)
    order = np.argsort(values)
    weights = np.cumsum(np.exp(-0.5 * (distance[order] / _SIGMA_MM) ** 2))
    marrow = float(values[order][np.searchsorted(weights, weights[-1] / 2)])
    if marrow <= 0:
        return True
    low, middle, high = np.percentile(image[mark], (25, 50, 75)) / marrow
    mixed = low < _MIXED[0] * far
    if sequence == "T1":
        return bool(middle < darker * far or mixed)
    return bool(not _LIKE[0] * far <= middle <= _LIKE[1] / far or mixed or high > _MIXED[1] / far)
