"""Simulated patients: mixed in so that nothing is forgotten, and a fixed set that both models are judged on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from SpineLib.cohort.mr import Cohort, read_cohort
from SpineLib.errors import SpineError
from SpineLib.progress import Progress


def simulated_cohort(
    folder: Path, inputs: tuple[str, ...], label: str, count: int, seed: int, processes: int, progress: Progress
) -> Cohort:
    """``count`` simulated patients with these sequences; those that are there already are kept.

    Args:
        folder: gets a folder for these sequences.
        inputs: sequences.
        label: "lesion", or "necrosis" (patients after an ablation).
        count, seed: how many patients, and which.
        processes: that simulate.
        progress: may raise ``Cancelled``.
    """
    from SpineLib.phantom import FollowUpSettings, PhantomSettings, write_cohort, write_followup_cohort

    place = folder / "-".join([label, *inputs])
    write: Any
    settings: Any
    if label == "necrosis":
        write, settings = write_followup_cohort, FollowUpSettings(after_only=True)
    else:
        write, settings = write_cohort, PhantomSettings(sequences=inputs, randomised=0.3)
    try:
        write(place, count, seed, settings, processes, progress, ".nii")
    except SpineError:  # an older version's, or damaged: it is ours alone
        shutil.rmtree(place, ignore_errors=True)
        write(place, count, seed, settings, processes, progress, ".nii")
    cohort = read_cohort(place, inputs, labels=(label,), session="after" if label == "necrosis" else None)
    return Cohort(cohort.folder, cohort.cases[:count], cohort.description, cohort.session)
