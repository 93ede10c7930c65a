"""Whether a patient is real, simulated, or real with painted lesions: told patient by patient."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from SpineLib.progress import remark

REAL, SIMULATED, PAINTED = "real", "simulated", "real with painted lesions"
PARTICIPANTS = "participants.tsv"
#: What the column "simulated" of ``participants.tsv`` and the columns of a table may say.
_WORDS = {
    "true": SIMULATED,
    "simulated": SIMULATED,
    "painted": PAINTED,
    "lesions": PAINTED,
    PAINTED: PAINTED,
    "false": REAL,
    "real": REAL,
}


def origin_of(told: str, otherwise: str) -> str:
    """What is meant by a word of a table; ``otherwise`` where it says nothing that is known."""
    return _WORDS.get(told.strip().lower(), otherwise)


def origins(folder: Path) -> dict[str, str]:
    """By patient what ``participants.tsv`` says, as far as it says it."""
    try:
        rows = list(
            csv.DictReader((folder / PARTICIPANTS).read_text(encoding="utf-8-sig").splitlines(), delimiter="\t")
        )
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}
    told = {str(row.get("participant_id")): str(row.get("simulated") or row.get("origin") or "") for row in rows}
    return {name: origin_of(text, "") for name, text in told.items() if origin_of(text, "")}


def counted(kinds: Iterable[str]) -> str:
    """ "3 real, 2 simulated" of the patients' kinds."""
    kinds = list(kinds)
    return ", ".join(f"{kinds.count(one)} {one}" for one in (REAL, PAINTED, SIMULATED) if one in kinds)


def tell_left_out(left_out: Sequence[tuple[str, str]] | Mapping[str, str], taken: int) -> None:
    """Name the patients that are left out, with the reason of each."""
    rows = list(left_out.items()) if isinstance(left_out, Mapping) else list(left_out)
    if rows:
        named = "; ".join(f"{name}: {why}" for name, why in rows[:20]) + ("; ..." if len(rows) > 20 else "")
        remark(f"{len(rows)} of {taken + len(rows)} patients were left out ({named}).")
