"""How good models are on a cohort with truth: the paper's figures and those by lesion."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.metrics.literature import METASTASES, METASTASES_READERS
from SpineLib.metrics.overlap import Overlap, lesion_matches, overlap
from SpineLib.models import ModelBundle
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.segment import SegmentSettings, segment
from SpineLib.training.cohort import Case, Cohort, label_like
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.files import write_text

#: Sizes, ml, from which lesions are counted separately.
SMALL_ML, LARGE_ML = 0.5, 1.0
READERS = "reader 1 / reader 2"


@dataclass(frozen=True)
class Evaluation:
    """Rows of figures.

    Attributes:
        cases: one row a model and case: dice, tpr, tnr, volumes (ml), lesions, found, false positives.
        lesions: one row a model and reference lesion: volume, kind (where the truth says), Dice with what was found
            touching it (without what lies in other lesions), share covered, found; for the two readers only the Dice.
        summary: one row a model, and one for the two readers where the cohort has them.
        simulated: whether the cohort is.
    """

    cases: list[dict]
    lesions: list[dict]
    summary: list[dict]
    simulated: bool


def evaluate(cohort: Cohort, bundles: list[ModelBundle], settings: SegmentSettings = SegmentSettings(), *,
             progress: Progress = silent) -> Evaluation:
    """Segment every case with every model and compare with the lesion mask, and the two readers with each other.

    Everything is measured on the grid of the sequence the result lies on, over the whole volume. A reference lesion
    counts as found as in :func:`SpineLib.metrics.overlap.lesion_matches`.

    Raises:
        SpineError: a case cannot be segmented.
        Cancelled: by ``progress``.
    """
    cases, lesions = [], []
    for number, case in enumerate(cohort.cases):
        share = part(progress, number / len(cohort.cases), (number + 1) / len(cohort.cases))
        truth = read_volume(case.labels["lesion"], "lesion")
        kinds = _kinds(cohort, case)
        for order, bundle in enumerate(bundles):
            inner = part(share, order / len(bundles), (order + 1) / len(bundles))
            inputs = {name: read_volume(case.sequences[name], name) for name in bundle.card.inputs}
            result = segment(inputs, bundle, settings, _named(inner, case.name))
            row, rows = _compare(label_like(truth, result.mask), result.mask, kinds)
            head = {"model": bundle.card.id, "case": case.name}
            cases.append({**head, **row, "seconds": result.provenance.get("seconds")})
            lesions += [{**head, **line} for line in rows]
        if {"reader1", "reader2"} <= case.labels.keys():
            first, second = (read_volume(case.labels[name], name) for name in ("reader1", "reader2"))
            second = first.with_array(label_like(second, first))
            row, _ = _compare(np.asarray(first.array), second, {})
            head = {"model": READERS, "case": case.name}
            cases.append({**head, **row})
            lesions += [{**head, **line} for line in _reader_lesions(first, second)]
    names = list(dict.fromkeys(row["model"] for row in cases))
    summary = [summarise(name, [row for row in cases if row["model"] == name],
                         [row for row in lesions if row["model"] == name]) for name in names]
    return Evaluation(cases, lesions, summary, cohort.simulated)


def held_out_cases(run: Path) -> list[str]:
    """Names of the cases that the training in ``run`` held out.

    Raises:
        SpineError: it is no folder of a training.
    """
    try:
        return json.loads((run / "training.json").read_text(encoding="utf-8"))["cases"]["held_out"]
    except (OSError, ValueError, KeyError) as error:
        raise SpineError(f"'{run}' is no folder of a training; give the folder of 'spine train … --out'.") from error


def summarise(name: str, cases: list[dict], lesions: list[dict]) -> dict:
    """Mean, standard deviation and median over the cases that have a lesion; false positives over all cases.

    Dice and TPR say nothing about a case without lesion, so there only false positives count.
    """
    diseased = [row for row in cases if row["reference_ml"] > 0]
    summary: dict = {"model": name, "cases": len(cases), "cases_with_lesion": len(diseased)}
    for key, rows in (("dice", diseased), ("tpr", diseased), ("tnr", cases)):
        values = np.array([row[key] for row in rows], dtype=float)
        for text, function in (("mean", np.mean), ("std", np.std), ("median", np.median)):
            summary[f"{key}_{text}"] = float(function(values)) if len(values) else float("nan")
    large = [row for row in lesions if row["volume_ml"] >= LARGE_ML]
    for text, rows in (("dice_by_lesion", lesions), (f"dice_by_lesion_from_{LARGE_ML:g}_ml", large)):
        values = np.array([row["dice"] for row in rows], dtype=float)
        summary[f"{text}_mean"] = float(values.mean()) if len(values) else float("nan")
        summary[f"{text}_std"] = float(values.std()) if len(values) else float("nan")
    if name == READERS:
        return summary
    summary |= {"lesions": len(lesions), "found": _share(lesions), f"lesions_from_{LARGE_ML:g}_ml": len(large),
                f"found_from_{LARGE_ML:g}_ml": _share(large)}
    for key in ("false_positives", f"false_positives_from_{SMALL_ML:g}_ml", "false_positive_ml"):
        summary[f"{key}_a_case"] = float(np.mean([row[key] for row in cases])) if cases else float("nan")
    return summary


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write tables of cases and lesions (CSV), all figures (JSON) and the table for people (Markdown).

    File names begin with ``simulated_`` when the cohort is simulated.
    """
    folder.mkdir(parents=True, exist_ok=True)
    prefix = "simulated_" if evaluation.simulated else ""
    paths = [folder / f"{prefix}{name}" for name in ("cases.csv", "lesions.csv", "figures.json", "table.md")]
    for path, rows in zip(paths, (evaluation.cases, evaluation.lesions)):
        columns = list(dict.fromkeys(key for row in rows for key in row))
        table = io.StringIO()
        writer = csv.DictWriter(table, columns)
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, table.getvalue())
    figures = {"simulated": evaluation.simulated,
               "summary": [{key: _finite(value) for key, value in row.items()} for row in evaluation.summary]}
    write_text(paths[2], json.dumps(figures, indent=1) + "\n")
    write_text(paths[3], markdown(evaluation))
    return paths


