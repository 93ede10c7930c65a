"""Lesions of two examinations, matched in one space: size before and after, what is new, what is gone, the response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.json_text import plain
from SpineLib.metrics.response import (
    COMPLETE,
    NOT_MEASURABLE,
    NOT_SEEN,
    NOT_TO_BE_TOLD,
    PARTIAL,
    PROGRESSIVE,
    RESPONSES,
    SOURCE,
    STABLE,
    change_words,
    class_of,
)
from SpineLib.progress import Progress, silent
from SpineLib.settings import Settings
from SpineLib.tasks.followup.compare_all import pair_necroses
from SpineLib.tasks.provenance import provenance
from SpineLib.tasks.response.lesions import Size, size_of
from SpineLib.volume import Volume
from SpineLib.volume.places import ras_lps, shows, to_lps
from SpineLib.volume.told import reading_notes
from SpineLib.volume.transform import check_linear
from SpineLib.volume.triples import triple

_REJECTED = "Was rejected in the earlier examination: look at both."
_UNTRUSTED = "The registration of the two examinations is not to be trusted."


@dataclass(frozen=True)
class ResponseSettings(Settings):
    """What the user may choose.

    Attributes:
        farthest_mm: a later lesion that overlaps no earlier one is the same as the nearest if it lies no farther off.
    """

    farthest_mm: float = 5.0

    def __post_init__(self):
        if not 0 <= self.farthest_mm <= 50:
            raise SpineError(f"The farthest distance is {self.farthest_mm} mm; choose one between 0 and 50.")


@dataclass(frozen=True)
class Found:
    """A lesion of one examination.

    Attributes:
        name: "Lesion 1".
        mask: not 0 inside, on its image's grid, LPS mm.
        level: of its vertebra; "" where it is not known.
    """

    name: str
    mask: Volume
    level: str = ""


@dataclass(frozen=True)
class LesionChange:
    """What became of a lesion, or of several that merged or parted.

    Attributes:
        earlier, later: names of the lesions; () for a new one, or one that is gone.
        level: of its vertebra; "" where it is not known.
        size_earlier, size_later: see :class:`SpineLib.tasks.response.lesions.Size`.
        response: one of :data:`SpineLib.metrics.response.RESPONSES`.
        centre_ras_mm: in the space of the earlier examination.
        remark: what has to be known of it, a sentence or "".
    """

    earlier: tuple[str, ...]
    later: tuple[str, ...]
    level: str
    size_earlier: Size
    size_later: Size
    response: str
    centre_ras_mm: tuple[float, float, float]
    remark: str = ""

    @property
    def what(self) -> str:
        """ "new", "gone", "merged", "parted" or "" for one that is there both times."""
        if not self.earlier:
            return "new"
        if not self.later:
            return "gone"
        return "merged" if len(self.earlier) > 1 else "parted" if len(self.later) > 1 else ""

    @property
    def values(self) -> dict[str, float | None]:
        """Of :data:`SpineLib.metrics.response.RESPONSE_FIGURES` by key."""
        one, two = self.size_earlier, self.size_later
        known = bool(self.earlier)
        return {
            "earlier_ml": one.volume_ml if known else None,
            "later_ml": two.volume_ml,
            "volume_change": two.volume_ml / one.volume_ml - 1 if known else None,
            "earlier_mm": one.longest_mm if known else None,
            "later_mm": two.longest_mm,
            "earlier_mm2": one.product_mm2 if known else None,
            "later_mm2": two.product_mm2,
            "product_change": two.product_mm2 / one.product_mm2 - 1 if known else None,
        }

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "earlier": list(self.earlier),
            "later": list(self.later),
            "level": self.level,
            "what": self.what,
            "response": self.response,
            "remark": self.remark,
            "centre_ras_mm": list(self.centre_ras_mm),
            **self.values,
        }


@dataclass(frozen=True)
class Response:
    """The result.

    Attributes:
        changes: the earlier lesions in their order, then the new ones.
        overall: class of all together, or "not to be told".
        reason: why, in a sentence.
        notes: sentences the user should read.
        provenance: JSON-able.
    """

    changes: tuple[LesionChange, ...]
    overall: str
    reason: str
    notes: list[str]
    provenance: dict = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return plain(
            {
                "lesions": [one.to_dict() for one in self.changes],
                "overall": self.overall,
                "overall_in_words": RESPONSES.get(self.overall, self.overall),
                "reason": self.reason,
                "scheme": SOURCE,
                "notes": list(self.notes),
                "provenance": self.provenance,
            }
        )


def response(
    earlier: Sequence[Found],
    later: Sequence[Found],
    later_to_earlier: np.ndarray | Mapping[int, np.ndarray] | None = None,
    settings: ResponseSettings = ResponseSettings(),
    progress: Progress = silent,
    error_mm: float | None = None,
    trusted: bool = True,
    images: tuple[Volume, Volume] | None = None,
    rejected: Sequence[Volume] = (),
) -> Response:
    """Match the lesions of two examinations and say what became of them.

    A later lesion is the same as every earlier one that it overlaps in the earlier examination's space; of those that
    overlap nothing, the nearest are the same within ``farthest_mm`` (and the registration's error). All that are the
    same make one line.

    Args:
        earlier, later: lesions; empty ones count as not there.
        later_to_earlier: 4 x 4, LPS mm, or one for each index of an earlier lesion, since spines bend; None: both
            examinations are in one space.
        settings: the user's choices.
        progress: may raise ``Cancelled``.
        error_mm, trusted: of the registration; where it is not to be trusted no lesion has a class.
        images: earlier and later scan: what each of them shows; None: the masks' grids are the scans'.
        rejected: masks of what a reader rejected in the earlier examination: what lies there now is not told to be new.

    Raises:
        SpineError: neither examination has a lesion, a transform is of no use.
        Cancelled: by ``progress``.
    """
    started = perf_counter()
    first, second = ([one for one in ones if one.mask.array.any()] for ones in (earlier, later))
    if not first and not second:
        raise SpineError("Neither examination holds a lesion, so there is nothing to compare.")
    matrices = _matrices(earlier, first, later_to_earlier)
    progress(0.05, "Finding what belongs together")
    reach = settings.farthest_mm + (error_mm or 0.0)
    pairs, new = _pairs(first, second, matrices, reach)
    grids = images or ((first or second)[0].mask, (second or first)[0].mask)
    sizes = []
    for number, one in enumerate([*first, *second]):
        progress(0.4 + 0.6 * number / (len(first) + len(second)), "Measuring")
        sizes.append(size_of(one.mask))
    before, after = sizes[: len(first)], sizes[len(first) :]
    changes = []
    for ours, theirs in _groups(pairs):
        lost = not theirs and not shows(grids[1], first[ours[0]].mask, np.linalg.inv(matrices[ours[0]]))
        changes.append(
            _change([first[n] for n in ours], [second[n] for n in theirs], sum((before[n] for n in ours), Size()),
                    sum((after[n] for n in theirs), Size()), lost, np.eye(4))
        )  # fmt: skip
    usual = matrices[0] if matrices else _only_matrix(later_to_earlier)
    beside = pair_necroses(rejected, [second[n].mask for n in new], [usual] * len(rejected), error_mm or 0.0)[1]
    for place, n in enumerate(new):
        lost = not shows(grids[0], second[n].mask, usual)
        change = _change([], [second[n]], Size(), after[n], lost, usual)
        if place not in beside:
            change = replace(change, response=NOT_TO_BE_TOLD, remark=_REJECTED)
        changes.append(change)
    if not trusted:
        changes = [replace(one, response=NOT_TO_BE_TOLD, remark=one.remark or _UNTRUSTED) for one in changes]
    overall, reason = _overall(changes, trusted)
    applied = {"farthest_mm": settings.farthest_mm, "error_mm": error_mm, "trusted": trusted}
    made = provenance("response", started, applied, libraries=("numpy", "scipy", "vtk"))
    notes = reading_notes(*(one.mask for one in [*first[:1], *second[:1]]))
    if later_to_earlier is None:
        notes.append("No registration was given: both examinations were taken to lie in one space.")
    elif error_mm is None:
        notes.append("The registration's error is not known: lesions were matched as they lie.")
    notes.append("WHO and MD Anderson ask for a second examination after four weeks or more to confirm a response.")
    progress(1.0, "Done")
    return Response(tuple(changes), overall, reason, notes, made)


def _matrices(given: Sequence[Found], kept: Sequence[Found], matrix) -> list[np.ndarray]:
    if isinstance(matrix, Mapping):
        missing = [one.name for number, one in enumerate(given) if one in kept and number not in matrix]
        if missing:
            raise SpineError(f"The transform of {missing[0]} is missing: register around each lesion.")
        return [check_linear(matrix[number]) for number, one in enumerate(given) if any(one is other for other in kept)]
    return [_only_matrix(matrix)] * len(kept)


def _only_matrix(matrix) -> np.ndarray:
    if isinstance(matrix, Mapping):
        return check_linear(next(iter(matrix.values()))) if matrix else np.eye(4)
    return np.eye(4) if matrix is None else check_linear(matrix)


def _pairs(
    first: Sequence[Found], second: Sequence[Found], matrices: Sequence[np.ndarray], reach_mm: float
) -> tuple[list[tuple[int, ...]], list[int]]:
    """Indices of the later lesions that are the same as each earlier one, and of those that are new."""
    ours, theirs = [one.mask for one in first], [one.mask for one in second]
    pairs, alone = pair_necroses(ours, theirs, matrices, 0.0)
    empty = [n for n, found in enumerate(pairs) if not found]
    some = [ours[n] for n in empty], [theirs[n] for n in alone], [matrices[n] for n in empty]
    near, left = pair_necroses(*some, reach_mm)
    for n, found in zip(empty, near):
        pairs[n] = tuple(alone[m] for m in found)
    return pairs, [alone[m] for m in left]


def _groups(pairs: Sequence[Sequence[int]]) -> list[tuple[list[int], list[int]]]:
    """Earlier lesions that share a later one, and all their later ones, in the order of the earlier ones."""
    groups: list[tuple[list[int], list[int]]] = []
    for number, theirs in enumerate(pairs):
        same = [group for group in groups if set(group[1]) & set(theirs)]
        ours = sorted({number, *(n for group in same for n in group[0])})
        joined = sorted({*theirs, *(n for group in same for n in group[1])})
        groups = [group for group in groups if group not in same] + [(ours, joined)]
    return sorted(groups, key=lambda group: group[0][0])


def _change(
    earlier: Sequence[Found], later: Sequence[Found], one: Size, two: Size, lost: bool, to_earlier: np.ndarray
) -> LesionChange:
    """A line of the table; ``lost``: the scan on which it is not marked does not show its place."""
    where = (earlier or later)[0]
    centre = to_lps(np.argwhere(where.mask.array), where.mask).mean(axis=0)
    centre = to_earlier[:3, :3] @ centre + to_earlier[:3, 3]
    level = next((found.level for found in (*earlier, *later) if found.level), "")
    remark = ""
    if lost:
        kind = NOT_SEEN
        remark = f"The {'later' if earlier else 'earlier'} scan does not show this place."
    elif not earlier:
        kind = PROGRESSIVE
        remark = "" if two.measurable else "A small new lesion: make sure that it is one."
    elif not later:
        kind = COMPLETE
    elif not (one.measurable or two.measurable):
        kind, remark = NOT_MEASURABLE, "Too small for its diameters to be compared."
    else:
        kind = class_of(one.product_mm2, two.product_mm2)
    place = triple(float(value) for value in np.round(ras_lps(centre), 3))
    before, after = (tuple(found.name for found in ones) for ones in (earlier, later))
    return LesionChange(before, after, level, one, two, kind, place, remark)


def _overall(changes: Sequence[LesionChange], trusted: bool) -> tuple[str, str]:
    if not trusted:
        return NOT_TO_BE_TOLD, _UNTRUSTED
    open_ones = sum(one.response == NOT_TO_BE_TOLD for one in changes)
    worse = [one for one in changes if one.response == PROGRESSIVE]
    if worse:
        new = sum(one.what == "new" for one in worse)
        grown = len(worse) - new
        parts = []
        if new:
            parts.append("1 lesion is new" if new == 1 else f"{new} lesions are new")
        if grown:
            parts.append(
                "1 has grown by a quarter or more" if grown == 1 else f"{grown} have grown by a quarter or more"
            )
        return PROGRESSIVE, f"{', '.join(parts)}."
    if open_ones == len(changes):
        return NOT_TO_BE_TOLD, "All that is there now was rejected in the earlier examination."
    counted = [one for one in changes if one.response not in (NOT_SEEN, NOT_MEASURABLE, NOT_TO_BE_TOLD)]
    none_new = "no lesion is new" if not open_ones else f"{open_ones} not counted, rejected in the earlier examination"
    hidden = sum(one.response == NOT_SEEN for one in changes)
    if hidden:
        return NOT_TO_BE_TOLD, f"Of {hidden} of {len(changes)} lesions only one of the two scans shows the place."
    if not counted:
        return STABLE, f"No lesion is large enough to be measured, {none_new}, and none is gone."
    before, after = (sum(getattr(one, name).product_mm2 for one in counted) for name in ("size_earlier", "size_later"))
    kind = class_of(before, after)
    if kind == COMPLETE and len(counted) + open_ones < len(changes):
        kind = PARTIAL  # what is too small to be measured is still there
    share = after / before - 1
    words = change_words(share, "+")
    changed = (
        "did not change" if share == 0 else f"changed by {words} %" if words != "0" else "changed by less than 1 %"
    )
    return kind, f"The sum of the products of diameters {changed}, and {none_new}."
