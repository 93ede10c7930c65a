"""The vertebrae's levels: their numbers in label maps, as VerSe and TotalSegmentator give them, and their codes.

All numberings that are known are in :mod:`SpineLib.volume.numberings`; this project's own is VerSe's.
"""

from __future__ import annotations

from collections.abc import Mapping

#: VerSe (Sekuboyina et al., Med Image Anal 2021;73:102166): C1 to C7, T1 to T12, L1 to L6, sacrum, and a 13th thoracic.
VERSE: dict[int, str] = {
    **{n: f"C{n}" for n in range(1, 8)},
    **{n: f"T{n - 7}" for n in range(8, 20)},
    **{n: f"L{n - 19}" for n in range(20, 26)},
    26: "S",
    28: "T13",
}

#: TotalSegmentator, task "total" of version 2 (Wasserthal et al., Radiol Artif Intell 2023;5:e230024), from below.
TOTALSEGMENTATOR: dict[int, str] = {
    25: "S",
    26: "S1",
    **{27 + n: f"L{5 - n}" for n in range(5)},
    **{32 + n: f"T{12 - n}" for n in range(12)},
    **{44 + n: f"C{7 - n}" for n in range(7)},
}
#: VerSe's number of each level.
VERSE_NUMBERS: dict[str, int] = {name: number for number, name in VERSE.items()}

#: VerSe's numbers from cranial to caudal of a spine without variants.
DOWNWARDS: tuple[int, ...] = (*range(1, 25), 26)

#: SNOMED CT code of each level (DICOM PS3.16, CID 7603; S: CID 7151).
SNOMED: dict[str, str] = {
    "C1": "14806007", "C2": "39976000", "C3": "113205007", "C4": "5329002", "C5": "36978003", "C6": "36054005",
    "C7": "87391001", "T1": "64864005", "T2": "53733008", "T3": "1626008", "T4": "73071006", "T5": "56401006",
    "T6": "45296009", "T7": "62487009", "T8": "11068009", "T9": "82687006", "T10": "7610001", "T11": "12989004",
    "T12": "23215003", "L1": "66794005", "L2": "14293000", "L3": "36470004", "L4": "11994002", "L5": "49668003",
    "S1": "65985001", "S": "54735007",
}  # fmt: skip

#: Vertebrae whose level nobody knows are numbered from here on, from cranial to caudal, so that none is taken for C1.
FIRST_COUNTED = 101


def level_name(number: int, table: Mapping[int, str] = VERSE) -> str:
    """The level a number stands for ("L3"); "vertebra 2" for 102, which only counts, and "vertebra 40" for 40."""
    number = int(number)
    return table.get(number, f"vertebra {number - FIRST_COUNTED + 1 if number >= FIRST_COUNTED else number}")
