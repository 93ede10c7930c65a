"""An evaluation of detectors as files: table and figures beside the paper's, FROC pictures, curves for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from SpineLab.evaluation.detection import DetectionEvaluation
from SpineLab.reports.froc_chart import Curve, Point, froc_chart
from SpineLib.csv_text import csv_text
from SpineLib.metrics.froc import RADIUS_MM, RANGE, Estimate, Froc
from SpineLib.metrics.literature import DETECTION, PublishedDetection
from SpineLib.volume.files import write_text

_CURVES = {"by_slices": "averaged over each case's slices, as in the paper", "by_lesions": "by lesions in 3-D"}


def figures(evaluation: DetectionEvaluation) -> dict:
    """Operating points, intervals and p-values, JSON-able; what is not reached is null."""
    areas = [one.area_cm2 for one in evaluation.lesions]
    told: dict = {
        "simulated": evaluation.simulated,
        "cases": evaluation.results[0].by_slices.cases,
        "lesions": len(areas),
        "hit_within_mm": RADIUS_MM,
        "smallest_area_cm2": evaluation.smallest_cm2,
        "step_mm": evaluation.step_mm,
        "mirror": evaluation.mirror,
        "seconds_a_case": round(evaluation.seconds, 2),
        "lesion_area_cm2": {"least": min(areas), "mean": float(np.mean(areas)), "most": max(areas)},
        "by_kind_at_0.2": by_kind(evaluation),
    }
    for key in _CURVES:
        comparisons = evaluation.comparisons(key)
        rows = []
        for number, result in enumerate(evaluation.results):
            froc: Froc = getattr(result, key)
            row = {"method": result.method.name, **operating_points(froc)}
            if number:
                row["p"] = {name: each[number - 1].p for name, each in comparisons.items()}
            if len(evaluation.results) > 1:
                row["interval_95"] = {
                    name: _interval(each[number - 1].second if number else each[0].first)
                    for name, each in comparisons.items()
                }
            rows.append(row)
        told[key] = rows
    return told


def by_kind(evaluation: DetectionEvaluation, rate: float = 0.2) -> list[dict]:
    """Of each kind of simulated metastasis how many there are, and how many the first method finds by lesions.

    Args:
        rate: false positives a case that are allowed over all kinds.
    """
    threshold = evaluation.results[0].by_lesions.threshold_at(rate)
    kinds = sorted({one.kind for one in evaluation.lesions if one.kind})
    return [
        {
            "kind": kind,
            "lesions": len(own),
            "threshold": threshold if np.isfinite(threshold) else None,
            "found": sum(one.found_from is not None and one.found_from >= threshold for one in own),
        }
        for kind in kinds
        if (own := [one for one in evaluation.lesions if one.kind == kind])
    ]


def operating_points(froc: Froc) -> dict:
    """What the paper tells of a curve; null where it is not reached."""
    values = {
        "false_positives_at_0.9": froc.false_positives_at(0.9),
        "false_positives_at_1.0": froc.false_positives_at(1.0),
        "sensitivity_at_0.2": froc.sensitivity_at(0.2),
        "sensitivity_at_1": froc.sensitivity_at(1.0),
        "mean_sensitivity": froc.mean_sensitivity(RANGE),
        "highest_sensitivity": float(froc.sensitivity.max()),
    }
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def markdown(evaluation: DetectionEvaluation, told: dict, healthy: Sequence[dict] = ()) -> str:
    """Both tables, the paper's rows below the one that is counted as the paper counts."""
    data = "simulated data" if evaluation.simulated else "this cohort"
    area = told["lesion_area_cm2"]
    lines = [
        f"Measured on **{data}**: {told['cases']} cases, {told['lesions']} lesions of {area['least']:.2f} to "
        f"{area['most']:.2f} cm2 (mean {area['mean']:.2f}) in their largest slice. A region hits a lesion when "
        f"their centres of gravity are at most {RADIUS_MM:g} mm apart; regions below "
        f"{evaluation.smallest_cm2:g} cm2 are dropped. {_looked(evaluation)}p: two-sided, paired bootstrap of "
        f"20,000 samples against the first row, mean sensitivity over 0 to {RANGE:g} false positives a case."
    ]
    for key, text in _CURVES.items():
        lines += [
            "",
            f"Curves {text}:",
            "",
            "| | false positives a case at 90 % | with all lesions found | sensitivity at 0.20 "
            f"| mean sensitivity, 0 to {RANGE:g} | p |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            _row(
                f"{row['method']} ({data})",
                row["false_positives_at_0.9"],
                row["false_positives_at_1.0"],
                row["sensitivity_at_0.2"],
                row["mean_sensitivity"],
                row.get("p", {}).get("mean_sensitivity"),
            )
            for row in told[key]
        ]
        if key == "by_slices":
            lines += [
                _row(
                    f"{one.what} ({one.source}, {one.on})",
                    one.false_positives_at_90,
                    one.false_positives_at_all,
                    one.sensitivity_at_02,
                    None,
                    one.p,
                )
                for one in DETECTION.values()
            ]
    if told["by_kind_at_0.2"]:
        lines += [
            "",
            "The first method at 0.20 false positives a case by lesions, by the kind that was simulated:",
            "",
            "| kind | lesions | found |",
            "|---|---|---|",
        ]
        lines += [f"| {one['kind']} | {one['lesions']} | {one['found']} |" for one in told["by_kind_at_0.2"]]
    if healthy:
        lines += [
            "",
            "Candidates in real scans of healthy people, all of them false. They are T2 without fat "
            "suppression: fat in the marrow is bright there, so a model made for STIR sees another contrast, and "
            "what it marks says how it fails, not how it does on STIR:",
            "",
            "| scan | model | threshold | false positives | in the vertebral column only |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {row['scan']} | {row['model']} | {row['threshold']:.2f} | {row['candidates']} | {row['in_column']} |"
            for row in healthy
        ]
    return "\n".join(lines) + "\n"


