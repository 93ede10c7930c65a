"""How good models are on a cohort with truth: the paper's figures and those by lesion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from SpineLab.evaluation.falsemarks import false_marks, summarise_false_marks
from SpineLab.training.facts import read_facts
from SpineLib.cohort.masks import check_on_image
from SpineLib.cohort.mr import Cohort, drawn_lesions
from SpineLib.errors import SpineError
from SpineLib.metrics.overlap import Overlap, lesion_matches, overlap
from SpineLib.models import ModelBundle, load_bundle
from SpineLib.progress import Progress, part, remark, silent
from SpineLib.tasks.segmentation.segment import SegmentSettings, segment
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.segments import read_mask

#: Sizes, ml, from which lesions are counted separately.
SMALL_ML, LARGE_ML = 0.5, 1.0
READERS = "reader 1 / reader 2"


@dataclass(frozen=True)
class Evaluation:
    """Rows of figures.

    Attributes:
        cases: one row a model and case: dice, tpr, tnr, volumes (ml), lesions, found, false positives; for necrosis
            also the outcome of the ablation and what :mod:`SpineLab.evaluation.falsemarks` counts.
        lesions: one row a model and reference lesion: volume, kind (where the truth says), Dice with what was found
            touching it (without what lies in other lesions), share covered, found; for the two readers only the Dice.
        summary: one row a model, and one for the two readers where the cohort has them.
        simulated: whether the cohort is.
        label: what was segmented, "lesion" or "necrosis".
    """

    cases: list[dict]
    lesions: list[dict]
    summary: list[dict]
    simulated: bool
    label: str = "lesion"


def evaluate(
    cohort: Cohort,
    bundles: list[ModelBundle],
    settings: SegmentSettings = SegmentSettings(),
    *,
    label: str = "lesion",
    given: Sequence[str] | None = None,
    keep: Callable[[str, Volume], None] = lambda case, mask: None,
    progress: Progress = silent,
) -> Evaluation:
    """Segment every case with every model and compare with the mask ``label``, and the two readers with each other.

    Everything is measured on the grid of the sequence the result lies on, over the whole volume. A reference lesion
    counts as found as in :func:`SpineLib.metrics.overlap.lesion_matches`.

    Args:
        given: the sequences that models get which take any of theirs; None is all that a case has.
        keep: is given each case's name and mask.

    Raises:
        SpineError: a case cannot be segmented.
        Cancelled: by ``progress``.
    """
    cases, lesions = [], []
    necrosis = label == "necrosis"
    for number, case in enumerate(cohort.cases):
        share = part(progress, number / len(cohort.cases), (number + 1) / len(cohort.cases))
        truth = case.lesions(label)
        facts = cohort.truth(case)
        kinds = {} if necrosis else drawn_lesions(facts)
        for order, bundle in enumerate(bundles):
            inner = part(share, order / len(bundles), (order + 1) / len(bundles))
            used = bundle.card.inputs_of(given or case.sequences)
            inputs = {name: read_volume(case.sequences[name], name) for name in used}
            result = segment(inputs, bundle, settings, _named(inner, case.name))
            keep(case.name, result.mask)
            check_on_image(truth, result.mask, label)
            reference = resample_like(truth, result.mask, nearest=True).array
            row, rows = _compare(reference, result.mask, kinds)
            if necrosis:
                row["outcome"] = str((facts.get("treated") or {}).get("outcome", ""))
                if "lesion" in case.labels:
                    metastases = read_mask(case.labels["lesion"], "lesion")
                    marked = resample_like(metastases, result.mask, nearest=True).array
                    row |= false_marks(reference, marked, result.mask)
            head = {"model": bundle.card.id, "case": case.name}
            cases.append({**head, **row, "seconds": result.provenance.get("seconds")})
            lesions += [{**head, **line} for line in rows]
        if not necrosis and {"reader1", "reader2"} <= case.labels.keys():
            first, second = (read_mask(case.labels[name], name) for name in ("reader1", "reader2"))
            second = resample_like(second, first, nearest=True)
            row, _ = _compare(np.asarray(first.array), second, {})
            head = {"model": READERS, "case": case.name}
            cases.append({**head, **row})
            lesions += [{**head, **line} for line in _reader_lesions(first, second)]
    return joined(cases, lesions, cohort.simulated, label)


def evaluate_folds(
    cohort: Cohort,
    run: Path,
    settings: SegmentSettings = SegmentSettings(),
    *,
    label: str = "lesion",
    progress: Progress = silent,
) -> Evaluation:
    """A whole cross-validation as one: each case by the model of the fold that held it out.

    Steffen et al. (2020), section 2.4, state their results in this way.

    Args:
        cohort: the cases that were trained on.
        run: folder of ``spine train segmentation --fold all``, with "fold-0", "fold-1", ...

    Raises:
        SpineError: a fold is not finished, or a case cannot be segmented.
        Cancelled: by ``progress``.
    """
    folds, done = fold_folders(run), []
    parts = held_out_parts(cohort, folds)
    for number, (fold, held_out) in enumerate(zip(folds, parts)):
        share = part(progress, number / len(folds), (number + 1) / len(folds))
        one = evaluate(held_out, [load_bundle(fold / "model")], settings, label=label, progress=share)
        done.append((one.cases, one.lesions))
    return folds_joined(run, done, cohort.simulated, label)


def fold_folders(run: Path) -> list[Path]:
    """The folds of ``spine train ... --fold all``, in their order.

    Raises:
        SpineError: there is none, or not all of them are there yet.
    """
    found = sorted(run.glob("fold-*"), key=lambda path: (len(path.name), path.name))
    if not found:
        raise SpineError(f"'{run}' holds no fold; give the folder of 'spine train ... --fold all'.")
    wanted = read_facts(found[0]).get("config", {}).get("validation", {}).get("folds", 0)
    if len(found) < wanted:
        raise SpineError(
            f"'{run}' holds {len(found)} of {wanted} folds; give the training's command again, it goes on where it was."
        )
    return found


def held_out_parts(cohort: Cohort, folds: Sequence[Path]) -> list[Cohort]:
    """The cases that each training held out; who is measured by none of them, or is not in the cohort, is told.

    Raises:
        SpineError: none of them is in the cohort.
    """
    names = [held_out_cases(fold) for fold in folds]
    held, there = {name for own in names for name in own}, {case.name for case in cohort.cases}
    if not held & there:
        raise SpineError("The cohort holds none of the cases that the trainings held out; give the one they ran on.")
    extra = there - held if len(folds) > 1 else ()  # of one fold the others are left out on purpose
    for some, why in ((held - there, "was held out and is not in the cohort"), (extra, "was not held out")):
        if some:
            listed = ", ".join(sorted(some)[:20]) + (", ..." if len(some) > 20 else "")
            remark(f"Not measured, as each {why}: {listed}.")
    return [replace(cohort, cases=tuple(case for case in cohort.cases if case.name in own)) for own in names]


def folds_joined(run: Path, folds: Sequence[tuple[list[dict], list[dict]]], simulated: bool, label: str) -> Evaluation:
    """One evaluation of the rows by case and by lesion of each fold of a run; the two readers are left out."""
    cases: list[dict] = []
    lesions: list[dict] = []
    name = f"{run.resolve().name}, {len(folds)} folds"
    for number, done in enumerate(folds):
        for rows, more in zip((cases, lesions), done, strict=True):
            rows += [{**row, "model": name, "fold": number} for row in more if row["model"] != READERS]
    evaluation = joined(cases, lesions, simulated, label)
    evaluation.summary[0].update(fold_means(cases))
    return evaluation


def side_by_side(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Several evaluations on one cohort as one, a row of the summary for each."""
    first = evaluations[0]
    return replace(
        first,
        cases=[row for one in evaluations for row in one.cases],
        lesions=[row for one in evaluations for row in one.lesions],
        summary=[row for one in evaluations for row in one.summary],
    )


