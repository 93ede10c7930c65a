"""How vertebrae are coded and coloured as segments, and how their level is read from names and codes."""

from __future__ import annotations

import colorsys
import re

from SpineLib.tasks.segmentation.naming import LEVEL_REGIONS, VERTEBRA, Code, terminology_entry
from SpineLib.volume.levels import FIRST_COUNTED, SNOMED, VERSE_NUMBERS

ANATOMICAL_STRUCTURE = Code("123037004", "Anatomical Structure")
#: Types of a segment whose region is a level: a vertebra, and bone structure.
_WHOLE_BONE = {VERTEBRA.value, "272673000"}
_LEVEL = re.compile(r"(c)([1-7])|(th?|d)(1[0-3]|[1-9])|(l)([1-6])|(s)1?|(sacrum)")
_REGION = {"cervical": "C", "thoracic": "T", "lumbar": "L"}
#: Words beside a level that leave it the name of the whole vertebra.
_WORDS = {
    "vertebra", "vertebrae", "vertebral", "vert", "body", "corpus", "bone", "spine", "level", "label", "segment", "seg",
    "mask", "repaired", "before", "original", "intact", "copy", "of", "the", *_REGION,
}  # fmt: skip
#: Words of things at a level that are no vertebra.
_OTHER_THINGS = {
    "disc", "discs", "disk", "disks", "ivd", "intervertebral", "endplate", "endplates", "foramen", "facet", "pedicle",
    "lamina", "process", "metastasis", "metastases", "met", "mets", "lesion", "lesions", "tumor", "tumour", "mass",
    "myeloma", "haemangioma", "hemangioma", "fracture", "edema", "oedema", "necrosis", "necroses", "ablation", "cement",
    "screw", "screws", "cage", "implant", "rod", "nerve", "nerves", "root", "roots", "ganglion", "rib", "ribs", "cord",
    "canal", "csf", "dura", "muscle", "psoas", "ligament", "artery", "vein", "cyst", "abscess",
}  # fmt: skip
_VOLUME = re.compile(r"\(?\s*\d+(?:[.,]\d+)?\s*ml\s*\)?")


def vertebra_terminology(name: str) -> str:
    """Terminology string of a segment that shows the vertebra ``name`` ("L3"); of an unknown level for any other."""
    code = SNOMED.get(name)
    meaning = "Sacrum" if name == "S" else f"{name} vertebra"
    region = Code(code, meaning) if code else VERTEBRA
    return terminology_entry(ANATOMICAL_STRUCTURE, VERTEBRA, region, LEVEL_REGIONS)


def vertebra_colour(number: int) -> tuple[float, float, float]:
    """A colour (r, g, b, 0 to 1) for the vertebra of that number: pale as bone, neighbours well told apart."""
    return colorsys.hsv_to_rgb(number * 0.38197 % 1.0, 0.45, 0.92)


def verse_of_name(text: str) -> int | None:
    """The VerSe number of the level whose vertebra a text names: "L3", "vertebrae_L3", "Th12 (30 ml)", "Sacrum".

    None where it names another thing at a level ("Metastasis L4", "T1 lesion", "rib_left_1"), what lies between two
    ("disc_L4_L5", "L4/5"), or no level.
    """
    levels, numbers, words = _read(text)
    regions = [_REGION[word] for word in words if word in _REGION]
    if not levels and len(regions) == len(numbers) == 1:  # "lumbar vertebra 3"
        levels = {f"{regions[0]}{numbers[0]}"}
    if len(levels) != 1 or words - _WORDS:
        return None
    (level,) = levels
    if any(str(number - 1) == level[1:] for number in numbers):
        return None  # "L4_5" is the disc below L4
    return VERSE_NUMBERS.get(level)


def counted_of_name(text: str) -> int | None:
    """The number of a vertebra that is only counted: 102 for "vertebra 2"; else None."""
    levels, numbers, words = _read(text)
    counted = "vertebra" in words and len(numbers) == 1 and not levels and not words - (_WORDS - _REGION.keys())
    return FIRST_COUNTED - 1 + numbers[0] if counted and 0 < numbers[0] < 100 else None


def verse_of_terminology(text: str) -> int | None:
    """The VerSe number of the level that a terminology string codes: as the type, or as the region of a vertebra.

    What lies at a level and is something else (a metastasis in L4) is none.
    """
    codes = [part.split("^")[1] if part.count("^") >= 2 else "" for part in text.split("~")]
    kind, region = (codes[place] if len(codes) > place else "" for place in (2, 5))
    for name, code in SNOMED.items():
        if code == kind or (code == region and kind in _WHOLE_BONE):
            return VERSE_NUMBERS.get("S" if name == "S1" else name)
    return None


def number_in_name(text: str) -> int | None:
    """The label that a text names and nothing else: "Segment_22", "label 22"; None of "Lesion 2", "vertebra 2"."""
    levels, numbers, words = _read(text)
    plain = len(numbers) == 1 and not levels and not words - _WORDS and counted_of_name(text) is None
    return numbers[0] if plain else None


def is_other_thing(text: str) -> bool:
    """Whether a name says that a segment is no vertebra, whatever level it names."""
    levels, _, words = _read(text)
    return len(levels) > 1 or bool(words & _OTHER_THINGS)


def _read(text: str) -> tuple[set[str], list[int], set[str]]:
    """Levels ("L3"), whole numbers and other words of a name; what "-" or "/" joins to a level counts as another."""
    levels, numbers, words = set(), [], set()
    for part in re.split(r"[^a-z0-9/.-]+", _VOLUME.sub(" ", text.lower())):
        pieces = [piece for piece in re.split(r"[/.-]", part) if piece]
        found = [_level_of(piece) for piece in pieces]
        for piece, level in zip(pieces, found):
            if level:
                levels.add(level)
            elif piece.isdigit() and any(found):
                levels.add(f"?{piece}")  # "L4/5": two levels
            elif piece.isdigit() and len(piece) <= 3:
                numbers.append(int(piece))
            else:
                words.add(piece)
    return levels, numbers, words


def _level_of(word: str) -> str:
    found = _LEVEL.fullmatch(word)
    if found is None:
        return ""
    parts = [part.upper() for part in found.groups() if part]
    if parts[0] in ("S", "SACRUM"):
        return "S"
    return {"TH": "T", "D": "T"}.get(parts[0], parts[0]) + parts[1]
