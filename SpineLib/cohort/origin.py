"""Whether a patient is real, simulated, or real with painted lesions: told patient by patient."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from SpineLib.cohort.layout import truth_path
from SpineLib.errors import SpineError
from SpineLib.progress import remark
from SpineLib.volume.json_object import json_object
from SpineLib.volume.simulated import DESCRIPTION, simulated_description

REAL, SIMULATED, PAINTED = "real", "simulated", "real with painted lesions"
PARTICIPANTS = "participants.tsv"
#: What the column "simulated" of ``participants.tsv`` and of a table may say; BIDS writes "n/a" for nothing.
_WORDS = {
    **dict.fromkeys(("true", "yes", "1", "simulated"), SIMULATED),
    **dict.fromkeys(("painted", PAINTED), PAINTED),
    **dict.fromkeys(("false", "no", "0", "real"), REAL),
}
_NOTHING = ("", "n/a")


def origin_of(told: str, patient: str) -> str | None:
    """What is meant by a word of a table's column "simulated"; None where it says nothing.

    Raises:
        SpineError: a word that is not known; nobody is called real by mistake.
    """
    word = told.strip().lower()
    if word not in _WORDS and word not in _NOTHING:
        raise SpineError(
            f"Whether {patient} is simulated is told as '{told.strip()}'; write false, true, or painted where lesions "
            "were painted into a real patient."
        )
    return _WORDS.get(word)


def origins(folder: Path, patients: Iterable[str]) -> dict[str, str]:
    """Of each patient of a folder: what ``participants.tsv`` says, else whether the folder calls itself simulated or
    holds what was drawn of the patient.

    Raises:
        SpineError: ``participants.tsv`` cannot be read, or says what is not known.
    """
    told = _told(folder / PARTICIPANTS)
    said = simulated_description(json_object(folder / DESCRIPTION))
    return {
        name: told.get(name) or (SIMULATED if said or truth_path(folder, name).is_file() else REAL) for name in patients
    }


def _told(file: Path) -> dict[str, str | None]:
    if not file.is_file():
        return {}
    try:
        rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines(), delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpineError(f"'{PARTICIPANTS}' cannot be read; save it in UTF-8 with tabs between its columns.") from error
    if rows and "participant_id" not in rows[0] and any("simulated" in str(key) for key in rows[0]):
        raise SpineError(f"'{PARTICIPANTS}' has no column 'participant_id'; save it with tabs between its columns.")
    names = [f"sub-{str(row.get('participant_id')).strip().removeprefix('sub-')}" for row in rows]
    return {name: origin_of(str(row.get("simulated") or ""), name) for name, row in zip(names, rows)}


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
