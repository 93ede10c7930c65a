"""Models that mark lesions on CT, on a cohort with masks: how many are found, and how many marks are false."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from SpineLab.evaluation.ct_boxes import BoxResult
from SpineLab.training.ct_lesions.cases import on_ct
from SpineLib.cohort.ct import CtCase
from SpineLib.models import ModelBundle
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.ct.lesions import CtLesions, CtLesionSettings, detect_ct_lesions
from SpineLib.volume import read_volume
from SpineLib.volume.segments import read_mask

#: A mark finds a lesion from this intersection over union on, or where so much of the mark lies in lesions.
OVERLAP, INSIDE = 0.1, 0.5
#: Marks are collected from this probability on.
_LOWEST = 0.3
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, eq=False)
class MarkedEvaluation:
    """All cases.

    Attributes:
        model: the bundle's id.
        threshold: the model's, or the user's.
        cases: of each case the lesions found and the false marks.
        dice: of each lesion found at the threshold the overlap with the mark that is likeliest to be it.
        given: whether the true vertebrae were given; else they were found first.
        simulated: whether any case is.
        seconds: a case.
        healthy: marks in scans without lesions.
    """

    model: str
    threshold: float
    cases: list[BoxResult]
    dice: list[float]
    given: bool
    simulated: bool
    seconds: float
    healthy: list[BoxResult]


def evaluate_marked(
    cases: Sequence[CtCase],
    bundle: ModelBundle,
    settings: CtLesionSettings,
    progress: Progress = silent,
    *,
    given: bool = False,
) -> MarkedEvaluation:
    """Search every case, and compare the marks with the lesions' masks.

    Args:
        cases: with truth.
        bundle: a model that marks lesions.
        settings: the user's choices.
        progress: told at least once a second; may raise ``Cancelled``.
        given: search in the true vertebrae (of the bone as it is), as after a segmentation that is right.

    Raises:
        SpineError: a case cannot be searched.
    """
    threshold = bundle.card.threshold if settings.threshold is None else settings.threshold
    lowest = replace(settings, threshold=min(_LOWEST, threshold))
    results, dice, seconds = [], [], 0.0
    for number, case in enumerate(cases):
        share = part(progress, number / len(cases), (number + 1) / len(cases))
        ct = read_volume(case.ct, "CT")
        truth = on_ct(case.lesions(), ct, case.name, "lesion").array
        vertebrae = on_ct(read_mask(case.vertebrae, "vertebrae"), ct, case.name, "vertebrae") if given else None
        started = perf_counter()
        found = detect_ct_lesions(ct, bundle, lowest, share, vertebrae)
        seconds += perf_counter() - started
        result, overlaps = compared_masks(case.name, truth, found, threshold)
        results.append(result)
        dice += overlaps
    simulated = any(case.simulated for case in cases)
    each = seconds / max(len(cases), 1)
    return MarkedEvaluation(bundle.card.id, threshold, results, dice, given, simulated, each, [])


def compared_masks(name: str, truth: np.ndarray, found: CtLesions, threshold: float) -> tuple[BoxResult, list[float]]:
    """Which lesions (numbers in ``truth``, on the grid of the marks) are found, and the Dice of those found from
    ``threshold`` on."""
    marks = np.zeros(truth.shape, np.uint16) if found.mask is None else found.mask.array
    table = np.zeros((int(marks.max()) + 1, int(truth.max()) + 1))
    np.add.at(table, (marks.ravel(), truth.ravel()), 1)
    marked, there = table.sum(axis=1), table.sum(axis=0)
    numbers = [int(n) for n in np.flatnonzero(there) if n]
    best, dice, false = dict.fromkeys(numbers, 0.0), dict.fromkeys(numbers, 0.0), []
    for one in found.lesions:
        shared = table[one.id]
        hits = [n for n in numbers if shared[n] >= OVERLAP * (marked[one.id] + there[n] - shared[n])]
        if not hits and shared[1:].sum() >= INSIDE * marked[one.id] > 0:
            hits = [1 + int(shared[1:].argmax())]
        for n in hits:
            best[n] = max(best[n], one.probability)
            if one.probability >= threshold:
                dice[n] = max(dice[n], 2 * shared[n] / (marked[one.id] + there[n]))
        if not hits:
            false.append(one.probability)
    result = BoxResult(name, tuple(best.values()), tuple(sorted(false, reverse=True)))
    return result, [dice[n] for n in numbers if best[n] >= threshold]


def figures(evaluation: MarkedEvaluation) -> dict:
    """The numbers, JSON-able."""
    thresholds = sorted({*THRESHOLDS, evaluation.threshold})
    return {
        "model": evaluation.model,
        "simulated": evaluation.simulated,
        "threshold": evaluation.threshold,
        "looked_at": "the true vertebrae" if evaluation.given else "the whole CT",
        "seconds_a_case": round(evaluation.seconds, 1),
        "median_dice_of_found": round(float(np.median(evaluation.dice)), 3) if evaluation.dice else None,
        "at": {f"{threshold:g}": _at(evaluation.cases, threshold) for threshold in thresholds},
        "cases": [one.to_dict() for one in evaluation.cases],
        "healthy": [one.to_dict() for one in evaluation.healthy],
    }


def _at(cases: Sequence[BoxResult], threshold: float) -> dict:
    lesions, found, false = (int(count) for count in np.sum([one.at(threshold) for one in cases], axis=0))
    return {"lesions": lesions, "found": found, "false_marks_a_case": round(false / len(cases), 2)}


def markdown(told: dict) -> str:
    """The table at each threshold."""
    dice = told["median_dice_of_found"]
    lines = [
        f"Measured on {'**simulated data**' if told['simulated'] else 'patients'}: {len(told['cases'])} cases, "
        f"looked for in {told['looked_at']}, {told['seconds_a_case']:g} s a case. A lesion is found by a mark that "
        f"overlaps it by {OVERLAP:g} or half of which lies in it.",
        "",
        "| model | from probability | lesions found | false marks a case |",
        "|---|---|---|---|",
    ]
    for threshold, one in told["at"].items():
        lines.append(f"| {told['model']} | {threshold} | {one['found']} of {one['lesions']} "
                     f"| {one['false_marks_a_case']:.2f} |")  # fmt: skip
    lines += ["", f"Dice of those found from {told['threshold']:g} on, median: {'-' if dice is None else dice}."]
    for one in told["healthy"]:
        count = sum(value >= told["threshold"] for value in one["false"])
        lines.append(f"In {one['name']}, without lesions: {count} from {told['threshold']:g} on.")
    return "\n".join(lines) + "\n"
