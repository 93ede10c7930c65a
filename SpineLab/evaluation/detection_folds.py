"""A cross-validation of detectors as one evaluation: each case by the detector of the fold that held it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from SpineLab.evaluation.detection import Counting, DetectionEvaluation, Method, MethodResult, evaluate_detection
from SpineLab.evaluation.segmentation import fold_folders, held_out_cases, held_out_parts
from SpineLib.cohort.mr import Cohort
from SpineLib.errors import SpineError
from SpineLib.metrics.froc import Froc
from SpineLib.models import ModelBundle, load_bundle
from SpineLib.progress import Progress, part, silent


@dataclass(frozen=True)
class Fold:
    """One fold of several runs.

    Attributes:
        cohort: the cases that it held out.
        bundles: each run's detector.
    """

    cohort: Cohort
    bundles: list[ModelBundle]


def folds_of(cohort: Cohort, runs: Sequence[Path]) -> list[Fold]:
    """The folds that the runs share.

    Args:
        cohort: the cases that were trained on.
        runs: folders of ``spine train detection --fold all``, with "fold-0", "fold-1", ... that hold out the same
            cases.

    Raises:
        SpineError: a fold is not finished, the runs hold out other cases than each other, or a fold holds no lesion.
    """
    names = [path.name for path in fold_folders(runs[0])]
    parts = held_out_parts(cohort, [runs[0] / name for name in names])
    found = []
    for fold, own in zip(names, parts):
        held = held_out_cases(runs[0] / fold)
        for run in runs[1:]:
            if not (run / fold).is_dir() or set(held_out_cases(run / fold)) != set(held):
                raise SpineError(
                    f"'{run}' holds out other cases than '{runs[0]}'; train both with the same folds and seed."
                )
        if not any(case.lesions().array.any() for case in own.cases):
            raise SpineError(f"No case of {fold} has a lesion, so that it measures nothing; take fewer folds.")
        found.append(Fold(own, [load_bundle(run / fold / "model") for run in runs]))
    return found


def evaluate_detection_folds(
    cohort: Cohort, runs: Sequence[Path], how: Counting = Counting(), progress: Progress = silent
) -> DetectionEvaluation:
    """Wang et al. (2017), section 3.2.

    Args:
        cohort, runs: as of :func:`folds_of`; the first run is the one that the others are compared with.

    Raises:
        SpineError: as of :func:`folds_of`, or a case cannot be searched.
        Cancelled: by ``progress``.
    """
    folds, found = folds_of(cohort, runs), []
    for number, fold in enumerate(folds):
        share = part(progress, number / len(folds), (number + 1) / len(folds))
        found.append(evaluate_detection(fold.cohort, fold.bundles, how, share))
    return folds_joined(runs, folds, found)


def folds_joined(
    runs: Sequence[Path], folds: Sequence[Fold], found: Sequence[DetectionEvaluation]
) -> DetectionEvaluation:
    """One evaluation of those of each fold."""
    results = []
    for number, first in enumerate(found[0].results):
        run = next(run for run, bundle in zip(runs, folds[0].bundles) if bundle.card.id == first.method.model)
        joined = [
            Froc(
                getattr(first, key).thresholds[1:],
                [tally for one in found for tally in getattr(one.results[number], key).tallies],
            )
            for key in ("by_slices", "by_lesions")
        ]
        name = f"{run.resolve().name}, {len(folds)} folds"
        results.append(MethodResult(Method(name, first.method.aggregation, first.method.column), *joined))
    lesions = [lesion for one in found for lesion in one.lesions]
    return replace(found[0], results=results, lesions=lesions, seconds=float(np.mean([one.seconds for one in found])))
