"""Numbers of the vertebrae in label maps, as VerSe and as TotalSegmentator give them."""

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


#: Vertebrae whose level nobody knows are numbered from here on, from cranial to caudal, so that none is taken for C1.
FIRST_COUNTED = 101


def level_name(number: int, table: Mapping[int, str] = VERSE) -> str:
    """The level a number stands for ("L3"); "vertebra 2" for 102, which only counts, and "vertebra 40" for 40."""
    number = int(number)
    return table.get(number, f"vertebra {number - FIRST_COUNTED + 1 if number >= FIRST_COUNTED else number}")
