"""How a scan was weighted, as its header tells: fat suppression, inversion, echo, contrast medium."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from SpineLib.volume.header_words import number_of, words_of

#: Inversion times (s) that null fat, at 0.2 to 3 tesla; longer ones null water (FLAIR).
_NULLS_FAT = (0.06, 0.35)
#: How the element of the contrast agent says that there was none.
_NO_AGENT = ("", "NO", "NONE", "N", "NO CONTRAST", "WITHOUT", "OHNE", "NATIV", "KEIN", "0", "FALSE", "UNKNOWN")


@dataclass(frozen=True)
class Acquisition:
    """Of one scan; what the header does not tell is None.

    Attributes:
        fat_suppressed: by saturation ("FS" among ScanOptions), a short inversion time, or as the water of Dixon.
        inverted: whether the sequence begins with an inversion, by ScanningSequence or InversionTime.
        echo_s: echo time, s.
        contrast_agent: whether one is named.
    """

    fat_suppressed: bool | None = None
    inverted: bool | None = None
    echo_s: float | None = None
    contrast_agent: bool | None = None


def acquisition(fields: Mapping[str, Any]) -> Acquisition | None:
    """What a header tells, or None where it tells nothing of it.

    Args:
        fields: as a BIDS sidecar holds them.
    """
    inversion = number_of(fields.get("InversionTime"))
    kinds, sequence = words_of(fields.get("ImageType")), words_of(fields.get("ScanningSequence"))
    dark_fat = _NULLS_FAT[0] <= inversion <= _NULLS_FAT[1] or bool({"W", "WATER"} & set(kinds))
    if "ScanOptions" in fields:
        dark_fat = dark_fat or "FS" in words_of(fields["ScanOptions"])
    agent = fields.get("ContrastBolusAgent")
    found = Acquisition(
        dark_fat if dark_fat or "ScanOptions" in fields else None,
        inversion > 0 or "IR" in sequence if inversion > 0 or sequence else None,
        number_of(fields.get("EchoTime")) or None,
        None if agent is None else str(agent).strip().upper() not in _NO_AGENT,
    )
    return None if found == Acquisition() else found
