"""An evaluation of repairs as files: a line for each, medians of each method, a page with a chart."""

from __future__ import annotations

import json
import math
from pathlib import Path

from SpineLab.evaluation.inpainting import GOALS, InpaintEvaluation
from SpineLib.errors import SpineError
from SpineLib.reports.charts import Interval, interval_chart
from SpineLib.reports.page import Section, write_page
from SpineLib.reports.tables import Column, Table
from SpineLib.tasks.inpainting.settings import METHODS
from SpineLib.volume.files import write_text
from SpineLib.words import counted

_SUMMARY = (
    Column("method", "Method"),
    Column("kind", "Damage"),
    Column("vertebrae", "Vertebrae"),
    Column("repairs", "Repairs"),
    Column("dice", "Dice in the region", "%", 1, percent=True),
    Column("mean_mm", "Mean distance", "mm", 2),
    Column("p95_mm", "95 % distance", "mm", 2),
    Column("volume_error", "Volume error", "%", 2, percent=True),
    Column("piece_error", "of the piece", "%", 1, percent=True),
    Column("within_bound", "Surface within the uncertainty", "%", 0, percent=True),
    Column("bound_mm", "which is", "mm", 1),
    Column("seconds", "Time", "s", 1),
)
_CASES = tuple(
    Column(key, key)
    for key in (
        "case",
        "simulated",
        "vertebra",
        "kind",
        "method",
        "dice",
        "mean_mm",
        "p95_mm",
        "volume_error",
        "piece_error",
        "within_bound",
        "bound_mm",
        "seconds",
    )
)
_WHOSE = {False: "Real vertebrae, damaged on purpose", True: "Simulated vertebrae"}


def write_inpaint_evaluation(evaluation: InpaintEvaluation, folder: Path) -> list[Path]:
    """``inpaint.csv`` (a line a repair), ``inpaint.json``, ``inpaint.md`` and ``inpaint.html`` in ``folder``.

    Raises:
        SpineError: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpineError("The folder for the tables cannot be made; choose another one.") from error
    write_text(folder / "inpaint.csv", Table(_CASES, evaluation.cases).to_csv())
    figures = {"goals": GOALS, "summary": _finite(evaluation.summary), "cases": _finite(evaluation.cases)}
    write_text(folder / "inpaint.json", json.dumps(figures, indent=1) + "\n")
    write_text(folder / "inpaint.md", markdown(evaluation))
    _write_page(evaluation, folder / "inpaint.html")
    return [folder / f"inpaint.{ending}" for ending in ("csv", "json", "md", "html")]


def markdown(evaluation: InpaintEvaluation) -> str:
    """The medians as tables."""
    lines = []
    for simulated, rows in _groups(evaluation):
        lines += [
            f"**{_WHOSE[simulated]}**; medians; the volume's error without its sign.",
            "",
            "| " + " | ".join(column.heading for column in _SUMMARY) + " |",
            "|---" * len(_SUMMARY) + "|",
        ]
        for row in rows:
            lines.append("| " + " | ".join(column.show(row[column.key]) for column in _SUMMARY) + " |")
        lines.append("")
    lines.append(_goals())
    return "\n".join(lines) + "\n"


def _write_page(evaluation: InpaintEvaluation, path: Path) -> None:
    sections = []
    for simulated, rows in _groups(evaluation):
        overall = [
            row
            for row in rows
            if row["kind"] == "all"
            or not any(other["kind"] == "all" for other in rows if other["method"] == row["method"])
        ]
        note = "simulated" if simulated else "real vertebrae"
        charts = [
            f"<h3>{title}</h3>"
            + interval_chart(
                [
                    Interval(
                        METHODS[row["method"]],
                        row[key],
                        own=row["method"] == "completion",
                        note=f"{counted(row['repairs'], 'repair')}, {note}",
                    )
                    for row in overall
                ],
                " mm",
                0.0,
                high,
            )
            for title, key, high in (
                ("Median of the mean distance", "mean_mm", 5.0),
                ("Median of the 95 % distance", "p95_mm", 15.0),
            )
        ]
        table = Table(_SUMMARY, [row | {"method": METHODS[row["method"]]} for row in rows])
        sections.append(Section(_WHOSE[simulated], "".join(charts) + table.to_html()))
    simulated = any(row["simulated"] for row in evaluation.cases)
    write_page(
        path,
        "How well vertebrae are repaired",
        _goals(),
        sections,
        badges=["Partly simulated data"] if simulated else [],
    )


def _groups(evaluation: InpaintEvaluation) -> list[tuple[bool, list[dict]]]:
    groups = [
        (simulated, [row for row in evaluation.summary if row["simulated"] == simulated]) for simulated in (False, True)
    ]
    return [(simulated, rows) for simulated, rows in groups if rows]


def _goals() -> str:
    return (
        f"Goal (medians over real vertebrae): mean distance at most {GOALS['mean_mm']:g} mm, 95 % at most "
        f"{GOALS['p95_mm']:g} mm, volume error at most {100 * GOALS['volume_error']:g} %. Distances of the "
        "surfaces within the region from each other, both ways, weighted by area."
    )


def _finite(rows: list[dict]) -> list[dict]:
    return [
        {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
        for row in rows
    ]
