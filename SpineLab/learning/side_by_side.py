"""The former model beside the new one: by patient, by lesion, and as means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

OLD, NEW = "former", "new"
_CASE = ("dice", "lesions", "found", "false_positives")


def side_by_side(evaluations: Sequence[tuple[str, Mapping[str, str], Sequence[dict], Sequence[dict]]]) -> dict:
    """What is shown to the user, JSON-able.

    Args:
        evaluations: of each group of patients: its name ("patients", "simulated"), which id is "former" and which
            "new", and rows by case and by lesion as :class:`SpineLab.evaluation.segmentation.Evaluation` has them.

    Returns:
        ``{"cases": [{"group", "case", "former": {...}, "new": {...}}], "lesions": [{"group", "case", "lesion",
        "volume_ml", "former": {"dice", "found"}, "new": {...}}], "summary": {group: {"former": {...}, "new":
        {...}}}}``.
    """
    cases: dict[tuple, dict[str, Any]] = {}
    lesions: dict[tuple, dict[str, Any]] = {}
    for group, who, by_case, by_lesion in evaluations:
        for row in by_case:
            if (role := who.get(row["model"])) is not None:
                key = (group, row["case"])
                cases.setdefault(key, {"group": group, "case": row["case"]})[role] = {k: row[k] for k in _CASE}
        for row in by_lesion:
            if (role := who.get(row["model"])) is not None:
                line = lesions.setdefault(
                    (group, row["case"], row["lesion"]),
                    {
                        "group": group,
                        "case": row["case"],
                        "lesion": int(row["lesion"]),
                        "volume_ml": round(row["volume_ml"], 3),
                    },
                )
                line[role] = {"dice": round(float(row["dice"]), 4), "found": bool(row["found"])}
    groups = list(dict.fromkeys(group for group, *_ in evaluations))
    summary = {
        group: {
            role: _means([row[role] for row in cases.values() if row["group"] == group and role in row])
            for role in (OLD, NEW)
        }
        for group in groups
    }
    return {"cases": list(cases.values()), "lesions": list(lesions.values()), "summary": summary}


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | int | None]:
    """Dice over those with a lesion (as in :mod:`SpineLab.evaluation.segmentation`), the rest over all."""
    dice = [float(row["dice"]) for row in rows if row["lesions"]]
    return {
        "cases": len(rows),
        "dice": round(float(np.mean(dice)), 4) if dice else None,
        "lesions": int(sum(row["lesions"] for row in rows)),
        "found": int(sum(row["found"] for row in rows)),
        "false_positives": int(sum(row["false_positives"] for row in rows)),
    }


def markdown(comparison: Mapping[str, Any]) -> str:
    """Tables for people."""
    names = {"patients": "held-back patients", "simulated": "simulated patients"}
    lines = ["| | model | cases | Dice | lesions found | false positives |", "|---|---|---|---|---|---|"]
    for group, roles in comparison["summary"].items():
        for role in (OLD, NEW):
            row = roles[role]
            if row["cases"]:
                cells = [names[group], role, str(row["cases"]), shown(row["dice"])]
                cells += [f"{row['found']} of {row['lesions']}", str(row["false_positives"])]
                lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| | case | lesion | ml | former Dice | new Dice |", "|---|---|---|---|---|---|"]
    for row in comparison["lesions"]:
        old, new = (row.get(role) for role in (OLD, NEW))
        cells = [names[row["group"]], row["case"], str(row["lesion"]), f"{row['volume_ml']:.2f}"]
        lines.append("| " + " | ".join([*cells, lesion_cell(old), lesion_cell(new)]) + " |")
    return "\n".join(lines) + "\n"


def lesion_cell(cell: Mapping[str, Any] | None) -> str:
    """ "0.71", or "missed"."""
    return "" if cell is None else shown(cell["dice"]) if cell["found"] else "missed"


def shown(value: float | None) -> str:
    """Two digits."""
    return "-" if value is None or np.isnan(value) else f"{value:.2f}"