def fold_means(cases: list[dict]) -> dict[str, float]:
    """Means of the folds' means beside the pooled ones, as Hille et al. (2020) state theirs (section 2.3).

    Returns:
        "dice_fold_mean", "dice_fold_std" and so on, over the folds that hold a case with a lesion.
    """
    found: dict[str, float] = {}
    for key in ("dice", "tpr", "tnr"):
        means = []
        for fold in sorted({row["fold"] for row in cases}):
            values = [row[key] for row in cases if row["fold"] == fold and (key == "tnr" or row["reference_ml"] > 0)]
            if values:
                means.append(float(np.mean(values)))
        found |= {f"{key}_fold_mean": float(np.mean(means)), f"{key}_fold_std": float(np.std(means))} if means else {}
    return found


def held_out_cases(run: Path) -> list[str]:
    """Names of the cases that the training in ``run`` held out.

    Raises:
        SpineError: it is no folder of a training.
    """
    try:
        return read_facts(run)["cases"]["held_out"]
    except KeyError as error:
        raise SpineError(f"'{run}' is no training that holds cases out; give the folder of another one.") from error


def summarise(name: str, cases: list[dict], lesions: list[dict]) -> dict:
    """Mean, standard deviation and median over the cases that have a lesion; false positives over all cases.

    Dice and TPR say nothing about a case without lesion, so there only false positives count.
    """
    summary: dict = {"model": name, **_spreads(cases)}
    large = [row for row in lesions if row["volume_ml"] >= LARGE_ML]
    for text, rows in (("dice_by_lesion", lesions), (f"dice_by_lesion_from_{LARGE_ML:g}_ml", large)):
        values = np.array([row["dice"] for row in rows], dtype=float)
        summary[f"{text}_mean"] = float(values.mean()) if len(values) else float("nan")
        summary[f"{text}_std"] = float(values.std()) if len(values) else float("nan")
    if name == READERS:
        return summary
    summary |= {
        "lesions": len(lesions),
        "found": _share(lesions),
        f"lesions_from_{LARGE_ML:g}_ml": len(large),
        f"found_from_{LARGE_ML:g}_ml": _share(large),
    }
    for key in ("false_positives", f"false_positives_from_{SMALL_ML:g}_ml", "false_positive_ml"):
        summary[f"{key}_a_case"] = float(np.mean([row[key] for row in cases])) if cases else float("nan")
    if any("outcome" in row for row in cases):
        summary |= summarise_false_marks(cases)
        outcomes = sorted({row["outcome"] for row in cases if row["outcome"]})
        summary["by_outcome"] = {
            outcome: _spreads([row for row in cases if row["outcome"] == outcome])
            | summarise_false_marks([row for row in cases if row["outcome"] == outcome])
            for outcome in outcomes
        }
    return summary


