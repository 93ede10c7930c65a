"""Which vertebra is which: from the sacrum, from the lowest ribs, from what the user names, or counted only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.levels import DOWNWARDS, FIRST_COUNTED, VERSE_NUMBERS, level_name

#: Levels that are less sure than this are not given.
_LEAST_SURE = 0.5
#: Vertebrae that carry ribs.
_THORACIC = range(VERSE_NUMBERS["T1"], VERSE_NUMBERS["T12"] + 1)
#: Pitch of a column in which no vertebra was overlooked: a gap of so many usual ones is.
_GAP = 1.6
#: The lowest vertebra counts as L5 when its centre lies so far above the sacrum's top, mm: a disc and half two bodies.
_NEAR_MM, _FAR_MM = 5.0, 62.0


@dataclass(frozen=True)
class Levels:
    """Numbers for the vertebrae from cranial to caudal.

    Attributes:
        numbers: VerSe's, or 101, 102, ... where only counted.
        source: "sacrum", "ribs", "user" or "count".
        confidence: 0 to 1.
        notes: sentences for the user.
    """

    numbers: tuple[int, ...]
    source: str
    confidence: float
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """ "L3", or "vertebra 2"."""
        return tuple(level_name(number) for number in self.numbers)


def name_levels(
    centres_mm: Sequence[Sequence[float]],
    agreements: Sequence[float],
    sacrum_mm: np.ndarray | None,
    named: tuple[int, str] | None = None,
    ribbed: int | None = None,
    bare: Sequence[int] = (),
) -> Levels:
    """Levels of a chain of vertebrae.

    Args:
        centres_mm: of the bodies, (z, y, x), from cranial to caudal.
        agreements: of each, see :class:`SpineLib.tasks.column.grouping.Member`.
        sacrum_mm: middle of the sacrum's top, or None where it is not seen.
        named: which one (from 0, or -1 for the lowest) the user named, and its level, in letters of either case.
        ribbed: which one (from 0) carries the lowest ribs, where that is known.
        bare: which ones (from 0) have no pair of ribs, where their place is shown.

    Raises:
        SpineError: a level that does not exist, or one that leaves no level for those above or below.
    """
    count = len(centres_mm)
    centres = np.asarray(centres_mm, float).reshape(count, 3)
    overlooked = _overlooked(centres)
    places = [n + sum(missing for where, missing in overlooked if where < n) for n in range(count)]
    notes = [
        f"Between the vertebrae {where + 1} and {where + 2} from above there is room for {missing} more that was not "
        "found; levels beyond it may be wrong."
        for where, missing in overlooked
    ]
    if not count:
        return Levels((), "count", 0.0)
    if named is not None:
        which, level = named[0] + (count if named[0] < 0 else 0), named[1].strip().upper()
        if level not in VERSE_NUMBERS or VERSE_NUMBERS[level] not in DOWNWARDS[:-1]:
            raise SpineError(f"There is no vertebra '{level}'; choose one of C1 to C7, T1 to T12, L1 to L5.")
        start = DOWNWARDS.index(VERSE_NUMBERS[level]) - places[which]
        if start < 0 or start + places[-1] > len(DOWNWARDS) - 2:
            raise SpineError(
                f"{places[-1] + 1} vertebrae were found, and with {level} as number {which + 1} from above they do not "
                "fit between C1 and L5; correct the level."
            )
        return Levels(tuple(DOWNWARDS[start + place] for place in places), "user", 1.0, tuple(notes))
    counted = Levels(tuple(FIRST_COUNTED + n for n in range(count)), "count", 0.0, tuple(notes))
    sure = min([*agreements, 1.0]) * (0.6 if overlooked else 1.0)
    from_ribs = None if ribbed is None else DOWNWARDS.index(VERSE_NUMBERS["T12"]) - places[ribbed]
    lowest = _from_sacrum(centres, places, sacrum_mm)
    if lowest is None:
        if (
            from_ribs is None
            or 0.9 * sure < _LEAST_SURE
            or from_ribs < 0
            or from_ribs + places[-1] > len(DOWNWARDS) - 2
        ):
            return counted
        numbers = tuple(DOWNWARDS[from_ribs + place] for place in places)
        return Levels(numbers, "ribs", float(np.clip(0.9 * sure, 0, 1)), tuple(notes))
    if ribbed is not None and from_ribs != lowest:
        below = places[-1] - places[ribbed]
        notes.append(
            f"Between the lowest ribs and the sacrum there are {below} vertebrae instead of five: the spine has a "
            "transitional or an additional vertebra, or one was overlooked; levels are counted from the sacrum."
        )
        sure *= 0.5
    elif from_ribs is not None:
        sure = max(sure, 0.5 * (1 + sure))  # two signs agree
    numbers = tuple(DOWNWARDS[lowest + place] for place in places)
    thoracic = [level_name(numbers[n]) for n in bare if numbers[n] in _THORACIC]
    if thoracic and ribbed is None:
        notes.append(
            f"No pair of ribs is seen at {', '.join(thoracic)}: the spine may have six lumbar vertebrae, and every "
            "level may be wrong by one; levels are counted from the sacrum."
        )
        sure *= 0.5
    return Levels(numbers, "sacrum", float(np.clip(sure, 0, 1)), tuple(notes))


def _from_sacrum(centres: np.ndarray, places: Sequence[int], sacrum_mm: np.ndarray | None) -> int | None:
    """Place in DOWNWARDS of the most cranial vertebra, where the lowest one lies on the sacrum; else None."""
    if sacrum_mm is None or not len(centres):
        return None
    gap = float(np.linalg.norm(centres[-1] - sacrum_mm))
    fits = centres[-1][0] - sacrum_mm[0] >= _NEAR_MM and gap <= _FAR_MM
    start = DOWNWARDS.index(VERSE_NUMBERS["L5"]) - places[-1]
    return start if fits and start >= 0 else None


def _overlooked(centres: np.ndarray) -> list[tuple[int, int]]:
    """(index of the vertebra above, number of vertebrae missing) of each gap."""
    if len(centres) < 3:
        return []
    gaps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    found = []
    for n, gap in enumerate(gaps):
        others = np.delete(gaps, n)[max(0, n - 2) : n + 2]
        usual = float(np.median(others)) if len(others) else gap
        if gap > _GAP * usual:
            found.append((n, max(1, round(gap / usual) - 1)))
    return found
