"""An evaluation of segmentation on several workers: a patient each, joined at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

from SpineLab.evaluation.segmentation import (
    Evaluation,
    evaluate,
    fold_folders,
    folds_joined,
    held_out_parts,
    joined,
    side_by_side,
)
from SpineLab.evaluation.workers import Workers, each_patient, facts_of
from SpineLib.cohort.mr import Case, Cohort
from SpineLib.models import ModelBundle, load_bundle
from SpineLib.tasks.segmentation.segment import SegmentSettings


def evaluate_together(
    cohort: Cohort,
    bundles: list[ModelBundle],
    settings: SegmentSettings,
    kept: Path,
    *,
    label: str,
    given: Sequence[str] | None,
    on: Workers = Workers(),
) -> Evaluation:
    """As :func:`SpineLab.evaluation.segmentation.evaluate`; the same figures, whoever computes them.

    Args:
        kept: folder of a file for each patient that is done; a run that was interrupted goes on there.
        on: where patients are computed.

    Raises:
        SpineError: a patient failed, after all others were done; it is named.
    """
    found = _each([_Patient(_alone(cohort, case), bundles, settings, label, given, kept) for case in cohort.cases], on)
    cases, lesions = (list(chain.from_iterable(rows)) for rows in zip(*found, strict=True)) if found else ([], [])
    return joined(cases, lesions, cohort.simulated, label)


def evaluate_folds_together(
    cohort: Cohort, runs: Sequence[Path], settings: SegmentSettings, kept: Path, *, label: str, on: Workers = Workers()
) -> Evaluation:
    """As :func:`SpineLab.evaluation.segmentation.evaluate_folds` of each run; all patients of all folds side by side.

    Args:
        cohort, settings, label: as there.
        runs: folders of ``spine train segmentation --fold all``.
        kept, on: as for :func:`evaluate_together`; each run has a folder of its own in ``kept``.

    Raises:
        SpineError: as there; or a fold is not finished.
    """
    work, at = list[_Patient](), list[tuple[int, int]]()
    folds = [fold_folders(run) for run in runs]
    for number, run in enumerate(runs):
        own = kept / f"{number + 1}-{run.resolve().name}"
        parts = held_out_parts(cohort, folds[number])
        for place, fold in enumerate(folds[number]):
            held_out, bundle = parts[place].cases, load_bundle(fold / "model")
            work += [_Patient(_alone(cohort, case), [bundle], settings, label, None, own) for case in held_out]
            at += [(number, place)] * len(held_out)
    rows: list[list[tuple[list[dict], list[dict]]]] = [
        [([], []) for _ in each] for each in folds
    ]  # of each run and fold
    for (number, place), (cases, lesions) in zip(at, _each(work, on), strict=True):
        rows[number][place][0].extend(cases)
        rows[number][place][1].extend(lesions)
    each = zip(runs, rows, strict=True)
    return side_by_side([folds_joined(run, own, cohort.simulated, label) for run, own in each])


@dataclass(frozen=True)
class _Patient:
    """A cohort of one patient, the models for it, and the folder that keeps what was found."""

    cohort: Cohort
    bundles: list[ModelBundle]
    settings: SegmentSettings
    label: str
    given: Sequence[str] | None
    kept: Path

    @property
    def case(self) -> Case:
        return self.cohort.cases[0]

    @property
    def how(self) -> list:
        return [facts_of(self.bundles), asdict(self.settings), self.label, list(self.given or ())]

    def measured(self) -> dict:
        found = evaluate(self.cohort, self.bundles, self.settings, label=self.label, given=self.given)
        return {"cases": found.cases, "lesions": found.lesions}


def _alone(cohort: Cohort, case: Case) -> Cohort:
    return replace(cohort, cases=(case,))


def _each(work: Sequence[_Patient], on: Workers) -> list[tuple[list[dict], list[dict]]]:
    """Rows by case and by lesion of each patient, in their order."""
    return [
        ([_numbers(row) for row in kept["cases"]], [_numbers(row) for row in kept["lesions"]])
        for kept in each_patient(work, on)
    ]


def _numbers(row: dict) -> dict:
    """null stands for what JSON has no number for: nothing to measure."""
    return {key: float("nan") if value is None else value for key, value in row.items()}
