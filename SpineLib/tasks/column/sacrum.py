"""The sacrum on CT: below the column, in its line; and what of it was taken for a vertebra."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from SpineLib.tasks.column.grouping import Member
from SpineLib.tasks.column.parts import SACRUM
from SpineLib.volume.crop import box_of

#: Less is no sacrum, ml.
_LEAST_ML = 5.0
#: Its middle lies below the lowest vertebra's centre; its nearest part within this of it, mm; aside at most that, mm.
_NEAR_MM, _ASIDE_MM = 60.0, 40.0
#: What hangs on the sacrum by a bridge of one voxel and reaches farther than this from it, mm, is of a hip; unless more
#: than this share of the bone would go.
_REACH_MM, _MOST_OFF = 8.0, 0.4
#: The lowest of three or more vertebrae is the sacrum's first when its body has less than this share of the others' ...
_SMALL = 0.4
#: ... or its arch has, and its centre lies less than so many mm above the sacrum's top, where L5 has it higher ...
_ABOVE_TOP_MM = 5.0
#: ... and so much sacrum lies around it, ml within mm.
_AROUND_ML, _AROUND_MM = 4.0, 40.0


def sacrum_of(parts: np.ndarray, members: Sequence[Member], spacing: Sequence[float]) -> np.ndarray:
    """Bool (z, y, x): the largest piece of sacrum below the column, nothing where there is none.

    Args:
        parts: uint8, numbers of :mod:`SpineLib.tasks.column.parts`; z grows to superior.
        members: from cranial to caudal; without any, the largest piece is the sacrum.
        spacing: mm along (z, y, x).
    """
    steps = np.asarray(spacing, float)
    pieces, count = ndimage.label(parts == SACRUM)
    sizes = np.bincount(pieces.ravel(), minlength=1) * float(steps.prod()) / 1000
    for number in 1 + np.argsort(-sizes[1:]):
        if sizes[number] < _LEAST_ML:
            break
        inside = pieces == number
        if not members or _below(np.argwhere(inside) * steps, np.asarray(members[-1].centre_mm)):
            return _without_hips(inside, float(steps.min()))
    return np.zeros(parts.shape, bool)


def _without_hips(inside: np.ndarray, step_mm: float) -> np.ndarray:
    """A sacrum without what the joints beside it connect with it by thin bridges."""
    box = box_of(inside, (2, 2, 2))
    own = inside[box]
    solid = ndimage.binary_fill_holes(ndimage.binary_closing(own) | own)
    pieces, _ = ndimage.label(ndimage.binary_erosion(solid))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    core = (pieces == sizes.argmax()) & (pieces > 0)
    kept = own & ndimage.binary_dilation(core, iterations=max(1, round(_REACH_MM / step_mm)), mask=solid)
    if np.count_nonzero(kept) < (1 - _MOST_OFF) * np.count_nonzero(own):
        return inside
    result = np.zeros_like(inside)
    result[box] = kept
    return result


def _below(places: np.ndarray, lowest: np.ndarray) -> bool:
    near = float(np.linalg.norm(places - lowest, axis=1).min())
    middle = places.mean(0)
    return near <= _NEAR_MM and middle[0] < lowest[0] and abs(middle[2] - lowest[2]) <= _ASIDE_MM


def without_sacral(
    labels: np.ndarray, members: list[Member], parts: np.ndarray, spacing: Sequence[float]
) -> tuple[np.ndarray, list[Member]]:
    """Labels and members without those at the lower end that are a rest of the sacrum; ``parts`` gets them."""
    steps = np.asarray(spacing, float)
    ml = float(steps.prod()) / 1000
    while len(members) >= 3:
        last = members[-1]
        small_body, small_arch = (
            getattr(last, part) < _SMALL * float(np.median([getattr(one, part) for one in members[:-1]]))
            for part in ("body_ml", "arch_ml")
        )
        sacrum = sacrum_of(parts, members, spacing)
        places = np.argwhere(sacrum) * steps
        around = np.linalg.norm(places - np.asarray(last.centre_mm), axis=1) <= _AROUND_MM
        if np.count_nonzero(around) * ml < _AROUND_ML:
            break
        top = sacrum_top_mm(sacrum, spacing)
        assert top is not None
        within = small_arch and last.centre_mm[0] - top[0] < _ABOVE_TOP_MM
        if not small_body and not within:
            break
        parts[labels == last.number] = SACRUM
        labels = np.where(labels == last.number, 0, labels).astype(np.uint8)
        members = members[:-1]
    return labels, members


def sacrum_top_mm(sacrum: np.ndarray, spacing: Sequence[float]) -> np.ndarray | None:
    """Middle of the sacrum's upper fifth, (z, y, x) mm from the first voxel; None where there is none."""
    where = np.argwhere(sacrum)
    if not len(where):
        return None
    top = where[where[:, 0] >= np.quantile(where[:, 0], 0.8)]
    return top.mean(0) * np.asarray(spacing)
