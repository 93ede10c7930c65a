"""The numbers of a follow-up as people and programs read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from SpineLib.metrics.ablation import DISTANCE, MEASURES, OVERLAP, bin_figure, figures_of, range_words
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
    Column.of(MEASURES["metastasis_ml"]),
    Column.of(MEASURES["covered_share"]),
    Column.of(MEASURES["untreated_ml"]),
    Column.of(MEASURES["dice"]),
    Column.of(MEASURES["minimum_mm"]),
    Column.of(bin_figure(None, 0.0)),
    Column.of(MEASURES["hausdorff95_mm"]),
    Column.of(MEASURES["error_mm"]),
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
    return {figure.label: figure.text(value) for figure, value in figures_of(comparison, OVERLAP)}


def distance_facts(comparison: Mapping[str, Any]) -> dict[str, str]:
    """Margin and surface distances, by name."""
    distance = comparison[DISTANCE]
    if distance["minimum_mm"] is None:
        return {"Margin": "none: there is no necrosis"}
    thinnest = {"Where the margin is smallest": distance["thinnest_where"]}
    return thinnest | {figure.label: figure.text(value) for figure, value in figures_of(comparison, DISTANCE)}


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
            {"margin": range_words(one["low_mm"], one["high_mm"]), "share": one["share"], "area_mm2": one["area_mm2"]}
            for one in comparison["distance"]["bins"]
        ],
    )


def pieces_table(comparison: Mapping[str, Any]) -> Table:
    """Untreated pieces, the largest first."""
    return Table(
        _PIECE_COLUMNS,
        [dict(piece) | {"number": number} for number, piece in enumerate(comparison["overlap"]["pieces"], start=1)],
    )


def _mm(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f} mm"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
