"""A rigid start from pairs of points that the user has placed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError

#: Points whose second-widest extent is below this lie on a line: a turn about it is left open.
LEAST_WIDTH_MM = 2.0


def rigid_from_points(before_lps_mm: Sequence, after_lps_mm: Sequence) -> tuple[np.ndarray, float]:
    """The rigid transform that fits pairs of points best (least squares, Horn 1987; SimpleITK's).

    Args:
        before_lps_mm: (n, 3), points of the scan before.
        after_lps_mm: (n, 3), the same places in the scan after, in the same order.

    Returns:
        ``after_to_before`` (4, 4), LPS mm, and the root mean square distance that remains (fiducial registration
        error, mm).

    Raises:
        SpineError: fewer than three pairs, unequal numbers, no numbers, points on a line.
    """
    import SimpleITK as sitk

    before, after = _points(before_lps_mm, "before"), _points(after_lps_mm, "after")
    if len(before) != len(after):
        raise SpineError(
            f"There are {len(before)} points before and {len(after)} after; place them in pairs, in the same order."
        )
    if len(before) < 3:
        raise SpineError(f"There are only {len(before)} pairs of points; place at least three, not on a line.")
    for points, when in ((before, "before"), (after, "after")):
        extent = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) / np.sqrt(len(points))
        if extent[1] < LEAST_WIDTH_MM:
            raise SpineError(
                f"The points {when} lie on a line or in one place; "
                "place them apart, e.g. at three corners of the vertebra."
            )
    transform = sitk.LandmarkBasedTransformInitializer(
        sitk.VersorRigid3DTransform(), after.ravel().tolist(), before.ravel().tolist()
    )
    matrix = np.eye(4)
    rigid = sitk.VersorRigid3DTransform(transform)
    matrix[:3, :3] = np.reshape(rigid.GetMatrix(), (3, 3))
    matrix[:3, 3] = rigid.TransformPoint((0.0, 0.0, 0.0))
    left = after @ matrix[:3, :3].T + matrix[:3, 3] - before
    return matrix, float(np.sqrt((left**2).sum(axis=1).mean()))


def read_point_pairs(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of points (before, after), each (n, 3), LPS mm.

    Two kinds of file: a table (".csv") with six columns ``before l, p, s, after l, p, s`` in mm, a line of titles
    being allowed; or a Slicer markups file (".mrk.json") with points named in pairs: those whose label ends in
    "before" or "after" ("1 before", "1 after"), or else two lists of markups, the first being before.

    Raises:
        SpineError: missing, unreadable, no pairs.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SpineError("The file of points cannot be read; check its path.") from error
    return _from_markups(text) if path.name.lower().endswith(".json") else _from_table(text)


def _from_table(text: str) -> tuple[np.ndarray, np.ndarray]:
    rows = []
    for number, row in enumerate(csv.reader(io.StringIO(text))):
        if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
            continue
        try:
            rows.append([float(cell) for cell in row])
        except ValueError:
            if number:
                raise SpineError(
                    f"Line {number + 1} of the table of points holds something else than numbers."
                ) from None
    if any(len(row) != 6 for row in rows) or not rows:
        raise SpineError("The table of points needs six numbers a line: l, p, s before, then l, p, s after, in mm.")
    table = np.array(rows)
    return table[:, :3], table[:, 3:]


def _from_markups(text: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        lists = [
            [
                (
                    str(point.get("label", "")).strip(),
                    np.array(point["position"], float).reshape(3)
                    * ((1, 1, 1) if one.get("coordinateSystem", "LPS") in ("LPS", 0) else (-1, -1, 1)),
                )
                for point in one["controlPoints"]
            ]
            for one in json.loads(text)["markups"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SpineError("The file of points is no Slicer markups file (.mrk.json); save the points again.") from None
    every = [point for one in lists for point in one]
    named = {
        when: {
            label.lower().removesuffix(when).strip(" -_"): place
            for label, place in every
            if label.lower().endswith(when)
        }
        for when in ("before", "after")
    }
    if len(lists) == 2 and not (named["before"] and named["after"]):
        before, after = ([place for _, place in one] for one in lists)
        return np.reshape(before, (-1, 3)), np.reshape(after, (-1, 3))
    common = [name for name in named["before"] if name in named["after"]]
    if not common:
        raise SpineError('The markups hold no pairs; label the points "1 before", "1 after", "2 before" and so on.')
    return np.array([named["before"][name] for name in common]), np.array([named["after"][name] for name in common])


def _points(values: Sequence, when: str) -> np.ndarray:
    try:
        points = np.asarray(values, dtype=float).reshape(-1, 3)
    except (TypeError, ValueError):
        raise SpineError(f"A point {when} does not consist of three numbers (l, p, s in mm).") from None
    if not np.isfinite(points).all():
        raise SpineError(f"A point {when} holds something that is no number; place it again.")
    return points
