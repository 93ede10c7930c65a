"""Lists of points in files: Slicer's markups in all forms it saves them, and tables of pairs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError

#: What Slicer writes for each space; numbers are those of its older files (a number in JSON it does not look at).
_SPACES = {"LPS": (1.0, 1.0, 1.0), "1": (1.0, 1.0, 1.0), "RAS": (-1.0, -1.0, 1.0), "0": (-1.0, -1.0, 1.0)}
#: Position status of a point that is placed, in ".fcsv".
_DEFINED = "2"


@dataclass(frozen=True, eq=False)
class Point:
    """A point of a list.

    Attributes:
        label: as the user sees it.
        place: (3,) LPS mm; None where it is in the list and not placed.
    """

    label: str
    place: np.ndarray | None


def read_lists(path: str | Path) -> list[list[Point]]:
    """The lists of points in a file of Slicer: ".mrk.json", ".json", ".fcsv", or the ".csv" of its points' table.

    Raises:
        SpineError: missing, unreadable, of another kind.
    """
    path, text = Path(path), _text(Path(path))
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _lists_of_json(text)
    if suffix == ".fcsv":
        return [_list_of_fcsv(text)]
    if suffix == ".csv":
        return [_list_of_table(text)]
    raise SpineError(f"Points cannot be read from '{path.suffix}'; use .mrk.json, .fcsv or .csv.")


def _lists_of_json(text: str) -> list[list[Point]]:
    try:
        lists = []
        for one in json.loads(text)["markups"]:
            space = one.get("coordinateSystem", "LPS")
            factors = _factors(space if isinstance(space, str) else "LPS")
            lists.append([_point_of_json(point, factors) for point in one["controlPoints"]])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SpineError("The file of points is no Slicer markups file (.mrk.json); save the points again.") from None
    return lists


def _point_of_json(point: Mapping, factors: tuple[float, ...]) -> Point:
    """As Slicer reads it: without a status a point is placed, and without three numbers it is not."""
    status, place = point.get("positionStatus", "defined"), point.get("position")
    if status not in ("defined", "undefined", "preview", "missing"):
        raise ValueError(status)
    label = str(point.get("label", ""))
    if status != "defined" or not isinstance(place, list) or len(place) != 3:
        return Point(label, None)
    return Point(label, _place([float(value) for value in place], factors))


def _list_of_fcsv(text: str) -> list[Point]:
    """Slicer's older table: a header of three comments, then id, x, y, z, ..., label (11th) and status (14th, new)."""
    head = [line for line in text.splitlines() if line.startswith("#")]
    if not any("markups fiducial file" in line.lower() for line in head):
        raise SpineError("The file of points is no Slicer markups file (.fcsv); save the points again.")
    told = [line.partition("=")[2].strip() for line in head if "coordinatesystem" in line.lower()]
    factors = _factors(told[0] if told else "LPS")
    points = []
    for row in _rows(text):
        try:
            place = _place([float(value) for value in row[1:4]], factors)
            label = row[11]
        except (ValueError, IndexError):
            raise SpineError("The file of points is damaged (.fcsv); save the points again.") from None
        placed = len(row) <= 14 or row[14] in ("", _DEFINED)
        points.append(Point(label, place if placed else None))
    return points


def _list_of_table(text: str) -> list[Point]:
    """The table that Slicer exports: label, three coordinates named after their space, and whether each is placed."""
    titles, *rows = [_titles(row) for row in _rows(text)] or [[]]
    space = "LPS" if "l" in titles else "RAS"
    try:
        places = [titles.index(name) for name in space.lower()]
        defined = titles.index("defined") if "defined" in titles else None
        return [
            Point(
                row[titles.index("label")],
                _place([float(row[n]) for n in places], _factors(space))
                if defined is None or row[defined] not in ("0", "false")
                else None,
            )
            for row in rows
        ]
    except (ValueError, IndexError):
        raise SpineError("The table of points is damaged (.csv); export the points again.") from None


def read_table_of_pairs(path: str | Path) -> np.ndarray | None:
    """A table of l, p, s before and l, p, s after in mm, (n, 6); None where the file is the table of one list.

    Raises:
        SpineError: missing, unreadable, no such table.
    """
    rows = []
    for number, row in enumerate(_rows(_text(Path(path)))):
        if number == 0 and "label" in _titles(row):
            return None
        try:
            rows.append([float(cell) for cell in row])
        except ValueError:
            if number:
                raise SpineError(
                    f"Line {number + 1} of the table of points holds something else than numbers."
                ) from None
    if any(len(row) != 6 for row in rows) or not rows:
        raise SpineError("The table of points needs six numbers a line: l, p, s before, then l, p, s after, in mm.")
    return np.array(rows)


def _titles(row: Sequence[str]) -> list[str]:
    return [cell.strip().strip('"').lower() for cell in row]


def _rows(text: str):
    """Lines of a table but empty ones and comments."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return csv.reader(io.StringIO("\n".join(lines)))


def _factors(space: str) -> tuple[float, ...]:
    if space not in _SPACES:
        raise SpineError(f"The file of points names the space '{space}', and LPS or RAS is needed; save them again.")
    return _SPACES[space]


def _place(values: Sequence[float], factors: Sequence[float]) -> np.ndarray:
    if len(values) != 3 or not all(map(math.isfinite, values)):
        raise SpineError("A point in the file holds something that is no number; place it again.")
    return np.array(values) * factors


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SpineError("The file of points cannot be read; check its path.") from error
