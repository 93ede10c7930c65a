"""The numbers of a follow-up as people and programs read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from SpineLib.reports.tables import Column, Table

#: The outcome of a metastasis at which no necrosis lies; others: :mod:`SpineLib.tasks.followup.verdict`.
NOT_TREATED = "not treated"
#: What people read of the lines of ``comparison.csv`` and ``cohort.csv``; those have all there is.
ROW_COLUMNS = (
    Column("case", "Case"),
    Column("status", "Status"),
    Column("outcome", "Verdict"),
    Column("treated", "Treated metastases"),
    Column("not_treated", "Not treated"),
    Column("metastasis_ml", "Metastasis", "ml", 2),
    Column("covered_share", "Covered", "%", 1, percent=True),
    Column("untreated_ml", "Untreated", "ml", 2),
    Column("dice", "Dice", "%", 1, percent=True),
    Column("minimum_mm", "Smallest margin", "mm", 1),
    Column("share_below_0_mm", "Margin below 0", "%", 1, percent=True),
    Column("hausdorff95_mm", "95 % Hausdorff", "mm", 1),
    Column("error_mm", "Registration error", "mm", 1),
    Column("message", "Message"),
)
_PIECE_COLUMNS = (
    Column("number", "Piece"),
    Column("volume_ml", "Volume", "ml", 2),
    Column("depth_mm", "Depth", "mm", 1),
    Column("where", "Where in the metastasis"),
    Column("centre_ras_mm", "Centre R, A, S", "mm", 1),
)
_BIN_COLUMNS = (
    Column("margin", "Margin", "mm"),
    Column("share", "Share", "%", 1, percent=True),
    Column("area_mm2", "Area", "mm²", 0),
)


def plain_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """All that is in the rows, for CSV: columns in the order of their first appearance."""
    return Table([Column(key, key) for key in dict.fromkeys(key for row in rows for key in row)], rows)


def overlap_facts(comparison: Mapping[str, Any]) -> dict[str, str]:
    """Volumes, by name."""
    overlap = comparison["overlap"]
    facts = {
        "Metastasis": _ml(overlap["metastasis_ml"]),
        "Necrosis": _ml(overlap["necrosis_ml"]),
        "In common": _ml(overlap["common_ml"]),
        "Covered (completeness)": _percent(overlap["covered_share"]),
        "Untreated": _ml(overlap["untreated_ml"]),
        "Necrosis outside": _ml(overlap["necrosis_outside_ml"]),
        "Dice": _percent(overlap["dice"]),
        "Jaccard": _percent(overlap["jaccard"]),
    }
    if overlap["unseen_ml"]:
        facts["Not on the scan after"] = _ml(overlap["unseen_ml"])
    return facts


def distance_facts(comparison: Mapping[str, Any]) -> dict[str, str]:
    """Margin and surface distances, by name."""
    distance = comparison["distance"]
    if distance["minimum_mm"] is None:
        return {"Margin": "none: there is no necrosis"}
    percentiles = ", ".join(f"{percent} %: {_mm(value)}" for percent, value in distance["percentiles_mm"].items())
    facts = {
        "Smallest margin": f"{_mm(distance['minimum_mm'])} ({distance['thinnest_where']})",
        "Mean margin": _mm(distance["mean_mm"]),
        "Percentiles of the margin": percentiles,
        "Hausdorff distance": _mm(distance["hausdorff_mm"]),
        "95 % Hausdorff distance": _mm(distance["hausdorff95_mm"]),
        "Average symmetric distance": _mm(distance["average_symmetric_mm"], 2),
    }
    if distance["error_mm"] is None:
        facts["Registration error"] = "not known, taken as none"
    else:
        facts["Registration error"] = _mm(distance["error_mm"])
        facts["Surface on which it decides"] = _percent(distance["uncertain_share"])
    return facts


def registration_facts(registration: Mapping[str, Any]) -> dict[str, Any]:
    """Quality of a registration, by name."""
    quality = registration["quality"]
    return {
        "To be trusted": "yes" if quality["trusted"] else "no",
        "Reasons": list(quality["reasons"]),
        "Estimated error": _mm(quality["error_mm"]),
        "Spread between starts": _mm(quality["spread_mm"], 2),
        "Region seen on the scan after": _percent(quality["overlap"]),
        "Mutual information": f"{quality['metric']:.3f}",
    }


def bins_table(comparison: Mapping[str, Any]) -> Table:
    """Shares of the surface by margin."""
    return Table(
        _BIN_COLUMNS,
        [
            {"margin": _range(one["low_mm"], one["high_mm"]), "share": one["share"], "area_mm2": one["area_mm2"]}
            for one in comparison["distance"]["bins"]
        ],
    )


def pieces_table(comparison: Mapping[str, Any]) -> Table:
    """Untreated pieces, the largest first."""
    return Table(
        _PIECE_COLUMNS,
        [dict(piece) | {"number": number} for number, piece in enumerate(comparison["overlap"]["pieces"], start=1)],
    )


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"below {high:g}"
    return f"{low:g} and more" if high is None else f"{low:g} to {high:g}"


def _ml(value: float) -> str:
    return f"{value:.2f} ml"


def _mm(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f} mm"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
