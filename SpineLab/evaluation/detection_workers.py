"""An evaluation of detectors on several workers: a patient each, joined at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from SpineLab.evaluation.detection import (
    CaseCount,
    Counting,
    DetectionEvaluation,
    LesionFound,
    count_case,
    joined_counts,
)
from SpineLab.evaluation.detection_folds import folds_joined, folds_of
from SpineLab.evaluation.workers import Workers, each_patient, facts_of
from SpineLib.cohort.mr import Case, Cohort
from SpineLib.metrics.froc import Tally
from SpineLib.models import ModelBundle


def evaluate_detection_together(
    cohort: Cohort, bundles: list[ModelBundle], how: Counting, kept: Path, on: Workers = Workers()
) -> DetectionEvaluation:
    """As :func:`SpineLab.evaluation.detection.evaluate_detection`; the same figures, whoever computes them.

    Args:
        kept: folder of a file for each patient that is done; a run that was interrupted goes on there.
        on: where patients are computed.

    Raises:
        SpineError: no case has a lesion; or a patient failed, after all others were done; it is named.
    """
    work = [_Patient(cohort, case, bundles, how, kept) for case in cohort.cases]
    return joined_counts([_count(one) for one in each_patient(work, on)], bundles, how, cohort.simulated)


def evaluate_detection_folds_together(
    cohort: Cohort, runs: Sequence[Path], how: Counting, kept: Path, on: Workers = Workers()
) -> DetectionEvaluation:
    """As :func:`SpineLab.evaluation.detection_folds.evaluate_detection_folds`; all patients of all folds side by side.

    Args:
        kept, on: as for :func:`evaluate_detection_together`.

    Raises:
        SpineError: as there and as of :func:`SpineLab.evaluation.detection_folds.folds_of`.
    """
    folds = folds_of(cohort, runs)
    work = [_Patient(fold.cohort, case, fold.bundles, how, kept) for fold in folds for case in fold.cohort.cases]
    counts = iter([_count(one) for one in each_patient(work, on)])
    found = [
        joined_counts([next(counts) for _ in fold.cohort.cases], fold.bundles, how, cohort.simulated) for fold in folds
    ]
    return folds_joined(runs, folds, found)


@dataclass(frozen=True)
class _Patient:
    """A case, the models for it, and the folder that keeps what was counted."""

    cohort: Cohort
    case: Case
    bundles: list[ModelBundle]
    counting: Counting
    kept: Path

    @property
    def how(self) -> list:
        return [facts_of(self.bundles), asdict(self.counting)]

    def measured(self) -> dict:
        found = count_case(self.cohort, self.case, self.bundles, self.counting)
        return {
            "tallies": [[tally.to_dict() for tally in pair] for pair in found.tallies],
            "lesions": [asdict(lesion) for lesion in found.lesions],
            "seconds": found.seconds,
        }


def _count(kept: dict) -> CaseCount:
    tallies = [(Tally.from_dict(slices), Tally.from_dict(lesions)) for slices, lesions in kept["tallies"]]
    return CaseCount(tallies, [LesionFound(**lesion) for lesion in kept["lesions"]], kept["seconds"])
