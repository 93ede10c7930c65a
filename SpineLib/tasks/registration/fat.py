"""The displacement of fat in the last step of a registration: as the headers tell it, else fitted freely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SpineLib.progress import Progress
from SpineLib.tasks.registration.layers import fit_layers
from SpineLib.tasks.registration.region import Region
from SpineLib.tasks.registration.search import distance, middle
from SpineLib.tasks.registration.told import ToldFit, fit_told
from SpineLib.volume.fat_shift import FatShift
from SpineLib.volume.told import fat_shift_of
from SpineLib.volume.volume import Volume

#: Of two candidates whose mutual information differs by less than this (nats) neither is the better one.
_AS_GOOD = 0.004


@dataclass(frozen=True)
class FatFit:
    """A registration with fat apart from water.

    Attributes:
        matrix: (4, 4), before to after, LPS mm: of bone.
        spread_mm: distance between fits to different points, and between candidates that are as good, at the corners of
            the region.
        way: "told" by both headers, or "fitted".
        note: a sentence for the user.
        facts: JSON-able.
    """

    matrix: np.ndarray
    spread_mm: float
    way: str
    note: str
    facts: dict


def fit_fat(
    before: Volume,
    after: Volume,
    region: Region,
    matrix: np.ndarray,
    margin_mm: float,
    headers: bool,
    progress: Progress,
) -> FatFit:
    """The fit that starts at ``matrix`` (4, 4, before to after, LPS mm).

    Args:
        headers: use what the headers of both scans tell, where they do and bright tissue is fat (T1).

    Raises:
        Cancelled: by ``progress``.
    """
    corners = region.corners()
    shifts = [one for one in (fat_shift_of(before), fat_shift_of(after)) if one is not None]
    told = headers and len(shifts) == 2 and all(one.told_by_brightness for one in shifts)
    if not told:
        fits = fit_layers(before, after, region, matrix, margin_mm, progress)
        found = middle([one.matrix for one in fits], region.centre)
        spread = 2 * max(distance(one.matrix, found, corners) for one in fits)
        why = "left aside" if not headers else "not told by the headers of two T1 scans"
        return FatFit(
            found,
            spread,
            "fitted",
            f"How far the scanners displaced fat was {why} and fitted freely, which "
            "may be wrong by 2 mm unnoticed: look at both scans faded into each other.",
            {"way": "fitted"},
        )
    candidates, halves = fit_told(before, after, region, matrix, margin_mm, progress)
    found = middle([one.matrix for one in halves], region.centre)
    best = candidates[0]
    alike = [one for one in candidates[1:] if one.metric > best.metric - _AS_GOOD]
    spread = max(
        2 * distance(halves[0].matrix, found, corners),
        *(distance(one.matrix, best.matrix, corners) for one in alike),
        0.0,
    )
    note = (
        f"Fat is displaced by {_words(shifts[0])} before and {_words(shifts[1])} after, as the headers tell; to "
        "which side was fitted."
    )
    facts = {
        "way": "told",
        "before_mm": _mm(shifts[0]),
        "after_mm": _mm(shifts[1]),
        "candidates": [_row(one) for one in candidates],
    }
    return FatFit(found, float(spread), "told", note, facts)


def _words(shift: FatShift) -> str:
    return "nothing (suppressed)" if shift.suppressed else f"{shift.mm:.1f} mm"


def _mm(shift: FatShift) -> float:
    return 0.0 if shift.suppressed else round(shift.mm, 3)


def _row(one: ToldFit) -> dict:
    return {"sides": list(one.sides), "metric": round(one.metric, 5)}
