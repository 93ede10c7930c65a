"""An evaluation of a detector of lesions on CT as files: a table beside the paper's figures, curves, numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from SpineLab.evaluation.ct_lesions import OVERLAP_3D, CtLesionEvaluation
from SpineLib.csv_text import csv_text
from SpineLib.metrics.average_precision import OVERLAP, PrecisionRecall
from SpineLib.metrics.literature import CT_LESIONS
from SpineLib.volume.files import write_text


def figures(evaluation: CtLesionEvaluation) -> dict:
    """The numbers, JSON-able; what does not exist is null."""
    recist = np.concatenate([case.recist for case in evaluation.cases])
    told = {
        "simulated": True,
        "model": evaluation.model,
        "cases": len(evaluation.cases),
        "slices": sum(len(case.slices) for case in evaluation.cases),
        "looked_at": "around the true vertebrae" if evaluation.around_vertebrae else "whole slices",
        "threshold": evaluation.threshold,
        "device": evaluation.device,
        "precision": evaluation.precision,
        "threads": evaluation.threads,
        "images_a_second": round(evaluation.images_a_second, 2),
        "key_slices": _curve(evaluation.key_slices, evaluation.threshold),
        "slices_with_lesion": _curve(evaluation.with_lesion, evaluation.threshold),
        "all_slices": _curve(evaluation.all_slices, evaluation.threshold),
        "lesions": _curve(evaluation.in_space, evaluation.threshold)
        | {"false_positives_a_case": round(evaluation.false_a_case(False), 3)},
        "lesions_in_vertebrae": _curve(evaluation.in_vertebrae, evaluation.threshold)
        | {"false_positives_a_case": round(evaluation.false_a_case(True), 3)},
        "recist_median_error_mm": {
            name: round(float(np.median(np.abs(recist[:, n] - recist[:, n + 2]))), 2) if len(recist) else None
            for n, name in enumerate(("long", "short"))
        },
        "paper": {"average_precision": CT_LESIONS.average_precision, "images_a_second": CT_LESIONS.images_a_second},
    }
    if evaluation.healthy:
        told["healthy"] = {
            name: [round(one.probability, 3) for one in found] for name, found in evaluation.healthy.items()
        }
    return told


def markdown(told: dict) -> str:
    """The table, with the paper's row."""
    lesions, inside, recist = told["lesions"], told["lesions_in_vertebrae"], told["recist_median_error_mm"]
    lines = [
        f"Measured on **simulated data**: {told['cases']} cases, {told['slices']} axial slices, {lesions['truths']} "
        f"lesions, looked for {_where(told)}; {told['device']}, {told['precision']}, {told['threads']} "
        f"thread{_s(told['threads'])}. AP: average precision, all-point interpolation, overlap {OVERLAP:g}.",
        "",
        "| | AP, slices where a lesion is largest | AP, slices with a lesion | AP, all slices | images a second |",
        "|---|---|---|---|---|",
        f"| {told['model']} (simulated data) | {_n(told['key_slices']['average_precision'], '.4f')} "
        f"| {_n(told['slices_with_lesion']['average_precision'], '.4f')} "
        f"| {_n(told['all_slices']['average_precision'], '.4f')} | {told['images_a_second']:.2f} |",
        f"| {CT_LESIONS.what} ({CT_LESIONS.source}, {CT_LESIONS.on}) | {CT_LESIONS.average_precision:.4f} | - | - "
        f"| {CT_LESIONS.images_a_second:.2f} |",
        "",
        f"Lesions merged over slices, found when the boxes overlap by {OVERLAP_3D:g} in space, from a probability of "
        f"{told['threshold']:g} on:",
        "",
        "| | lesions found | false positives a case | AP |",
        "|---|---|---|---|",
        f"| anywhere | {_n(lesions['recall'], '.1%')} | {lesions['false_positives_a_case']:.2f} "
        f"| {_n(lesions['average_precision'], '.3f')} |",
        f"| touching a vertebra (true ones) | {_n(inside['recall'], '.1%')} | {inside['false_positives_a_case']:.2f} "
        f"| {_n(inside['average_precision'], '.3f')} |",
        "",
        f"RECIST diameters of the lesions found, median absolute error: {_n(recist['long'], '.1f')} mm (long), "
        f"{_n(recist['short'], '.1f')} mm (short).",
    ]
    if "healthy" in told:
        lines += [
            "",
            "In scans without lesions everything found is false:",
            "",
            "| scan | found | probabilities |",
            "|---|---|---|",
        ]
        lines += [
            f"| {name} | {len(found)} | {', '.join(f'{value:.2f}' for value in found) or '-'} |"
            for name, found in told["healthy"].items()
        ]
    return "\n".join(lines) + "\n"


def curves_csv(evaluation: CtLesionEvaluation) -> str:
    """Every point of every curve."""
    rows: list[list[str]] = [["counted", "score", "precision", "recall"]]
    for name in ("key_slices", "with_lesion", "all_slices", "in_space", "in_vertebrae"):
        curve: PrecisionRecall = getattr(evaluation, name)
        for values in zip(curve.scores, curve.precision, curve.recall, strict=True):
            rows.append([name, *(f"{value:.6g}" for value in values)])
    return csv_text(rows)


def write_ct_lesions(evaluation: CtLesionEvaluation, told: dict, folder: Path) -> list[Path]:
    """``ct-lesions.md``, ``.json`` and ``.csv``; returns their paths.

    Raises:
        SpineError: they cannot be written.
    """
    texts = {
        "ct-lesions.md": markdown(told),
        "ct-lesions.json": json.dumps(told, indent=1) + "\n",
        "ct-lesions.csv": curves_csv(evaluation),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def _curve(curve: PrecisionRecall, threshold: float) -> dict:
    precision, recall = curve.at(threshold)
    values = {"average_precision": curve.average_precision, "precision": precision, "recall": recall}
    return {name: None if np.isnan(value) else round(value, 4) for name, value in values.items()} | {
        "truths": curve.truths
    }


def _n(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how).replace("%", " %")


def _where(told: dict) -> str:
    return "in whole slices" if told["looked_at"] == "whole slices" else told["looked_at"]


def _s(count: int) -> str:
    return "" if count == 1 else "s"
