"""Vertebrae from files of others: which number is which level, whatever table it was numbered by."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.preprocess.vertebra_frame import Column
from SpineLib.tasks.ct.vertebra_naming import counted_of_name, verse_of_name, verse_of_terminology
from SpineLib.volume.levels import VERSE_OF_TOTALSEGMENTATOR, level_name
from SpineLib.volume.reading import read_volume
from SpineLib.volume.segments import read_segments
from SpineLib.volume.volume import Volume


def read_vertebrae(path: str | Path) -> tuple[Volume, list[str]]:
    """Vertebrae with VerSe's numbers, and sentences on what was taken from where.

    Args:
        path: a Slicer segmentation (``.seg.nrrd``) whose segments are named or coded as levels ("L3",
            "vertebrae_L3"), or a labelmap with the numbers of VerSe or of TotalSegmentator.

    Raises:
        SpineError: unreadable, no vertebra in it, or two of one level.
    """
    if not Path(path).name.lower().endswith(".seg.nrrd"):
        return verse_numbers(read_volume(path, "vertebrae"))
    grid, segments = read_segments(path, "vertebrae")
    array, seen = np.zeros(grid.shape, np.uint8), set()
    for segment in segments:
        number = (
            verse_of_name(segment.info.name)
            or verse_of_terminology(segment.info.terminology)
            or counted_of_name(segment.info.name)
        )
        if number is None:
            continue
        if number in seen:
            raise SpineError(f"The vertebrae file holds {level_name(number)} twice; rename one of the segments.")
        seen.add(number)
        array[segment.mask.array > 0] = number
    if not seen:
        raise SpineError(
            "No segment of the vertebrae file is named after a vertebra; name them L1, T12 and so on, or "
            "give a labelmap with VerSe's numbers."
        )
    return grid.with_array(array, "vertebrae"), []


def verse_numbers(labels: Volume) -> tuple[Volume, list[str]]:
    """Labels with VerSe's numbers. TotalSegmentator's are told by their order: they rise from the sacrum upwards."""
    if labels.array.dtype.kind == "f" and not np.array_equal(labels.array, np.rint(labels.array)):
        raise SpineError("The vertebrae file is no labelmap: it holds fractions; give a segmentation.")
    column = Column.of(labels)
    numbers = sorted(column.centres)
    heights = [column.centres[number][2] for number in numbers]
    rising = sum(np.sign(np.diff(heights))) > 0
    if not rising or not set(numbers) <= set(VERSE_OF_TOTALSEGMENTATOR):
        return labels, []
    table = np.zeros(int(labels.array.max()) + 1, np.uint8)
    for number, verse in VERSE_OF_TOTALSEGMENTATOR.items():
        if number < len(table):
            table[number] = verse
    return labels.with_array(table[labels.array.astype(np.int64)]), [
        "The vertebrae are numbered from below, as TotalSegmentator does; they were taken as "
        f"{', '.join(level_name(int(table[number])) for number in reversed(numbers))}."
    ]


def label_of(text: str | None, labels: Volume) -> int | None:
    """The number that "L3", "l3" or "22" means; None of None.

    Raises:
        SpineError: it is no level and no number, or no vertebra of that number is there.
    """
    if text is None:
        return None
    number = int(text) if text.isdigit() else verse_of_name(text) or counted_of_name(text)
    if number is None:
        raise SpineError(f"'{text}' is no vertebra; give a level such as L3, or a number.")
    if not np.any(labels.array == number):
        there = ", ".join(level_name(int(one)) for one in np.unique(labels.array) if one)
        raise SpineError(f"{level_name(number)} is not among the vertebrae; there are {there or 'none'}.")
    return number
