"""Tables as CSV that no spreadsheet program takes for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: What a spreadsheet program takes for the start of a formula (OWASP, "CSV Injection"), full-width forms included.
_FORMULA = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")


def csv_text(rows: Iterable[Iterable[Any]], end: str = "\n") -> str:
    """RFC 4180; None is an empty cell; text that a program would run as a formula gets an apostrophe in front.

    Args:
        rows: the heading first; numbers as they are, or as text.
        end: of each line.
    """
    stream = io.StringIO()
    csv.writer(stream, lineterminator=end).writerows([_cell(value) for value in row] for row in rows)
    return stream.getvalue()


def csv_of_dicts(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None, end: str = "\n") -> str:
    """:func:`csv_text` of rows by column's name; a missing value is an empty cell.

    Args:
        columns: default all keys, in the order in which they come.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row)) if columns is None else columns
    return csv_text([columns, *([row.get(column) for column in columns] for row in rows)], end)


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    mark = "'" if value.startswith(_FORMULA) and not _is_number(value) else ""
    return mark + value.replace("\r", " ")  # a lone one ends the line for some readers, and is not quoted


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
