"""One table, two ways out: CSV for programs, HTML for the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from SpineLib.csv_text import csv_text
from SpineLib.metrics.measure import Figure


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: the row's key, and the column's name in CSV (with its unit, ``volume_ml``).
        title: what people read.
        unit: what stands behind the title in brackets.
        digits: decimals people read; CSV keeps all.
        percent: whether people read the value times 100; CSV keeps the fraction.
    """

    key: str
    title: str
    unit: str = ""
    digits: int | None = None
    percent: bool = False

    @classmethod
    def of(cls, figure: Figure) -> Column:
        """The column of a figure."""
        return cls(figure.key, figure.label, figure.unit, figure.digits, percent=figure.unit == "%")

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title

    def show(self, value: Any) -> str:
        """The value as people read it; what is missing or not a number is a dash."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "–"
        if isinstance(value, (tuple, list)):
            return ", ".join(self.show(part) for part in value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str):
            return value
        if self.percent:
            value = 100 * value
        return str(value) if self.digits is None else f"{value:.{self.digits}f}"


@dataclass(frozen=True)
class Table:
    """Columns, and rows that hold a value, or nothing, for each column's key."""

    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]

    def __init__(self, columns: Iterable[Column], rows: Iterable[Mapping[str, Any]]):
        object.__setattr__(self, "columns", tuple(columns))
        object.__setattr__(self, "rows", tuple(rows))

    def to_csv(self) -> str:
        """RFC 4180; numbers in full, the parts of a tuple with a space between."""
        rows = ([_plain(row.get(column.key)) for column in self.columns] for row in self.rows)
        return csv_text([[column.key for column in self.columns], *rows], end="\r\n")

    def to_html(self, slices: Iterable[int | None] = ()) -> str:
        """An HTML table; a row with a number in ``slices`` makes the page's viewer jump to that slice when clicked."""
        where = list(slices)
        head = "".join(f"<th>{escape(column.heading)}</th>" for column in self.columns)
        body = []
        for n, line in enumerate(self._shown()):
            jump = f' data-slice="{where[n]}" tabindex="0"' if n < len(where) and where[n] is not None else ""
            body.append(f"<tr{jump}>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>")
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"

    def _shown(self) -> list[list[str]]:
        return [[column.show(row.get(column.key)) for column in self.columns] for row in self.rows]


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    return "" if value is None else value
