"""How label maps of other programs number vertebrae, and what else they number: one table each, with its source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from SpineLib.errors import SpineError
from SpineLib.volume.levels import TOTALSEGMENTATOR, VERSE

#: Levels from cranial to caudal, variants and a first sacral vertebra included.
ORDER: tuple[str, ...] = (
    *(f"C{n}" for n in range(1, 8)), *(f"T{n}" for n in range(1, 14)), *(f"L{n}" for n in range(1, 7)), "S1", "S",
)  # fmt: skip
#: From the centre of a level's whole vertebra to that of the next below, mm: means of four adults' label maps from T1
#: downwards (VerSe, TotalSegmentator and two others), of the neck from body and disc heights (Panjabi et al., Spine
#: 1991;16:861).
SPACING_MM: dict[str, float] = {
    "C1": 14.0, "C2": 18.0, "C3": 17.0, "C4": 17.0, "C5": 17.0, "C6": 17.0, "C7": 17.5, "T1": 19.5, "T2": 21.0,
    "T3": 21.0, "T4": 22.0, "T5": 22.7, "T6": 23.7, "T7": 24.2, "T8": 25.0, "T9": 25.0, "T10": 26.3, "T11": 29.0,
    "T12": 31.0, "T13": 31.0, "L1": 32.0, "L2": 33.0, "L3": 33.5, "L4": 32.5, "L5": 32.0, "L6": 32.0,
}  # fmt: skip
_USUAL = tuple(name for name in ORDER if name not in ("T13", "L6", "S1", "S"))


@dataclass(frozen=True)
class Numbering:
    """A numbering of vertebrae.

    Attributes:
        key: its name as an option.
        title: its name in a sentence.
        levels: level of each number.
        others: numbers that are known to be something else (organs, discs, canal).
        joined: numbers that mark all vertebrae at once.
    """

    key: str
    title: str
    levels: Mapping[int, str]
    others: frozenset[int] = frozenset()
    joined: frozenset[int] = field(default=frozenset())


def _upwards(first: int, lowest: str = "L5") -> dict[int, str]:
    """Numbers from a lowest level up to C1."""
    names = _USUAL[_USUAL.index(lowest) :: -1]
    return dict(zip(range(first, first + len(names)), names))


def _numbers(*parts: int | Iterable[int]) -> frozenset[int]:
    return frozenset(n for part in parts for n in ([part] if isinstance(part, int) else part))


#: Sacral vertebrae below the first and the coccyx, as TPTBox, which writes VerSe's numbers, has them.
_TAIL = _numbers(27, range(29, 34))

#: VerSe (:data:`SpineLib.volume.levels.VERSE`; osf.io/b2wxj); CTSpine1K and TotalSegmentator's task "vertebrae_pp" too.
VERSE_NUMBERING = Numbering("verse", "VerSe", VERSE, _TAIL)
#: SPINEPS, mask "seg-vert" (docs/modules/phases.md of Hendrik-code/spineps): VerSe's numbers where its labelling ran,
#: else counted from above; 100 + n is the disc below, 200 + n the endplate.
SPINEPS = Numbering("spineps", "SPINEPS", VERSE, _TAIL | _numbers(range(100, 134), range(200, 234)))
#: TotalSegmentator 2, task "total" (totalsegmentator/map_to_binary.py): 117 labels, vertebrae from below.
TOTAL_2 = Numbering(
    "totalsegmentator-v2",
    "TotalSegmentator (version 2)",
    TOTALSEGMENTATOR,
    _numbers(range(1, 25), range(51, 118)),
)
#: TotalSegmentator 1 ("total_v1" there): 104 labels, vertebrae from below, the sacrum apart.
TOTAL_1 = Numbering(
    "totalsegmentator-v1",
    "TotalSegmentator (version 1)",
    {**_upwards(18), 92: "S"},
    _numbers(range(1, 18), range(42, 92), range(93, 105)),
)
#: TotalSegmentator 2, task "vertebrae_mr" ("vertebrae_mr" there), and MRSpineSeg
#: (spinesegmentation-challenge.com): the sacrum is 1, L5 is 2.
TOTAL_MR = Numbering("totalsegmentator-mr", "TotalSegmentator (MR)", {1: "S", **_upwards(2)})
MRSPINESEG = Numbering(
    "mrspineseg", "MRSpineSeg", {n: name for n, name in TOTAL_MR.levels.items() if n < 11}, _numbers(range(11, 20))
)
#: TotalSegmentator 2, tasks "total_mr" and "vertebrae_body" there: one number for all vertebrae.
TOTAL_MR_ALL = Numbering(
    "totalsegmentator-mr-all",
    "TotalSegmentator (MR, all organs)",
    {18: "S"},
    _numbers(range(1, 18), range(20, 51)),
    _numbers(19),
)
TOTAL_BODIES = Numbering("totalsegmentator-bodies", "TotalSegmentator (vertebral bodies)", {}, _numbers(2), _numbers(1))
#: SPINEPS, mask "seg-spine": parts of all vertebrae (arch 41 ... body 49, 50), the sacrum, cord, canal, discs.
SUBREGIONS = Numbering(
    "spineps-subregions",
    "SPINEPS (parts of vertebrae)",
    {26: "S"},
    _numbers(range(51, 69), 100),
    _numbers(range(41, 51)),
)
#: TotalSpineSeg since autumn 2024 (totalspineseg/resources/labels_maps/tss_map.json of neuropoly/totalspineseg).
TOTALSPINESEG = Numbering(
    "totalspineseg-v2",
    "TotalSpineSeg",
    {
        **{10 + n: f"C{n}" for n in range(1, 8)},
        **{20 + n: f"T{n}" for n in range(1, 13)},
        **{40 + n: f"L{n}" for n in range(1, 7)},
        50: "S",
    },
    _numbers(1, 2, range(63, 68), range(71, 83), range(91, 97), 100),
)
#: TotalSpineSeg before (its README of spring 2024): the vertebrae as TotalSegmentator 1, cord 200, canal 201, discs.
TOTALSPINESEG_1 = Numbering(
    "totalspineseg-v1", "TotalSpineSeg (its first numbers)", {**_upwards(18), 92: "S"}, _numbers(range(200, 225))
)
#: SPIDER (van der Graaf et al., Sci Data 2024;11:264; spider.grand-challenge.org): from below, L5 is 1; the canal is
#: 100, vertebrae that are only partly seen 100 + n, discs 200 + n.
SPIDER = Numbering(
    "spider",
    "SPIDER",
    {**_upwards(1), **{100 + n: name for n, name in _upwards(1).items()}},
    _numbers(100, range(201, 226)),
)

#: What may be recognised, the most usual first.
NUMBERINGS: tuple[Numbering, ...] = (
    VERSE_NUMBERING, TOTAL_2, TOTAL_1, TOTALSPINESEG, TOTALSPINESEG_1, SPINEPS, SPIDER, MRSPINESEG, TOTAL_MR,
)  # fmt: skip
#: Those that mark all vertebrae with one number, or each part of them.
JOINED: tuple[Numbering, ...] = (TOTAL_MR_ALL, TOTAL_BODIES, SUBREGIONS)
#: What may be asked for by name; of several the one that the order along the spine fits.
ASKED: dict[str, tuple[Numbering, ...]] = {
    "verse": (VERSE_NUMBERING,),
    "totalsegmentator": (TOTAL_2, TOTAL_1, TOTAL_MR),
    "totalspineseg": (TOTALSPINESEG, TOTALSPINESEG_1),
    "spineps": (SPINEPS,),
    "spider": (SPIDER,),
    "mrspineseg": (MRSPINESEG,),
    **{one.key: (one,) for one in (TOTAL_2, TOTAL_1, TOTAL_MR, TOTALSPINESEG, TOTALSPINESEG_1)},
}
#: Ways to count; "from-below" begins with L5 unless a level is given: "from-below:S1", "from-above:T11".
COUNTS: tuple[str, ...] = ("from-below", "from-above")


def counted_numbering(way: str, first: str) -> Numbering:
    """Numbers that count "from-below" or "from-above" and say no more; 1 is the level ``first``."""
    names = [name for name in ORDER if name not in ("T13", "L6", "S1" if first != "S1" else "S")]
    names = names[names.index(first) :: -1] if way == "from-below" else names[names.index(first) :]
    return Numbering(f"{way}:{first}", f"a count {way.replace('-', ' ')} ({first} is 1)", dict(enumerate(names, 1)))


def asked_numberings(text: str | None) -> tuple[Numbering, ...] | None:
    """What the user means by "verse", "from-below", "from-above:T11" and so on; None of None and "auto".

    Raises:
        SpineError: there is no such numbering, or no such level.
    """
    if text is None or text == "auto":
        return None
    way, _, first = text.partition(":")
    first = first.upper().replace("TH", "T") or ("L5" if way == "from-below" else "")
    if way in COUNTS and first in ORDER:
        return (counted_numbering(way, first),)
    if way in COUNTS:
        raise SpineError(f"'{text}' does not say which level has the number 1; write {way}:T11, for example.")
    if text not in ASKED:
        raise SpineError(f"There is no numbering '{text}'; use one of {', '.join([*ASKED, *COUNTS])}.")
    return ASKED[text]
