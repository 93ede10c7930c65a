"""Which vertebra carries the lowest ribs: T12, in all but a few percent of people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from SpineLib.tasks.column.parts import OTHER_BONE

#: Where a rib's head and neck lie from the body's centre, mm: to the side, behind (from, to), above and below.
_ASIDE_MM, _BEHIND_MM, _UP_MM = (13.0, 40.0), (-4.0, 34.0), (-10.0, 20.0)
#: So much bone there on both sides is a rib; a process that was taken for another bone is less, ml.
_LEAST_ML = 0.35
#: So many vertebrae without ribs have to be seen whole below T12, so that a rib that was overlooked names nothing; more
#: bone than this on either side of one of them may be the short rib of a T12, ml.
_FREE, _MOST_ML = 2, 0.25
#: Less than this on a side, at the level of the body alone, is no rib, ml: short ones of a real T12 have 0.35, those
#: of others 0.37 and more, and what comes down from T12 beside L1 0.1 at most.
_NONE_ML, _BESIDE_MM = 0.15, (-12.0, 8.0)


def lowest_ribbed(
    parts: np.ndarray, centres_mm: Sequence[Sequence[float]], spacing: tuple[float, float, float]
) -> int | None:
    """Index of the vertebra with the lowest pair of ribs; None where that cannot be told.

    Args:
        parts: uint8 (z, y, x), as the network says.
        centres_mm: of the bodies, (z, y, x), from cranial to caudal.
        spacing: mm along (z, y, x).
    """
    if len(centres_mm) < _FREE + 2:
        return None
    sides = _sides_ml(parts, centres_mm, spacing)
    with_ribs = [min(both) >= _LEAST_ML for both in sides]
    doubtful = [max(both) > _MOST_ML for both in sides]
    if not any(with_ribs):
        return None
    lowest = max(n for n, ribbed in enumerate(with_ribs) if ribbed)
    # Above a T12 all have ribs, below it none; the highest may lie at the image's edge.
    clear = lowest < len(with_ribs) - _FREE and lowest >= 1 and with_ribs[lowest - 1]
    return lowest if clear and not any(doubtful[lowest + 1 : lowest + 1 + _FREE]) else None


def without_ribs(
    parts: np.ndarray, centres_mm: Sequence[Sequence[float]], spacing: tuple[float, float, float]
) -> list[int]:
    """Indices of the vertebrae beside which there is no pair of ribs though the image shows its place; arguments as in
    :func:`lowest_ribbed`."""
    size = np.array(parts.shape) * np.asarray(spacing, float)
    low = np.array([_BESIDE_MM[0], _BEHIND_MM[0], -_ASIDE_MM[1]])
    high = np.array([_BESIDE_MM[1], _BEHIND_MM[1], _ASIDE_MM[1]])
    centres = np.asarray(centres_mm, float).reshape(-1, 3)
    shown = ((centres + low >= 0) & (centres + high <= size)).all(axis=1)
    sides = _sides_ml(parts, centres, spacing, _BESIDE_MM)
    return [n for n, both in enumerate(sides) if shown[n] and min(both) < _NONE_ML]


def _sides_ml(
    parts: np.ndarray,
    centres_mm: Sequence[Sequence[float]] | np.ndarray,
    spacing: tuple[float, float, float],
    up_mm: tuple[float, float] = _UP_MM,
) -> list[list[float]]:
    """Bone of no vertebra where a rib's head and neck lie, right and left of each centre, ml."""
    steps = np.asarray(spacing, float)
    z, y, x = (np.argwhere(parts == OTHER_BONE) * steps).T
    found = []
    for centre in np.asarray(centres_mm, float):
        near = (z - centre[0] > up_mm[0]) & (z - centre[0] < up_mm[1])
        near &= (y - centre[1] > _BEHIND_MM[0]) & (y - centre[1] < _BEHIND_MM[1])
        aside = [side * (x - centre[2]) for side in (-1, 1)]
        count = [np.count_nonzero(near & (way > _ASIDE_MM[0]) & (way < _ASIDE_MM[1])) for way in aside]
        found.append([float(one * steps.prod()) / 1000 for one in count])
    return found
