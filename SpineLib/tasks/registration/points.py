"""A rigid start from pairs of points that the user has placed, and whether the pairs fit each other at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.tasks.registration.point_files import Point, read_lists, read_table_of_pairs

if TYPE_CHECKING:
    from SpineLib.tasks.registration.register import Registration

#: Pairs of one vertebra fit each other to this (root mean square, mm) however carelessly they are placed; beyond the
#: second they are not the same places at all: spines do not bend so much, and no start can be made of them.
DOUBTFUL_MM, WRONG_MM = 4.0, 10.0
#: Points whose second-widest extent is below this lie on a line: a turn about it is left open.
LEAST_WIDTH_MM = 2.0


@dataclass(frozen=True, eq=False)
class PointPairs:
    """Pairs of points that are placed on both scans.

    Attributes:
        before, after: (n, 3), LPS mm.
        names: what each pair is called, "1" for the first of the lists.
        notes: sentences on points that were left out.
    """

    before: np.ndarray
    after: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[np.ndarray]:
        """Unpacks as ``before, after``."""
        return iter((self.before, self.after))

    def with_note(self, note: str) -> PointPairs:
        """The same with one more sentence."""
        return replace(self, notes=(*self.notes, note))


@dataclass(frozen=True, eq=False)
class PointStart:
    """Where pairs of points say that a registration begins.

    Attributes:
        matrix: ``after_to_before`` (4, 4), LPS mm.
        misfit_mm: root mean square distance that remains between the pairs.
        notes: sentences for the user.
    """

    matrix: np.ndarray
    misfit_mm: float
    notes: list[str]


def pairs_of(
    before: Sequence[np.ndarray | Sequence[float] | None],
    after: Sequence[np.ndarray | Sequence[float] | None],
    names: Sequence[str] | None = None,
) -> PointPairs:
    """Pairs of two lists by their places in them; what is placed on one scan alone is left out.

    Args:
        before, after: places, LPS mm; None where a point is in the list and not placed.
        names: of the pairs; default their numbers from 1.

    Raises:
        SpineError: one list has points beyond the end of the other.
    """
    ends = [max((n for n, place in enumerate(one, 1) if place is not None), default=0) for one in (before, after)]
    if max(ends) > min(len(before), len(after)):
        raise SpineError(
            f"The two lists of points differ in length ({len(before)} before and {len(after)} after): place the "
            "same landmarks, in the same order, on both scans."
        )
    names = [str(n) for n in range(1, len(before) + 1)] if names is None else list(names)
    rows = list(zip(before, after, names))
    both = [(one, other, name) for one, other, name in rows if one is not None and other is not None]
    alone = [name for one, other, name in rows if (one is None) != (other is None)]
    notes: tuple[str, ...] = ()
    if alone:
        one = len(alone) == 1
        notes = (
            f"Point{'' if one else 's'} {', '.join(alone)} {'is' if one else 'are'} placed on one scan only and "
            f"{'was' if one else 'were'} left out.",
        )
    first, second = (np.reshape(np.array([row[n] for row in both], float), (-1, 3)) for n in (0, 1))
    return PointPairs(first, second, tuple(name for *_, name in both), notes)


def start_of_pairs(pairs: PointPairs) -> PointStart:
    """The start that pairs of points give, unless they contradict each other.

    Raises:
        SpineError: as :func:`rigid_from_points`; they fit each other so badly that they cannot be the same places.
    """
    matrix, misfit_mm = rigid_from_points(*pairs)
    left = np.linalg.norm(pairs.after @ matrix[:3, :3].T + matrix[:3, 3] - pairs.before, axis=1)
    worst = f"pair {pairs.names[int(left.argmax())]} by {left.max():.0f} mm"
    if misfit_mm > WRONG_MM:
        raise SpineError(
            f"The pairs of points do not fit each other ({misfit_mm:.0f} mm off, {worst}): they are not the same "
            "places on both scans, or not in the same order; place them again."
        )
    fits = f"The pairs of points fit each other to {misfit_mm:.1f} mm"
    doubt = f" only ({worst}): check that they are the same places on both scans." if misfit_mm > DOUBTFUL_MM else "."
    return PointStart(matrix, misfit_mm, [*pairs.notes, fits + doubt])


def blaming_points(result: Registration, start: PointStart) -> Registration:
    """A registration that began at points; where it is not to be trusted and they misfit, they are the first reason."""
    notes, quality = [*start.notes, *result.notes], result.quality
    if not quality.trusted and start.misfit_mm > DOUBTFUL_MM:
        reason = (
            f"The pairs of points that it began at fit each other only to {start.misfit_mm:.1f} mm: place them again."
        )
        quality = replace(quality, reasons=(reason, *quality.reasons))
    return replace(result, quality=quality, notes=notes)


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


def read_point_pairs(*paths: str | Path) -> PointPairs:
    """Pairs of points before and after; it unpacks as two arrays (n, 3), LPS mm.

    Args:
        paths: one file or two, before and after. A table (".csv") has six columns ``before l, p, s, after l, p, s`` in
            mm, a line of titles being allowed. A file of Slicer (".mrk.json", ".json", ".fcsv", or the ".csv" of its
            points' table) holds two lists, before and after, or one whose labels end in "before" and "after"
            ("1 before", "1 after"); of two files each holds one list. The points of two lists are paired by their
            places in them.

    Raises:
        SpineError: missing, unreadable, no pairs; lists that differ in length.
    """
    if len(paths) == 1 and Path(paths[0]).suffix.lower() == ".csv":
        table = read_table_of_pairs(paths[0])
        if table is not None:
            return pairs_of(list(table[:, :3]), list(table[:, 3:]))
    lists = [one for path in paths for one in read_lists(path)]
    if len(paths) == 2 and len(lists) != 2:
        raise SpineError("Each of the two files of points must hold one list; save one list to each of them.")
    named = _named_pairs([point for one in lists for point in one]) if len(paths) == 1 else None
    if named is not None:
        return named
    if len(lists) != 2:
        raise SpineError(
            'The markups hold no pairs; label the points "1 before", "1 after", "2 before" and so on, or give two '
            "files, before and after."
        )
    before, after = lists
    return pairs_of([one.place for one in before], [one.place for one in after])


def _named_pairs(points: Sequence[Point]) -> PointPairs | None:
    """Points that are called "1 before", "1 after"; None where none is."""
    named: dict[str, dict[str, np.ndarray | None]] = {}
    for when in ("before", "after"):
        ends = [(one, one.label.strip().lower()) for one in points]
        named[when] = {name.removesuffix(when).strip(" -_"): one.place for one, name in ends if name.endswith(when)}
    names = [name for name in named["before"] if name in named["after"]]
    if not names:
        return None
    alone = [name for when in named for name in named[when] if name not in names]
    pairs = pairs_of([named["before"][name] for name in names], [named["after"][name] for name in names], names)
    if not alone:
        return pairs
    left = ", ".join(f"'{name}'" for name in alone)
    return pairs.with_note(f"Points without a partner on the other scan were left out: {left}.")


def _points(values: Sequence | np.ndarray, when: str) -> np.ndarray:
    try:
        points = np.asarray(values, dtype=float).reshape(-1, 3)
    except (TypeError, ValueError):
        raise SpineError(f"A point {when} does not consist of three numbers (l, p, s in mm).") from None
    if not np.isfinite(points).all():
        raise SpineError(f"A point {when} holds something that is no number; place it again.")
    return points
