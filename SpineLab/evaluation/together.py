"""An evaluation of many patients on several workers: a patient each, kept as it is done, joined at the end."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from SpineLab.evaluation.segmentation import Evaluation, evaluate, joined
from SpineLib.cluster import on_cluster, remaining
from SpineLib.cohort.mr import Case, Cohort
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.models import ModelBundle
from SpineLib.tasks.segmentation.segment import SegmentSettings
from SpineLib.volume.files import write_text
from SpineLib.volume.json_object import json_object


def evaluate_together(
    cohort: Cohort,
    bundles: list[ModelBundle],
    settings: SegmentSettings,
    kept: Path,
    *,
    label: str,
    given: Sequence[str] | None,
    scheduler: str = "",
    workers: int = 2,
    retries: int = 1,
    report: Callable[[str], None] = lambda text: None,
) -> Evaluation:
    """As :func:`SpineLab.evaluation.segmentation.evaluate`; the same figures, whoever computes them.

    Args:
        kept: folder of a file for each patient that is done; a run that was interrupted goes on there.
        scheduler, workers, retries: see :func:`SpineLib.cluster.on_cluster`.
        report: is told a line for each patient.

    Raises:
        SpineError: a patient failed, after all others were done; it is named.
    """
    kept.mkdir(parents=True, exist_ok=True)
    key = _key(bundles, settings, label, given)
    files = {case.name: kept / f"{case.name}.json" for case in cohort.cases}
    todo = [case for case in cohort.cases if json_object(files[case.name]).get("key") != [key, _stamp(case)]]
    there = len(cohort.cases) - len(todo)
    report(f"{there} of {len(cohort.cases)} patients are done already.")
    started, failed = time.monotonic(), []
    work = [(cohort, case, bundles, settings, label, given) for case in todo]
    outcomes = on_cluster(_one, work, scheduler=scheduler, workers=workers, retries=retries)
    for done, outcome in enumerate(outcomes, start=1):
        case = todo[outcome.number]
        if outcome.error is not None:
            failed.append((case.name, outcome.error))
        else:
            write_text(files[case.name], json_text({"key": [key, _stamp(case)], **outcome.value}))
        word = "failed" if outcome.error is not None else "done"
        report(f"{case.name} {word}; {remaining(started, done, len(todo))}")
    if failed:
        name, error = failed[0]
        raise SpineError(
            f"{len(failed)} of {len(cohort.cases)} patients failed, {name}: {error} The others are kept: mend these, "
            "and give the same command again."
        )
    rows = [json_object(files[case.name]) for case in cohort.cases]
    cases = [_numbers(row) for one in rows for row in one["cases"]]
    lesions = [_numbers(row) for one in rows for row in one["lesions"]]
    return joined(cases, lesions, cohort.simulated, label)


def _one(cohort: Cohort, case: Case, bundles, settings, label, given) -> dict:
    found = evaluate(replace(cohort, cases=(case,)), bundles, settings, label=label, given=given)
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
