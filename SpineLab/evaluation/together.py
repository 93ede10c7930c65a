"""An evaluation of many patients on several workers: a patient each, kept as it is done, joined at the end."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

from SpineLab.evaluation.segmentation import (
    Evaluation,
    evaluate,
    fold_folders,
    folds_joined,
    held_out_cases,
    joined,
    side_by_side,
)
from SpineLib.cluster import on_cluster, remaining
from SpineLib.cohort.mr import Case, Cohort
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.models import ModelBundle, load_bundle
from SpineLib.tasks.segmentation.segment import SegmentSettings
from SpineLib.volume.files import write_text
from SpineLib.volume.json_object import json_object


@dataclass(frozen=True)
class Workers:
    """Where patients are computed.

    Attributes:
        scheduler, workers, retries: see :func:`SpineLib.cluster.on_cluster`.
        report: is told a line for each patient.
    """

    scheduler: str = ""
    workers: int = 2
    retries: int = 1
    report: Callable[[str], None] = lambda text: None


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
        for place, fold in enumerate(folds[number]):
            names, bundle = held_out_cases(fold), load_bundle(fold / "model")
            held_out = [case for case in cohort.cases if case.name in names]
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
    def file(self) -> Path:
        return self.kept / f"{self.case.name}.json"

    @property
    def key(self) -> list:
        return [_key(self.bundles, self.settings, self.label, self.given), _stamp(self.case)]


def _alone(cohort: Cohort, case: Case) -> Cohort:
    return replace(cohort, cases=(case,))


def _each(work: Sequence[_Patient], on: Workers) -> list[tuple[list[dict], list[dict]]]:
    """Rows by case and by lesion of each patient, in their order."""
    for folder in {one.kept for one in work}:
        folder.mkdir(parents=True, exist_ok=True)
    keys = [one.key for one in work]
    todo = [n for n, one in enumerate(work) if json_object(one.file).get("key") != keys[n]]
    on.report(f"{len(work) - len(todo)} of {len(work)} patients are done already.")
    started, failed = time.monotonic(), []
    arguments = [(work[n],) for n in todo]
    outcomes = on_cluster(_one, arguments, scheduler=on.scheduler, workers=on.workers, retries=on.retries)
    for done, outcome in enumerate(outcomes, start=1):
        number = todo[outcome.number]
        one = work[number]
        if outcome.error is not None:
            failed.append((one.case.name, outcome.error))
        else:
            write_text(one.file, json_text({"key": keys[number], **outcome.value}))
        word = "failed" if outcome.error is not None else "done"
        on.report(f"{one.case.name} {word}; {remaining(started, done, len(todo))}")
    if failed:
        name, error = failed[0]
        raise SpineError(
            f"{len(failed)} of {len(work)} patients failed, {name}: {error} The others are kept: mend these, "
            "and give the same command again."
        )
    return [
        ([_numbers(row) for row in kept["cases"]], [_numbers(row) for row in kept["lesions"]])
        for kept in (json_object(one.file) for one in work)
    ]


def _one(patient: _Patient) -> dict:
    found = evaluate(patient.cohort, patient.bundles, patient.settings, label=patient.label, given=patient.given)
    return json.loads(json_text({"cases": found.cases, "lesions": found.lesions}))


def _numbers(row: dict) -> dict:
    """null stands for what JSON has no number for: nothing to measure."""
    return {key: float("nan") if value is None else value for key, value in row.items()}


def _key(bundles: Sequence[ModelBundle], settings: SegmentSettings, label: str, given: Sequence[str] | None) -> str:
    facts = [[bundle.card.id, bundle.card.sha256, bundle.card.threshold] for bundle in bundles]
    text = json.dumps([facts, asdict(settings), label, list(given or ())], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _stamp(case: Case) -> list:
    """Another one when a file of the patient was changed."""
    paths = sorted([*case.sequences.values(), *case.labels.values()])
    return [[path.name, (told := path.stat()).st_size, told.st_mtime_ns] for path in paths]
