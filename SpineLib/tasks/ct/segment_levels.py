"""Which level each segment of a segmentation is: by its name, its code, or the number in its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.tasks.ct.numbering_fit import Label
from SpineLib.tasks.ct.recognition import recognise
from SpineLib.tasks.ct.vertebra_naming import (
    counted_of_name,
    is_other_thing,
    number_in_name,
    verse_of_name,
    verse_of_terminology,
)
from SpineLib.volume.levels import FIRST_COUNTED, VERSE_NUMBERS, level_name
from SpineLib.volume.numberings import Numbering


@dataclass(frozen=True, eq=False)
class NamedSegment:
    """A segment as it is found.

    Attributes:
        key: what it is called here; of each only one.
        name, terminology: as in the file or scene.
        centre: (3,) LPS mm; None of an empty one.
        volume_ml, height_mm: None where not known.
    """

    key: str
    name: str
    terminology: str = ""
    centre: np.ndarray | None = None
    volume_ml: float | None = None
    height_mm: float | None = None


@dataclass(frozen=True)
class SegmentLevels:
    """The vertebrae among segments.

    Attributes:
        numbers: by key, VerSe's number, or one from :data:`~SpineLib.volume.levels.FIRST_COUNTED` on.
        notes: sentences for the user.
    """

    numbers: dict[str, int]
    notes: list[str] = field(default_factory=list)


def levels_of_segments(
    segments: Sequence[NamedSegment], asked: Sequence[Numbering] | None = None, *, once: bool = True
) -> SegmentLevels:
    """The segments that are vertebrae, and the number of each.

    A level is read from the segment's name ("L3", "vertebrae_L3", "Th12"), then from its terminology. Where none has
    one, numbers in the names ("Segment_22") are read as those of a label map
    (:func:`SpineLib.tasks.ct.recognition.recognise`); where there are none either, each segment is a vertebra of
    unknown level, counted from above. Discs, metastases, nerves and other things that a name says are never vertebrae.

    Args:
        segments: all of a segmentation.
        asked: the numbering of the numbers in names; None: it is told.
        once: a level that two segments claim belongs to the first, and the others are counted; else it is refused.

    Raises:
        SpineError: a level twice, far too many segments, or not numbered as asked.
    """
    named, plain, unknown = {}, {}, []
    for one in segments:
        if is_other_thing(one.name):
            continue
        level = verse_of_name(one.name) or verse_of_terminology(one.terminology) or counted_of_name(one.name)
        if level is not None:
            named[one.key] = level
        elif (number := number_in_name(one.name)) is not None:
            plain[one.key] = number
        else:
            unknown.append(one)
    by_key, notes = {one.key: one for one in segments}, []
    if named:
        left = len(segments) - len(named)
        notes = [
            f"{left} other segment{'s are no vertebrae and were' if left > 1 else ' is no vertebra and was'} left out."
        ]
        notes = notes if left else []
        return SegmentLevels(_each_once(named, once), notes + _order_notes(named, by_key))
    if plain:
        firsts: dict[int, NamedSegment] = {}
        for key, number in plain.items():
            firsts.setdefault(number, by_key[key])
        levels = recognise(
            [Label(n, one.centre, one.volume_ml, one.height_mm) for n, one in firsts.items() if n > 0], asked
        )
        named = {key: levels.numbers[number] for key, number in plain.items() if number in levels.numbers}
        notes = levels.notes
        return SegmentLevels(_each_once(named, once), notes)
    downwards = sorted(unknown, key=lambda one: np.inf if one.centre is None else -float(one.centre[2]))
    if len(unknown) > 255 - FIRST_COUNTED:
        raise SpineError("The segmentation has too many segments: choose one of the vertebrae alone.")
    return SegmentLevels({one.key: FIRST_COUNTED + n for n, one in enumerate(downwards)})


def _each_once(numbers: Mapping[str, int], once: bool) -> dict[str, int]:
    """A level that two segments claim is the first's; the sacrum may have several parts where that is no matter."""
    result, taken, seen, free = {}, set(numbers.values()), set(), FIRST_COUNTED
    for key, number in numbers.items():
        if number in seen and not once:
            if number != VERSE_NUMBERS["S"]:
                raise SpineError(f"The vertebrae file holds {level_name(number)} twice; rename one of the segments.")
        elif number in seen:
            while free in taken:
                free += 1
            number = free
            taken.add(free)
        seen.add(number)
        result[key] = number
    return result


def _order_notes(numbers: Mapping[str, int], segments: Mapping[str, NamedSegment]) -> list[str]:
    """What to say where the places of named levels contradict their names."""
    placed = [(number, segments[key].centre) for key, number in numbers.items() if number in VERSE_NUMBERS.values()]
    heights = {number: float(centre[2]) for number, centre in placed if centre is not None}
    downwards = [number for number in (*range(1, 20), VERSE_NUMBERS["T13"], *range(20, 27)) if number in heights]
    wrong = [(a, b) for a, b in pairwise(downwards) if heights[a] <= heights[b]]
    if not wrong:
        return []
    upper, lower = wrong[0]
    return [f"{level_name(lower)} lies above {level_name(upper)}: check the names of the segments."]
