"""Many patients of an evaluation on several workers: each is kept once done; a run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from SpineLib.cluster import on_cluster, remaining
from SpineLib.cohort.mr import Case
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.models import ModelBundle
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


class Patient(Protocol):
    """One patient to measure; it travels to a worker.

    Attributes:
        case: whose it is.
        kept: folder that keeps what was measured.
        how: all that the figures depend on beside the patient's files; JSON can hold it.
    """

    @property
    def case(self) -> Case: ...

    @property
    def kept(self) -> Path: ...

    @property
    def how(self) -> list: ...

    def measured(self) -> dict:
        """What JSON can hold of this patient's figures."""
        ...


def each_patient(work: Sequence[Patient], on: Workers) -> list[dict]:
    """What was measured of each patient, in their order; those that are kept of an earlier run are not done again.

    Raises:
        SpineError: a patient failed, after all others were done; it is named.
    """
    for folder in {one.kept for one in work}:
        folder.mkdir(parents=True, exist_ok=True)
    keys = [[_digest(one.how), _stamp(one.case)] for one in work]
    todo = [n for n, one in enumerate(work) if json_object(_file(one)).get("key") != keys[n]]
    on.report(f"{len(work) - len(todo)} of {len(work)} patients are done already.")
    started, failed = time.monotonic(), []
    arguments = [(work[n],) for n in todo]
    outcomes = on_cluster(_measured, arguments, scheduler=on.scheduler, workers=on.workers, retries=on.retries)
    for done, outcome in enumerate(outcomes, start=1):
        number = todo[outcome.number]
        one = work[number]
        if outcome.error is not None:
            failed.append((one.case.name, outcome.error))
        else:
            write_text(_file(one), json_text({"key": keys[number], **outcome.value}))
        word = "failed" if outcome.error is not None else "done"
        on.report(f"{one.case.name} {word}; {remaining(started, done, len(todo))}")
    if failed:
        name, error = failed[0]
        raise SpineError(
            f"{len(failed)} of {len(work)} patients failed, {name}: {error} The others are kept: mend these, "
            "and give the same command again."
        )
    return [json_object(_file(one)) for one in work]


def facts_of(bundles: Sequence[ModelBundle]) -> list:
    """What of models the figures depend on."""
    return [[bundle.card.id, bundle.card.sha256, bundle.card.threshold, *bundle.card.calibration] for bundle in bundles]


def _measured(patient: Patient) -> dict:
    return json.loads(json_text(patient.measured()))


def _file(patient: Patient) -> Path:
    return patient.kept / f"{patient.case.name}.json"


def _digest(how: list) -> str:
    return hashlib.sha256(json.dumps(how, sort_keys=True).encode()).hexdigest()


def _stamp(case: Case) -> list:
    """Another one when a file of the patient was changed."""
    paths = sorted([*case.sequences.values(), *case.labels.values()])
    return [[path.name, (told := path.stat()).st_size, told.st_mtime_ns] for path in paths]
