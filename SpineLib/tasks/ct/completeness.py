"""What of a vertebra is missing in its mask, said before anything stands on it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from SpineLib.mesh.arch import LEAST_PEDICLE, arch_of
from SpineLib.mesh.wholeness import MOST_EDGE_MM2, edge_mm2
from SpineLib.progress import Progress, silent
from SpineLib.volume.crop import crop
from SpineLib.volume.levels import VERSE_NUMBERS, level_name
from SpineLib.volume.volume import Volume

#: Said of a vertebra through which no canal goes.
NO_ARCH = "no closed arch: no canal goes through it"
#: Numbers of what has no arch of its own.
_WITHOUT_ARCH = (VERSE_NUMBERS["S"],)
#: A vertebra whose voxels agree on its centre this much less than those of the column's uncut ones usually do may hold
#: parts of two: of 13 whole ones on four real CTs and 85 on simulated ones none has less than 0.87 and 0.91, two that
#: were mixed up have 0.81 and 0.83. The votes in one that the image's edge cuts scatter by themselves.
LEAST_AGREEMENT, LEAST_AGREEMENT_CUT = 0.85, 0.5
#: A vertebra so many times as large as its neighbours may be two; bodies grow by less than a tenth a level.
MOST_OF_NEIGHBOURS = 1.6
#: Cement, screws and cages are denser than this, HU, and so is no more of a vertebra than that, ml: of 16 vertebrae on
#: three real CTs 0.01 ml is.
FOREIGN_HU, FOREIGN_ML = 2000.0, 0.3


def missing_parts(
    labels: Volume, agreement: Mapping[int, float] | None = None, progress: Progress = silent
) -> dict[int, tuple[str, ...]]:
    """By number, what each vertebra of a label map lacks; vertebrae that lack nothing are not in it.

    Args:
        labels: uint8.
        agreement: by number, the share of its voxels that agree on one centre, where the network said so.
        progress: told before each vertebra.
    """
    found = {}
    boxes = [(number, box) for number, box in enumerate(ndimage.find_objects(labels.array), start=1) if box is not None]
    counts = {number: int(np.count_nonzero(labels.array[box] == number)) for number, box in boxes}
    larger = _larger(counts)
    cut = {number for number, box in boxes if _at_edge(box, labels.shape)}
    agreement = {number: share for number, share in (agreement or {}).items() if number in counts}
    usual = [share for number, share in agreement.items() if number not in cut] or [0.0]
    for done, (number, box) in enumerate(boxes):
        progress(done / len(boxes), f"Looking at vertebra {done + 1} of {len(boxes)}")
        told = _missing(labels, number, box)
        if number in larger:
            told.append(f"{larger[number]:.1f} times as large as its neighbours: it may be two vertebrae")
        least = LEAST_AGREEMENT_CUT if number in cut else LEAST_AGREEMENT
        if agreement.get(number, 1.0) < least * float(np.median(usual)):
            told.append("its parts belong to different centres: it may hold parts of two vertebrae")
        if told:
            found[number] = tuple(told)
    return found


def foreign_notes(ct: Volume, labels: Volume) -> list[str]:
    """Sentences on vertebrae that hold what is denser than bone.

    Args:
        ct: HU.
        labels: uint8, on the same grid.
    """
    notes = []
    for number, box in enumerate(ndimage.find_objects(labels.array), start=1):
        if box is not None:
            dense = np.count_nonzero((labels.array[box] == number) & (ct.array[box] > FOREIGN_HU))
            if dense * ct.voxel_volume_ml >= FOREIGN_ML:
                notes.append(
                    f"{level_name(number)} holds {dense * ct.voxel_volume_ml:.1f} ml denser than {FOREIGN_HU:.0f} HU, "
                    "as cement and metal are: they are labelled as its bone, and beside them its outline may be off."
                )
    return notes


def _missing(labels: Volume, number: int, box: tuple[slice, slice, slice]) -> list[str]:
    own = crop(labels, box)
    mask = own.with_array((own.array == number).astype(np.uint8))
    told = []
    # Only the image's own faces count, not those of the box around the vertebra.
    edge = _edge_mm2(labels, number, box)
    if edge > MOST_EDGE_MM2:
        told.append(f"cut by the image's edge over {edge:.0f} mm2")
    if number in _WITHOUT_ARCH:
        return told
    arch = arch_of(mask)
    if not arch.closed:
        return [*told, NO_ARCH]
    assert arch.left_mm2 is not None and arch.right_mm2 is not None
    less, more = sorted((arch.left_mm2, arch.right_mm2))
    if less < LEAST_PEDICLE * more:
        told.append(f"{'left' if arch.left_mm2 < arch.right_mm2 else 'right'} pedicle incomplete")
    return told


def _edge_mm2(labels: Volume, number: int, box: tuple[slice, slice, slice]) -> float:
    return edge_mm2(labels.with_array(labels.array == number)) if _at_edge(box, labels.shape) else 0.0


def _at_edge(box: tuple[slice, slice, slice], shape: tuple[int, ...]) -> bool:
    return any(side.start == 0 or side.stop == size for side, size in zip(box, shape))


def _larger(counts: Mapping[int, int]) -> dict[int, float]:
    """How many times as large as the two nearest vertebrae each one is that is far larger than both, by number; and so
    are the voxels given."""
    numbers = [number for number in sorted(counts) if number not in _WITHOUT_ARCH]
    found = {}
    for place, number in enumerate(numbers):
        beside = numbers[max(0, place - 2) : place] + numbers[place + 1 : place + 3]
        if len(beside) < 2:
            continue
        ratio = counts[number] / max(sorted(counts[other] for other in beside)[-2:])
        if ratio > MOST_OF_NEIGHBOURS:
            found[number] = float(ratio)
    return found
