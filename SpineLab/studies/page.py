"""The page of a study: findings, tables, figures, patients, settings, versions and times; it stands alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from SpineLab.studies.numbers import Finding, Spread
from SpineLab.studies.state import StudyFolder
from SpineLib.cohort.origin import REAL, counted
from SpineLib.reports.page import Section, Tile, facts, readable, write_page

#: Said wherever published numbers stand beside those of other patients.
BESIDE = (
    "Published numbers were measured on the papers' own patients. Numbers of other patients, and even more of "
    "simulated ones, stand beside them and do not compare; what compares is the order of the columns."
)
SHORT = (
    "Trainings were short: that something does not come out here says nothing of the paper, whose networks saw many "
    "times as many samples."
)
SIMULATED_DATA = "On simulated patients a finding that comes out tells how they were simulated, not how patients are."


def write_study(
    study: StudyFolder,
    title: str,
    paper: str,
    findings: Sequence[Finding],
    sections: Sequence[Section],
    minutes: Mapping[str, float],
) -> Path:
    """Write ``report.html``.

    Args:
        title: of the page.
        paper: whose experiment it is.
        findings: of the paper.
        sections: tables and figures.
        minutes: trained, by configuration.
    """
    kinds = [one.origin for one in study.patients]
    again = sum(one.verdict == "comes out again" for one in findings)
    tiles = [
        Tile(str(len(kinds)), "patients", counted(kinds)),
        Tile(f"{again} of {len(findings)}", "findings come out again", "by confidence intervals over patients"),
        Tile(study.budget, "budget", "the paper's samples" if study.budget == "paper" else "short trainings"),
        Tile(f"{sum(minutes.values()):.0f} min", "trained", "all configurations"),
    ]
    rows = [[one.statement, one.published, one.here, one.verdict] for one in findings]
    patients = [[one.name, one.origin, str(one.fold + 1)] for one in study.patients]
    cautions = [SIMULATED_DATA] * any(kind != REAL for kind in kinds) + [SHORT] * (study.budget != "paper")
    said = "".join(f"<p>{escape(text)}</p>" for text in cautions)
    whole = [
        Section("Which findings of the paper come out again", table(["paper", "published", "here", ""], rows) + said),
        *sections,
        Section("Patients", f"<p>{escape(BESIDE)}</p>" + table(["patient", "origin", "held out in fold"], patients)),
        Section(
            "How it was made",
            facts(
                {
                    "Begun": study.begun,
                    "Minutes trained": {name: round(value, 1) for name, value in minutes.items()},
                    "Versions": study.facts["versions"],
                    "Settings": readable(study.facts["settings"]),
                }
            ),
        ),
    ]
    path = study.folder / "report.html"
    real = kinds.count(REAL)
    badges = [] if real == len(kinds) else [f"{'Not all real' if real else 'None real'}: {counted(kinds)}"]
    write_page(path, title, f"After {paper}", whole, tiles=tiles, badges=badges)
    return path


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """HTML of plain text."""
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def percent(value: Spread) -> str:
    """ "77.2 (72.1 to 81.9) ± 15.6" in per cent: mean, its interval by patient, standard deviation."""
    if not value.patients:
        return "–"
    return f"{100 * value.mean:.1f} ({100 * value.low:.1f} to {100 * value.high:.1f}) ± {100 * value.std:.1f}"