def chart(evaluation: DetectionEvaluation, key: str = "by_slices") -> str:
    """The curves as SVG; published points where they are counted alike."""
    data = "simulated data" if evaluation.simulated else "this cohort"
    curves = [
        Curve(f"{one.method.name} ({data})", getattr(one, key).false_positives, getattr(one, key).sensitivity)
        for one in evaluation.results
    ]
    points = [point for one in DETECTION.values() for point in _points(one)] if key == "by_slices" else []
    return froc_chart(
        f"Detection of metastases, {_CURVES[key].split(',')[0]}, {data}",
        curves,
        points,
        limit=1.0 if key == "by_slices" else 4.0,
    )


def curves_csv(evaluation: DetectionEvaluation) -> str:
    """Every threshold of every curve."""
    rows = []
    for result in evaluation.results:
        for key in _CURVES:
            froc: Froc = getattr(result, key)
            for values in zip(froc.thresholds, froc.false_positives, froc.sensitivity, strict=True):
                rows.append([result.method.name, key, *(f"{value:.6g}" for value in values)])
    return _csv(["method", "counted", "threshold", "false_positives_a_case", "sensitivity"], rows)


def lesions_csv(evaluation: DetectionEvaluation) -> str:
    """Every reference lesion, and the highest threshold at which the first method finds it."""
    rows = [
        [
            one.case,
            one.number,
            one.kind,
            one.place,
            f"{one.area_cm2:.3f}",
            "" if one.found_from is None else f"{one.found_from:g}",
        ]
        for one in evaluation.lesions
    ]
    return _csv(["case", "lesion", "kind", "place", "area_cm2", "found_from_threshold"], rows)


def write_detection(
    evaluation: DetectionEvaluation, told: dict, folder: Path, healthy: Sequence[dict] = ()
) -> list[Path]:
    """``detection.md``, ``.json``, ``.csv``, ``lesions.csv`` and the two pictures; returns their paths.

    Raises:
        SpineError: they cannot be written.
    """
    numbers = told | ({"healthy": list(healthy)} if healthy else {})
    texts = {
        "detection.md": markdown(evaluation, told, healthy),
        "detection.json": json.dumps(numbers, indent=1) + "\n",
        "detection.csv": curves_csv(evaluation),
        "lesions.csv": lesions_csv(evaluation),
        "froc.svg": chart(evaluation),
        "froc-lesions.svg": chart(evaluation, "by_lesions"),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def _looked(evaluation: DetectionEvaluation) -> str:
    mirror = "Each slice was looked at with its mirror images. " if evaluation.mirror else ""
    return (
        mirror
        if evaluation.step_mm == 1
        else (f"{mirror}Likelihoods were computed {evaluation.step_mm} mm apart and interpolated to 1 mm. ")
    )


def _csv(head: list[str], rows: Sequence[Sequence]) -> str:
    return csv_text([head, *rows])


def _row(name: str, at_90, at_all, at_02, mean, p) -> str:
    cells = [
        name,
        _number(at_90, ".3f"),
        _number(at_all, ".3f"),
        _number(at_02, ".1%"),
        _number(mean, ".1%"),
        _number(p, ".4f"),
    ]
    return "| " + " | ".join(cells) + " |"


def _number(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how).replace("%", " %")


def _points(one: PublishedDetection) -> list[Point]:
    places = ((one.false_positives_at_90, 0.9), (one.false_positives_at_all, 1.0), (0.2, one.sensitivity_at_02))
    return [Point(f"{one.what}: {100 * y:.1f} % at {x:g}", x, y) for x, y in places if x is not None and y is not None]


def _interval(estimate: Estimate) -> dict:
    return {name: value if np.isfinite(value) else None for name, value in asdict(estimate).items() if name != "value"}
