"""A simulated cohort as a BIDS-like folder."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

import SpineLib
from SpineLib.errors import SpineError
from SpineLib.phantom.case import PhantomCase, PhantomSettings, simulate
from SpineLib.progress import Progress, silent
from SpineLib.training.cohort import SUFFIXES
from SpineLib.volume import Volume, write_volume
from SpineLib.volume.files import write_text


def write_cohort(
    folder,
    cases: int,
    seed: int,
    settings: PhantomSettings = PhantomSettings(),
    processes: int = 1,
    progress: Progress = silent,
    extension: str = ".nii.gz",
) -> Path:
    """Simulate ``cases`` patients into ``folder`` (BIDS-like; truths under ``derivatives/labels``).

    Case n is drawn from (seed, n) alone, so it is the same whatever the number of cases or processes. Cases that are
    there already are kept, so an interrupted run goes on where it stopped.

    Raises:
        SpineError: the folder holds something else, or a cohort of other settings.
    """
    folder = Path(folder)
    description = {
        "Name": "Simulated spine MR with metastases",
        "BIDSVersion": "1.9.0",
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "SpineLib.phantom", "Version": SpineLib.__version__}],
        "Simulated": True,
        "Notice": "Simulated data, not images of patients.",
        "Seed": seed,
        "Settings": json.loads(json.dumps(asdict(settings))),
    }
    head = folder / "dataset_description.json"
    if head.exists():
        known = json.loads(head.read_text(encoding="utf-8"))
        # A setting that did not exist yet when the folder was begun had what is the default now.
        settled = json.loads(json.dumps(asdict(PhantomSettings()))) | known.get("Settings", {})
        if (known.get("Seed"), settled) != (description["Seed"], description["Settings"]):
            raise SpineError(
                "The folder already holds a cohort with another seed or other settings; choose an empty folder."
            )
    elif folder.exists() and any(folder.iterdir()):
        raise SpineError("The folder is not empty and holds no simulated cohort; choose an empty folder.")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(head, json.dumps(description, indent=2))
    todo = [n for n in range(1, cases + 1) if not _truth_path(folder, _name(n)).exists()]
    done = cases - len(todo)
    if processes <= 1:
        for n in todo:
            progress(done / cases, f"Simulating case {n} of {cases}")
            _one(folder, n, seed, settings, extension)
            done += 1
    else:
        with ProcessPoolExecutor(processes, initializer=_one_thread) as pool:
            futures = [pool.submit(_one, folder, n, seed, settings, extension) for n in todo]
            try:
                for future in as_completed(futures):
                    future.result()
                    done += 1
                    progress(done / cases, f"Simulated {done} of {cases} cases")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    _participants(folder, cases)
    progress(1.0, f"{cases} simulated cases")
    return folder


def write_case(folder: Path, name: str, case: PhantomCase, extension: str = ".nii.gz") -> None:
    """Write one case into a cohort folder; the truth comes last and marks the case as complete."""
    images = folder / name / "anat"
    labels = folder / "derivatives" / "labels" / name / "anat"
    for place in (images, labels):
        place.mkdir(parents=True, exist_ok=True)
    for sequence, volume in case.images.items():
        write_volume(volume, images / f"{name}_{SUFFIXES[sequence]}{extension}")
    maps: dict[str, Volume] = {
        "label-lesion_mask": case.lesions,
        "desc-reader1_mask": case.readers[0],
        "desc-reader2_mask": case.readers[1],
        "label-vertebrae_dseg": case.vertebrae,
        "label-tissue_dseg": case.tissue,
    }
    for suffix, volume in maps.items():
        write_volume(volume, labels / f"{name}_{suffix}{extension}")
    write_text(_truth_path(folder, name), json.dumps(case.truth, indent=1))


def _name(n: int) -> str:
    return f"sub-{n:03d}"


def _truth_path(folder: Path, name: str) -> Path:
    return folder / "derivatives" / "labels" / name / f"{name}_truth.json"


def _one(folder: Path, n: int, seed: int, settings: PhantomSettings, extension: str) -> None:
    write_case(folder, _name(n), simulate(seed * 100_003 + n, settings), extension)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _participants(folder: Path, cases: int) -> None:
    rows = ["participant_id\tregion\tfield_t\tmetastases\tkinds\tsimulated"]
    for n in range(1, cases + 1):
        truth = json.loads(_truth_path(folder, _name(n)).read_text(encoding="utf-8"))
        kinds = ",".join(sorted({lesion["kind"] for lesion in truth["lesions"]})) or "n/a"
        rows.append(f"{_name(n)}\t{truth['region']}\t{truth['field_t']}\t{len(truth['lesions'])}\t{kinds}\ttrue")
    write_text(folder / "participants.tsv", "\n".join(rows) + "\n")
