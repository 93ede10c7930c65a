"""A cross-validation of detectors as one evaluation: each case by the detector of the fold that held it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from SpineLab.evaluation.detection import DetectionEvaluation, Method, MethodResult, evaluate_detection
from SpineLab.evaluation.segmentation import held_out_cases
from SpineLib.cohort.mr import Cohort
from SpineLib.errors import SpineError
from SpineLib.metrics.froc import Froc
from SpineLib.models import load_bundle
from SpineLib.progress import Progress, part, silent


def evaluate_detection_folds(
    cohort: Cohort, runs: Sequence[Path], *, progress: Progress = silent, **how
) -> DetectionEvaluation:
    """Wang et al. (2017), section 3.2.

    Args:
        cohort: the cases that were trained on.
        runs: folders of ``spine train detection --fold all``, with "fold-0", "fold-1", ... that hold out the same
            cases; the first is the one that the others are compared with.
        how: as of :func:`SpineLab.evaluation.detection.evaluate_detection`.

    Raises:
        SpineError: a fold is not finished, the runs hold out other cases than each other, a fold holds no lesion, or a
            case cannot be searched.
        Cancelled: by ``progress``.
    """
    folds = sorted((path.name for path in runs[0].glob("fold-*")), key=lambda name: (len(name), name))
    if not folds:
        raise SpineError(f"'{runs[0]}' holds no fold; give the folder of 'spine train detection --fold all'.")
    found = []
    for number, fold in enumerate(folds):
        names = held_out_cases(runs[0] / fold)
        for run in runs[1:]:
            if not (run / fold).is_dir() or set(held_out_cases(run / fold)) != set(names):
                raise SpineError(
                    f"'{run}' holds out other cases than '{runs[0]}'; train both with the same folds and seed."
                )
        own = replace(cohort, cases=tuple(case for case in cohort.cases if case.name in names))
        if not any(case.lesions().array.any() for case in own.cases):
            raise SpineError(f"No case of {fold} has a lesion, so that it measures nothing; take fewer folds.")
        bundles = [load_bundle(run / fold / "model") for run in runs]
        share = part(progress, number / len(folds), (number + 1) / len(folds))
        found.append(evaluate_detection(own, bundles, progress=share, **how))
    results = []
    for number, first in enumerate(found[0].results):
        name = _run_of(runs, folds[0], first.method.model).resolve().name
        joined = [
            Froc(
                getattr(first, key).thresholds[1:],
                [tally for one in found for tally in getattr(one.results[number], key).tallies],
            )
            for key in ("by_slices", "by_lesions")
        ]
        method = Method(f"{name}, {len(folds)} folds", first.method.aggregation, first.method.column)
        results.append(MethodResult(method, *joined))
    lesions = [lesion for one in found for lesion in one.lesions]
    seconds = float(np.mean([one.seconds for one in found]))
    return replace(found[0], results=results, lesions=lesions, simulated=cohort.simulated, seconds=seconds)


def _run_of(runs: Sequence[Path], fold: str, model: str) -> Path:
    return next(run for run in runs if load_bundle(run / fold / "model").card.id == model)
