"""A table of patients, CSV, TSV or JSON: for folders that are not BIDS-like.

One row a patient: ``patient, T1, T2, mask``. Paths are relative to the table. JSON is a list of objects with the same
keys, or such a list under "patients".
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from SpineLib.cohort.layout import LABELS, SESSIONS, sessions
from SpineLib.cohort.origin import REAL, origin_of
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
        origin: a word of :mod:`SpineLib.cohort.origin`; real where the table says nothing.
    """

    patient: str
    files: dict[str, Path]
    missing: tuple[str, ...]
    session: str = ""
    origin: str = REAL


def is_table(path: str | Path) -> bool:
    """Whether a path names a table of patients rather than a folder."""
    path = Path(path)
    return path.suffix.lower() in ENDINGS and path.is_file()


def check_there(path: str | Path) -> None:
    """Refuse what is neither a folder nor a table of patients.

    Raises:
        SpineError: it does not exist, or is a file of another kind.
    """
    path = Path(path)
    if not path.exists():
        raise SpineError(f"'{path}' does not exist; check the path of the folder or table of patients.")
    if not path.is_dir() and not is_table(path):
        raise SpineError(f"'{path.name}' is no table of patients; give a folder, or a table saved as CSV, TSV or JSON.")


def sessions_of(path: Path) -> list[str]:
    """Names of the sessions that any patient of a folder or table has, in order."""
    return sorted({row.session for row in read_table(path)} - {""}) if is_table(path) else sessions(path)


def rows_of(path: Path, session: str | None) -> list[Row]:
    """The rows of one session of a table, or those without a session; if others are left aside, it is told.

    Raises:
        SpineError: as :func:`read_table`, or there is none.
    """
    rows = read_table(path)
    there = sorted({row.session for row in rows} - {""})
    found = [row for row in rows if row.session == (session or "")]
    if not found:
        raise SpineError(
            f"The table '{path.name}' holds only patients of the session {' or '.join(there)}; choose with --session, "
            "or leave that column empty."
            if there
            else f"The table '{path.name}' holds no patient of the session '{session}'; say so in a column 'session'."
        )
    if not session and len(found) < len(rows):
        remark(
            f"{len(rows) - len(found)} rows of the table are of a session ({', '.join(there)}) and were left aside; "
            "choose one with --session."
        )
    return found


def read_table(path: str | Path) -> list[Row]:
    """The rows of a table, in its order. Columns that are not known are told and left aside.

    Raises:
        SpineError: unreadable, without a column of patients or of files, a patient stands in it twice, or a row says
            what cannot be meant.
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
    if any(str(cell or "").strip() for cell in values.pop(None, ())):
        raise SpineError(f"Row {number} of the table has more cells than columns; quote values that hold a comma.")
    lower = {str(key).strip().lower(): cell for key, cell in values.items()}
    name = next((lower[key] for key in _NAMES if key in lower), None)
    if name is None or not str(name).strip():
        raise SpineError(f"Row {number} of the table names no patient; it needs a column 'patient'.")
    name = str(name).strip()
    if any(sign in name for sign in '/\\:*?"<>|') or name.startswith("."):
        raise SpineError(
            f"Row {number} of the table has a name that is no name of a folder; use letters, digits, - and _."
        )
    cells: dict[str, str] = {}
    for original, cell in values.items():
        key = str(original).strip().lower()
        column = _COLUMNS.get(key)
        if column is None:
            if key and key not in _NAMES:
                unknown[str(original)] = None
        elif column in cells:
            raise SpineError(f"The table has several columns of {column} ('{original}' is one); leave one of them.")
        else:
            cells[column] = "" if cell is None else str(cell).strip()
    session = cells.pop("session", "").lower()
    if session and session not in SESSIONS:
        raise SpineError(f"Row {number} of the table has the session '{session}'; write {' or '.join(SESSIONS)}.")
    origin = origin_of(cells.pop("simulated", ""), name) or REAL
    files = {column: folder / cell for column, cell in cells.items() if cell}
    missing = tuple(column for column, file in files.items() if not folder_and_series(file)[0].exists())
    return Row(name, {key: file for key, file in files.items() if key not in missing}, missing, session, origin)


def _csv_rows(path: Path) -> list[dict]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        first, _, rest = text.partition("\n")
        if first.lower().startswith("sep="):  # a line for Excel
            first, text = rest.partition("\n")[0], rest
        sign = max("\t;,", key=first.count)
        reader = csv.DictReader(text.splitlines(), delimiter=sign)
        rows = [row for row in reader if any(str(cell or "").strip() for cell in row.values())]
        heads = [head.strip() for head in reader.fieldnames or () if head.strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpineError(f"The table '{path.name}' cannot be read; save it as CSV in UTF-8.") from error
    if twice := next((head for head in heads if heads.count(head) > 1), None):
        raise SpineError(f"The table '{path.name}' has several columns '{twice}'; leave one of them.")
    return rows


def _json_rows(path: Path) -> list[dict]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
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
