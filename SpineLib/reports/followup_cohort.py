"""The table of a cohort: one line a patient, and a page that links to each patient's report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from SpineLib.reports.followup_tables import NOT_TREATED, ROW_COLUMNS
from SpineLib.reports.page import Section, Tile, write_page
from SpineLib.reports.tables import Table
from SpineLib.words import counted


def patient_row(rows: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()) -> dict[str, Any]:
    """A patient's line of the lines of the metastases: that of the largest treated one, which stands first."""
    treated = sum("covered_share" in row for row in rows)  # of others it may not be to be told
    untreated = sum(row["outcome"] == NOT_TREATED for row in rows)
    return {**rows[0], "treated": treated, "not_treated": untreated, "message": " ".join(notes)}


def cohort_page(path: str | Path, rows: Sequence[Mapping[str, Any]], *, simulated: bool = False) -> None:
    """Write the table as a page beside the patients' folders.

    Raises:
        SpineError: it cannot be written.
    """
    outcomes = Counter(row["outcome"] for row in rows if row.get("outcome"))
    failed = sum(row["status"] == "failed" for row in rows)
    table = Table(ROW_COLUMNS, rows)
    links = "".join(
        f'<li><a href="{escape(row["case"])}/report.html">{escape(row["case"])}</a></li>'
        for row in rows
        if row["status"] != "failed"
    )
    badges = ["Simulated data, not patients"] if simulated else []
    if any(row.get("simulated_training_data") for row in rows):
        badges.append("Simulated training data")
    tiles = [Tile(str(count), outcome, "patients") for outcome, count in outcomes.most_common()]
    tiles.append(Tile(str(failed), "failed", "see the last column" if failed else ""))
    sections = [
        Section(
            "Patients",
            table.to_html() + '<p class="small">Of several treated metastases the largest one '
            "is shown; each patient's own report has all of them.</p>",
        ),
        Section("Reports", f"<ul>{links}</ul>" if links else "<p>None.</p>"),
    ]
    write_page(
        path,
        "Follow-up after ablation: cohort",
        counted(len(rows), "patient"),
        sections,
        tiles=tiles,
        badges=badges,
        footer="Made by 'spine followup' of SpineOncology.",
    )
