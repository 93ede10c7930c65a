"""An evaluation as tables: CSV and JSON for programs, Markdown beside the papers' figures for people."""

from __future__ import annotations

import json
import math
from pathlib import Path

from SpineLab.evaluation.segmentation import LARGE_ML, READERS, SMALL_ML, Evaluation
from SpineLib.csv_text import csv_of_dicts
from SpineLib.json_text import plain
from SpineLib.metrics.literature import METASTASES, METASTASES_READERS, NECROSIS, Published
from SpineLib.volume.files import write_text


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write tables of cases and lesions (CSV), all figures (JSON) and the table for people (Markdown).

    File names begin with ``simulated_`` when the cohort is simulated.
    """
    folder.mkdir(parents=True, exist_ok=True)
    prefix = "simulated_" if evaluation.simulated else ""
    second = "necroses.csv" if evaluation.label == "necrosis" else "lesions.csv"
    paths = [folder / f"{prefix}{name}" for name in ("cases.csv", second, "figures.json", "table.md")]
    for path, rows in zip(paths, (evaluation.cases, evaluation.lesions)):
        write_text(path, csv_of_dicts(rows, end="\r\n"))
    figures = {"simulated": evaluation.simulated, "label": evaluation.label, "summary": plain(evaluation.summary)}
    write_text(paths[2], json.dumps(figures, indent=1) + "\n")
    write_text(paths[3], markdown(evaluation))
    return paths


def markdown(evaluation: Evaluation) -> str:
    """The summary as a Markdown table, the paper's figures below."""
    lines = _necrosis(evaluation) if evaluation.label == "necrosis" else _metastases(evaluation)
    folds = [row for row in evaluation.summary if "dice_fold_mean" in row]
    for row in folds:
        figures = ", ".join(
            f"{name} {_percent(row[f'{key}_fold_mean'])} ± {_percent(row[f'{key}_fold_std'])}"
            for key, name in (("dice", "Dice"), ("tpr", "TPR"), ("tnr", "TNR"))
            if f"{key}_fold_mean" in row
        )
        lines += ["", f"Means of the folds' means of {row['model']}, as the papers state theirs: {figures}."]
    return "\n".join(lines) + "\n"


def _metastases(evaluation: Evaluation) -> list[str]:
    data = _data(evaluation)
    lines = [
        f"Measured on **{data}**; Dice and TPR over cases with a lesion, TNR over all cases and whole volumes; "
        "mean ± standard deviation (median), %. Dice by lesion compares each lesion with what was found touching "
        "it, a missed one counts 0.",
        "",
        "| | cases | Dice | TPR | TNR | Dice by lesion | Dice by lesion, 1 ml or more | lesions found "
        "| found, 1 ml or more | false positives a case (0.5 ml or more) | their volume a case, ml |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in evaluation.summary:
        cells = _head(row, evaluation)
        for key in ("dice_by_lesion", f"dice_by_lesion_from_{LARGE_ML:g}_ml"):
            cells.append(f"{_percent(row[f'{key}_mean'])} ± {_percent(row[f'{key}_std'])}")
        if row["model"] == READERS:
            cells += ["", "", "", ""]
        else:
            cells += [
                f"{_percent(row['found'])} % of {row['lesions']}",
                f"{_percent(row['found_from_1_ml'])} % of {row['lesions_from_1_ml']}",
                *_false_positives(row),
            ]
        lines.append(_line(cells))
    return lines + [_published(row, 6) for row in (*METASTASES.values(), METASTASES_READERS)]


def _necrosis(evaluation: Evaluation) -> list[str]:
    lines = [
        f"Measured on **{_data(evaluation)}**; Dice, TPR and TNR by case over whole volumes; mean ± standard "
        "deviation (median), %. Untreated metastases are those that the true necrosis does not touch, marked when "
        "a tenth of one is. The rest of treated ones is what the true necrosis leaves of those it touches.",
        "",
        "| | cases | Dice | TPR | TNR | necroses found | false positives a case (0.5 ml or more) "
        "| their volume a case, ml | untreated metastases marked | rest of treated ones marked |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in evaluation.summary:
        found = f"{_percent(row['found'])} % of {row['lesions']}"
        lines.append(_line([*_head(row, evaluation), found, *_false_positives(row), *_false_marks(row)]))
    lines += [_published(row, 5) for row in NECROSIS.values()]
    lines += [
        "",
        "By outcome of the ablation:",
        "",
        "| | outcome | cases | Dice | TPR | TNR | untreated metastases marked | rest of treated ones marked |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in evaluation.summary:
        for outcome, figures in row.get("by_outcome", {}).items():
            name, *cells = _head({**figures, "model": row["model"]}, evaluation)
            lines.append(_line([name, outcome, *cells, *_false_marks(figures)]))
    return lines


def _head(row: dict, evaluation: Evaluation) -> list[str]:
    return [
        row["model"] + (f" ({_data(evaluation)})" if evaluation.simulated else ""),
        f"{row['cases_with_lesion']}/{row['cases']}",
        *(
            f"{_percent(row[f'{key}_mean'])} ± {_percent(row[f'{key}_std'])} ({_percent(row[f'{key}_median'])})"
            for key in ("dice", "tpr", "tnr")
        ),
    ]


def _false_positives(row: dict) -> list[str]:
    return [
        f"{row['false_positives_a_case']:.2f} ({row[f'false_positives_from_{SMALL_ML:g}_ml_a_case']:.2f})",
        f"{row['false_positive_ml_a_case']:.2f}",
    ]


def _false_marks(row: dict) -> list[str]:
    return [
        f"{_percent(row['untreated_marked_share'])} % of {row['untreated']}",
        f"{_percent(row['rest_marked_share'])} % of {row['rest_ml']:.1f} ml",
    ]


def _published(row: Published, empty: int) -> str:
    spreads = [row.spread(key) for key in ("dice", "sensitivity", "specificity")]
    return _line([f"{row.what} ({row.source}, {row.on})", "", *spreads, *[""] * empty])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _data(evaluation: Evaluation) -> str:
    return "simulated data" if evaluation.simulated else "this cohort"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"