def joined(cases: list[dict], lesions: list[dict], simulated: bool, label: str) -> Evaluation:
    """An evaluation of rows by case and by lesion, with their summary."""
    names = list(dict.fromkeys(row["model"] for row in cases))
    summary = [
        summarise(
            name, [row for row in cases if row["model"] == name], [row for row in lesions if row["model"] == name]
        )
        for name in names
    ]
    return Evaluation(cases, lesions, summary, simulated, label)


def _spreads(cases: list[dict]) -> dict:
    diseased = [row for row in cases if row["reference_ml"] > 0]
    spreads: dict = {"cases": len(cases), "cases_with_lesion": len(diseased)}
    for key, rows in (("dice", diseased), ("tpr", diseased), ("tnr", cases)):
        values = np.array([row[key] for row in rows], dtype=float)
        for text, function in (("mean", np.mean), ("std", np.std), ("median", np.median)):
            spreads[f"{key}_{text}"] = float(function(values)) if len(values) else float("nan")
    return spreads


def _compare(truth: np.ndarray, mask: Volume, kinds: dict[int, dict]) -> tuple[dict, list[dict]]:
    result: Overlap = overlap(truth, mask.array)
    matches = lesion_matches(truth, np.asarray(mask.array))
    ml = mask.voxel_volume_ml
    sizes = np.bincount(matches.predicted.ravel())
    false = [float(sizes[i]) * ml for i in matches.false_positives]
    row = {
        "dice": result.dice,
        "tpr": result.tpr,
        "tnr": result.tnr,
        "reference_ml": result.reference_voxels * ml,
        "prediction_ml": result.prediction_voxels * ml,
        "lesions": len(matches.found) + len(matches.missed),
        "found": len(matches.found),
        "false_positives": len(false),
        f"false_positives_from_{SMALL_ML:g}_ml": sum(size >= SMALL_ML for size in false),
        "false_positive_ml": sum(false),
    }
    rows = []
    for label in sorted(matches.found + matches.missed):
        inside = truth == label
        touching = np.unique(matches.predicted[inside])
        own = np.isin(matches.predicted, touching[touching > 0]) & (inside | (truth == 0))
        rows.append(
            {
                "lesion": label,
                "volume_ml": float(np.count_nonzero(inside)) * ml,
                "dice": overlap(inside, own).dice,
                "covered": overlap(inside, mask.array).tpr,
                "found": int(label in matches.found),
                **kinds.get(label, {}),
            }
        )
    return row, rows


def _reader_lesions(first: Volume, second: Volume) -> list[dict]:
    rows = []
    one, two = np.asarray(first.array), np.asarray(second.array)
    for label in np.union1d(one[one > 0], two[two > 0]):
        inside = one == label
        rows.append(
            {
                "lesion": int(label),
                "volume_ml": float(np.count_nonzero(inside)) * first.voxel_volume_ml,
                "dice": overlap(inside, two == label).dice,
            }
        )
    return rows


def _named(progress: Progress, name: str) -> Progress:
    return lambda fraction, text: progress(fraction, f"{name}, {text}")


def _share(rows: list[dict]) -> float:
    return float(np.mean([row["found"] for row in rows])) if rows else float("nan")