def markdown(evaluation: Evaluation) -> str:
    """The summary as a Markdown table, the paper's figures below."""
    data = "simulated data" if evaluation.simulated else "this cohort"
    lines = [f"Measured on **{data}**; Dice and TPR over cases with a lesion, TNR over all cases and whole volumes; "
             "mean ± standard deviation (median), %. Dice by lesion compares each lesion with what was found touching "
             "it, a missed one counts 0.", "",
             "| | cases | Dice | TPR | TNR | Dice by lesion | Dice by lesion, 1 ml or more | lesions found "
             "| found, 1 ml or more | false positives a case (0.5 ml or more) | their volume a case, ml |",
             "|---|---|---|---|---|---|---|---|---|---|---|"]
    for row in evaluation.summary:
        cells = [row["model"] + (f" ({data})" if evaluation.simulated else ""),
                 f"{row['cases_with_lesion']}/{row['cases']}"]
        cells += [f"{_percent(row[f'{key}_mean'])} ± {_percent(row[f'{key}_std'])} ({_percent(row[f'{key}_median'])})"
                  for key in ("dice", "tpr", "tnr")]
        for key in ("dice_by_lesion", f"dice_by_lesion_from_{LARGE_ML:g}_ml"):
            cells.append(f"{_percent(row[f'{key}_mean'])} ± {_percent(row[f'{key}_std'])}")
        if row["model"] == READERS:
            cells += ["", "", "", ""]
        else:
            cells += [f"{_percent(row['found'])} % of {row['lesions']}",
                      f"{_percent(row['found_from_1_ml'])} % of {row['lesions_from_1_ml']}",
                      f"{row['false_positives_a_case']:.2f} ({row['false_positives_from_0.5_ml_a_case']:.2f})",
                      f"{row['false_positive_ml_a_case']:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    for row in (*METASTASES.values(), METASTASES_READERS):
        cells = [f"{row.what} ({row.source}, {row.on})", ""]
        cells += [f"{mean} ± {deviation}" for mean, deviation in (row.dice, row.sensitivity, row.specificity)]
        lines.append("| " + " | ".join(cells) + " | | | | | | |")
    return "\n".join(lines) + "\n"


def _compare(truth: np.ndarray, mask: Volume, kinds: dict[int, dict]) -> tuple[dict, list[dict]]:
    result: Overlap = overlap(truth, mask.array)
    matches = lesion_matches(truth, np.asarray(mask.array))
    ml = mask.voxel_volume_ml
    sizes = np.bincount(matches.predicted.ravel())
    false = [float(sizes[i]) * ml for i in matches.false_positives]
    row = {"dice": result.dice, "tpr": result.tpr, "tnr": result.tnr, "reference_ml": result.reference_voxels * ml,
           "prediction_ml": result.prediction_voxels * ml, "lesions": len(matches.found) + len(matches.missed),
           "found": len(matches.found), "false_positives": len(false),
           f"false_positives_from_{SMALL_ML:g}_ml": sum(size >= SMALL_ML for size in false),
           "false_positive_ml": sum(false)}
    rows = []
    for label in sorted(matches.found + matches.missed):
        inside = truth == label
        touching = np.unique(matches.predicted[inside])
        own = np.isin(matches.predicted, touching[touching > 0]) & (inside | (truth == 0))
        rows.append({"lesion": label, "volume_ml": float(np.count_nonzero(inside)) * ml,
                     "dice": overlap(inside, own).dice, "covered": overlap(inside, mask.array).tpr,
                     "found": int(label in matches.found), **kinds.get(label, {})})
    return row, rows


def _reader_lesions(first: Volume, second: Volume) -> list[dict]:
    rows = []
    one, two = np.asarray(first.array), np.asarray(second.array)
    for label in np.union1d(one[one > 0], two[two > 0]):
        inside = one == label
        rows.append({"lesion": int(label), "volume_ml": float(np.count_nonzero(inside)) * first.voxel_volume_ml,
                     "dice": overlap(inside, two == label).dice})
    return rows


def _named(progress: Progress, name: str) -> Progress:
    return lambda fraction, text: progress(fraction, f"{name}, {text}")


def _kinds(cohort: Cohort, case: Case) -> dict[int, dict]:
    """What the truth file, if any, says about each lesion."""
    path = cohort.folder / "derivatives" / "labels" / case.name / f"{case.name}_truth.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))["lesions"]
        return {int(fact["number"]): {key: fact[key] for key in ("kind", "place") if key in fact} for fact in facts}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _share(rows: list[dict]) -> float:
    return float(np.mean([row["found"] for row in rows])) if rows else float("nan")


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.1f}"


def _finite(value):
    return None if isinstance(value, float) and not np.isfinite(value) else value
