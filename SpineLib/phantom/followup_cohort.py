"""Simulated patients before and after ablation as a BIDS-like folder with sessions."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from SpineLib.cohort.layout import SESSIONS, Place, truth_path
from SpineLib.phantom.cohort import fill_folder
from SpineLib.phantom.followup import FollowUp, FollowUpSettings, simulate_followup
from SpineLib.phantom.sidecar import write_sidecar
from SpineLib.progress import Progress, silent
from SpineLib.volume import write_volume
from SpineLib.volume.files import write_text


def write_followup_cohort(
    folder,
    cases: int,
    seed: int,
    settings: FollowUpSettings = FollowUpSettings(),
    processes: int = 1,
    progress: Progress = silent,
    extension: str = ".nii.gz",
) -> Path:
    """Simulate ``cases`` patients into ``folder``: ``sub-001/ses-before/anat``, ``sub-001/ses-after/anat``.

    Labels and truths lie under ``derivatives/labels``. Same seed, same bytes, whatever the number of cases or
    processes; an interrupted run goes on where it stopped.

    Raises:
        SpineError: the folder holds something else, or a cohort of other settings.
    """
    return fill_folder(
        folder,
        cases,
        seed,
        settings,
        "Simulated spine MR before and after ablation of a metastasis",
        partial(_one, extension=extension),
        ("participant_id\tregion\tlevel\toutcome\tcovered_share\tnecrosis_ml\tsimulated", _row),
        processes,
        progress,
    )


def write_followup(folder: Path, name: str, case: FollowUp, extension: str = ".nii.gz") -> None:
    """Write one patient into a cohort folder; the truth comes last and marks the patient as complete."""
    for session, scan in zip(SESSIONS, (case.before, case.after)):
        if scan is None:
            continue
        place = Place(folder, name, session)
        for inner in (place.images, place.labels):
            inner.mkdir(parents=True, exist_ok=True)
        for key, volume in scan.images.items():
            write_volume(volume, place.image(key, extension))
        for key, volume in scan.labels.items():
            write_volume(volume, place.label(key, extension))
        for key, facts in scan.truth["sequences"].items():
            write_sidecar(place.image(key, extension), facts, scan.truth["field_t"])
    write_text(truth_path(folder, name), json.dumps(case.truth, indent=1))


def _one(folder: Path, name: str, seed: int, settings: FollowUpSettings, extension: str) -> None:
    write_followup(folder, name, simulate_followup(seed, settings), extension)


def _row(name: str, truth: dict) -> str:
    treated = [str(truth["treated"][key]) for key in ("level", "outcome", "covered_share", "necrosis_ml")]
    return "\t".join([name, truth["region"], *treated, "true"])
