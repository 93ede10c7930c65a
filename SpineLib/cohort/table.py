"""A table of patients, CSV, TSV or JSON: for folders that are not BIDS-like.

One row a patient: ``patient, T1, T2, mask``. Paths are relative to the table. JSON is a list of objects with the same
keys, or such a list under "patients".
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from SpineLib.cohort.layout import LABELS
from SpineLib.errors import SpineError
from SpineLib.progress import remark
from SpineLib.sequences import SEQUENCES
from SpineLib.volume.reading import folder_and_series

ENDINGS = (".csv", ".tsv", ".json")
_NAMES = ("patient", "participant_id", "subject", "case", "name")
_ALIASES = {"mask": "lesion", "lesions": "lesion", "metastases": "lesion", "ct": "CT"}
_COLUMNS = {
    **{key.lower(): key for key in (*SEQUENCES, *LABELS)},
    **_ALIASES,
    "session": "session",
    "origin": "origin",
    "simulated": "simulated",
}


@dataclass(frozen=True)
class Row:
    """One patient's files.

    Attributes:
        patient: as the table calls it.
        files: by sequence name, "CT", or label ("lesion", "vertebrae" ...), as far as they are there.
        missing: keys whose file the table names but is not there.
        session: "before", "after" or "".
        origin: what the columns "origin" or "simulated" say, lower case; "" where they say nothing.
    """

    patient: str
    files: dict[str, Path]
    missing: tuple[str, ...]
    session: str = ""
    origin: str = ""


def is_table(path: str | Path) -> bool:
    """Whether a path names a table of patients rather than a folder."""
    path = Path(path)
    return path.suffix.lower() in ENDINGS and path.is_file()


def read_table(path: str | Path) -> list[Row]:
    """The rows of a table, in its order. Columns that are not known are told and left aside.

    Raises:
        SpineError: unreadable, without a column of patients or of files, or a patient stands in it twice.
    """
    path = Path(path)
    rows = _json_rows(path) if path.suffix.lower() == ".json" else _csv_rows(path)
    unknown: dict[str, None] = {}
    found = [_row(path.parent, row, number, unknown) for number, row in enumerate(rows, start=1)]
    if not found:
        raise SpineError(
            f"The table '{path.name}' holds no patient; it needs a row for each, with columns patient, T1, T2, mask."
        )
    seen: set[tuple[str, str]] = set()
    for one in found:
        if (one.patient, one.session) in seen:
            raise SpineError(f"The table '{path.name}' names the patient '{one.patient}' twice; leave one row.")
        seen.add((one.patient, one.session))
    if unknown:
        remark(f"Columns of the table that are not known were left aside: {', '.join(unknown)}.")
    return found


def _row(folder: Path, values: dict, number: int, unknown: dict[str, None]) -> Row:
    lower = {str(key).strip().lower(): key for key in values}
    name = next((values[lower[key]] for key in _NAMES if key in lower), None)
    if name is None or not str(name).strip():
        raise SpineError(f"Row {number} of the table names no patient; it needs a column 'patient'.")
    name = str(name).strip()
    if any(sign in name for sign in '/\\:*?"<>|') or name.startswith("."):
        raise SpineError(
            f"Row {number} of the table has a name that is no name of a folder; use letters, digits, - and _."
        )
    files, missing, told = {}, [], {}
    for key, original in lower.items():
        value = "" if values[original] is None else str(values[original]).strip()
        column = _COLUMNS.get(key)
        if column is None:
            if key not in _NAMES:
                unknown[str(original)] = None
        elif column in ("session", "origin", "simulated"):
            told[column] = value.lower()
        elif value:
            file = folder / value
            if folder_and_series(file)[0].exists():
                files[column] = file
            else:
                missing.append(column)
    origin = told.get("origin", "") or {"true": "simulated", "yes": "simulated", "1": "simulated"}.get(
        told.get("simulated", ""), ""
    )
    return Row(name, files, tuple(missing), told.get("session", ""), origin)


def _csv_rows(path: Path) -> list[dict]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        first = text.split("\n", 1)[0]
        sign = max("\t;,", key=first.count)
        return [row for row in csv.DictReader(text.splitlines(), delimiter=sign) if any(v for v in row.values() if v)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpineError(f"The table '{path.name}' cannot be read; save it as CSV in UTF-8.") from error


def _json_rows(path: Path) -> list[dict]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpineError(
            f"The table '{path.name}' is no JSON; write a list of objects with patient, T1, T2, mask."
        ) from error
    rows = rows.get("patients") if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SpineError(
            f"The table '{path.name}' is no list of patients; write a list of objects with patient, T1, T2, mask."
        )
    return rows
