"""How vertebrae are coded and coloured as segments, and how their level is read from names and codes."""

from __future__ import annotations

import colorsys
import re

from SpineLib.tasks.segmentation.naming import VERTEBRA, Code, terminology_entry
from SpineLib.volume.levels import FIRST_COUNTED, SNOMED, VERSE_NUMBERS

ANATOMICAL_STRUCTURE = Code("123037004", "Anatomical Structure")
#: List of regions that knows each level (Resources/Terminology); Slicer's own has only "Vertebra".
_REGIONS = "Anatomic codes - SpineOncology"
_LEVEL = re.compile(r"(?<![a-z0-9])(?:(c)([1-7])|(th?|d)(1[0-3]|[1-9])|(l)([1-6])|(s)1?|(sacrum))(?![a-z0-9])", re.I)
_NUMBER = re.compile(r"(?<![\d.,])(\d{1,3})(?![\d.,]|\s*ml)")
#: How a vertebra of unknown level is called (:func:`SpineLib.volume.levels.level_name`): its number is no level.
_COUNTED = re.compile(r"vertebra (\d{1,2})(?!\d)", re.I)


def vertebra_terminology(name: str) -> str:
    """Terminology string of a segment that shows the vertebra ``name`` ("L3"); of an unknown level for any other."""
    code = SNOMED.get(name)
    meaning = "Sacrum" if name == "S" else f"{name} vertebra"
    region = Code(code, meaning) if code else VERTEBRA
    return terminology_entry(ANATOMICAL_STRUCTURE, VERTEBRA, region, _REGIONS)


def vertebra_colour(number: int) -> tuple[float, float, float]:
    """A colour (r, g, b, 0 to 1) for the vertebra of that number: pale as bone, neighbours well told apart."""
    return colorsys.hsv_to_rgb(number * 0.38197 % 1.0, 0.45, 0.92)


def verse_of_name(text: str) -> int | None:
    """The VerSe number of the level that a text names: "L3", "vertebrae_L3", "Th12 (30 ml)", "Sacrum"; else None."""
    found = _LEVEL.search(text)
    if found is None:
        return None
    parts = [part.upper() for part in found.groups() if part]
    if parts[0] in ("S", "SACRUM"):
        return VERSE_NUMBERS.get("S")
    letter = {"TH": "T", "D": "T"}.get(parts[0], parts[0])
    return VERSE_NUMBERS.get(letter + parts[1])


def counted_of_name(text: str) -> int | None:
    """The number of a vertebra that is only counted: 102 for "vertebra 2"; else None."""
    found = _COUNTED.match(text)
    return FIRST_COUNTED - 1 + int(found[1]) if found and int(found[1]) else None


def verse_of_terminology(text: str) -> int | None:
    """The VerSe number of the level that a terminology string codes, as type or as region; else None."""
    found = {part.split("^")[1] for part in text.split("~") if part.count("^") >= 2}
    for name, code in SNOMED.items():
        if code in found:
            return VERSE_NUMBERS.get("S" if name == "S1" else name)
    return None


def number_in_name(text: str) -> int | None:
    """The label that a text names: "Segment_22", "22", "label 22"; None where it names none or counts, "vertebra 2"."""
    found = None if _COUNTED.match(text) else _NUMBER.search(text.replace("_", " "))
    return int(found.group(1)) if found else None
