"""Vertebrae from files of others: which number is which level, whatever they were numbered or named by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.tasks.ct.label_measures import measured
from SpineLib.tasks.ct.recognition import recognise
from SpineLib.tasks.ct.segment_levels import NamedSegment, levels_of_segments
from SpineLib.tasks.ct.vertebra_naming import counted_of_name, verse_of_name
from SpineLib.volume.crop import crop
from SpineLib.volume.labels import whole_labels
from SpineLib.volume.levels import FIRST_COUNTED, level_name
from SpineLib.volume.numberings import Numbering, asked_numberings
from SpineLib.volume.segments import MarkedSegment, read_segments
from SpineLib.volume.volume import Volume

#: Key of ``Volume.meta``: by what the file calls a vertebra (a number or a name), its number here.
OWN = "vertebrae"


def read_vertebrae(path: str | Path, numbers: str | None = None) -> tuple[Volume, list[str]]:
    """Vertebrae with VerSe's numbers, and sentences on what was taken from where.

    Args:
        path: a Slicer segmentation (``.seg.nrrd``) whose segments are named, coded or numbered as vertebrae, or a
            labelmap by any of the numberings of :mod:`SpineLib.volume.numberings`; other labels are left out.
        numbers: the numbering, as :func:`~SpineLib.volume.numberings.asked_numberings` takes it; None: it is told.

    Returns:
        uint8; vertebrae of unknown level from :data:`~SpineLib.volume.levels.FIRST_COUNTED` on.

    Raises:
        SpineError: unreadable, no vertebra in it, two of one level, or not numbered as asked.
    """
    asked = asked_numberings(numbers)
    grid, segments = read_segments(path, "vertebrae")
    if not segments:
        raise SpineError("The vertebrae file marks nothing; segment the vertebrae first, or choose another file.")
    first = segments[0].labels
    if all(one.labels is first and one.info.name == str(one.value) for one in segments):  # nothing but numbers
        return verse_numbers(first, asked)
    found = levels_of_segments(
        [NamedSegment(str(n), one.info.name, one.info.terminology, *_measures(one)) for n, one in enumerate(segments)],
        asked,
        once=False,
    )
    if not found.numbers:
        raise SpineError(
            "No segment of the vertebrae file is a vertebra; name them L1, T12 and so on, or give a labelmap."
        )
    array, own = np.zeros(grid.shape, np.uint8), {}
    for n, one in enumerate(segments):
        number = found.numbers.get(str(n))
        if number is not None:
            array[one.box][one.labels.array[one.box] == one.value] = number
            own[one.info.name] = number
    return replace(grid.with_array(array, "vertebrae"), meta={**grid.meta, OWN: own}), found.notes


def verse_numbers(labels: Volume, asked: Sequence[Numbering] | None = None) -> tuple[Volume, list[str]]:
    """Labels with VerSe's numbers, and sentences on how they were numbered; what is no vertebra becomes 0.

    Raises:
        SpineError: no labelmap, nothing in it, or not numbered as ``asked``.
    """
    array = whole_labels(labels.array, "vertebrae")
    if array.dtype.itemsize > 2:
        raise SpineError("The vertebrae file holds numbers above 65535; give a labelmap of the vertebrae.")
    found = recognise(measured(labels.with_array(array)), asked)
    table = np.zeros(int(array.max(initial=0)) + 1, np.uint8)
    for value, number in found.numbers.items():
        table[value] = number
    result = np.empty(array.shape, np.uint8)
    for k, plane in enumerate(array):  # slice by slice: indices of a whole scan take eight times its room
        result[k] = table[plane]
    own = {str(number): level for number, level in found.numbers.items()}
    return replace(labels.with_array(result), meta={**labels.meta, OWN: own}), found.notes


def label_of(text: str | None, labels: Volume) -> int | None:
    """The number that "L3", "vertebra 2" or the file's own name or number of a vertebra means; None of None.

    Args:
        text: what the user calls the vertebra.
        labels: of :func:`read_vertebrae`, or VerSe's numbers.

    Raises:
        SpineError: it is no level and no number, or no such vertebra is there.
    """
    if text is None:
        return None
    there = [int(one) for one in np.unique(labels.array) if one]
    own = {str(name).casefold(): number for name, number in labels.meta.get(OWN, {}).items()}
    number = own.get(text.casefold())
    if number is None and not text.isdigit():
        number = verse_of_name(text) or counted_of_name(text)
        if number is None:
            raise SpineError(f"'{text}' is no vertebra; give a level such as L3, or a number.")
    elif number is None and not own:
        number = int(text) if int(text) in there else FIRST_COUNTED - 1 + int(text)
    if number not in there:
        names = ", ".join(level_name(one) for one in there) or "none"
        name = level_name(number) if number is not None else text
        hint = (
            " Choose their numbering (--numbers) to give them their levels." if there[-1:] > [FIRST_COUNTED - 1] else ""
        )
        raise SpineError(f"{name} is not among the vertebrae; there are {names}.{hint}")
    return number


def _measures(segment: MarkedSegment) -> tuple[np.ndarray | None, float | None, float | None]:
    """Centre (LPS mm), volume (ml) and height (mm) of a segment."""
    part = crop(segment.labels, segment.box)
    (one,) = measured(part.with_array((part.array == segment.value).astype(np.uint8)))
    return one.centre, one.volume_ml, one.height_mm
