"""A simulated cohort as a BIDS-like folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

import SpineLib
from SpineLib.cohort.layout import Place, truth_path
from SpineLib.errors import SpineError
from SpineLib.phantom.case import PhantomCase, PhantomSettings, simulate
from SpineLib.phantom.shapes import VertebraShape, read_shapes
from SpineLib.phantom.sidecar import write_sidecar
from SpineLib.phantom.trunk.patient import simulate_of_shapes
from SpineLib.processes import each_in_processes
from SpineLib.progress import Progress, silent
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
    shapes: Path | None = None,
) -> Path:
    """Simulate ``cases`` patients into ``folder`` (BIDS-like; truths under ``derivatives/labels``).

    Case n is drawn from (seed, n) alone, so it is the same whatever the number of cases or processes. Cases that are
    there already are kept, so an interrupted run goes on where it stopped.

    ``shapes`` is a folder of label maps of real vertebrae (see :mod:`SpineLib.phantom.shapes`), of which the columns
    are built then (:func:`SpineLib.phantom.trunk.patient.simulate_of_shapes`).

    Raises:
        SpineError: the folder holds something else, or a cohort of other settings; ``shapes`` holds none.
    """
    real = read_shapes(shapes) if shapes is not None else None
    return fill_folder(
        folder,
        cases,
        seed,
        settings,
        "Simulated spine MR with metastases" + (" and real shapes" if real else ""),
        partial(_one, extension=extension, shapes=real),
        ("participant_id\tregion\tfield_t\tmetastases\tkinds\tsimulated", _row),
        processes,
        progress,
    )


def fill_folder(
    folder,
    cases: int,
    seed: int,
    settings,
    title: str,
    write_one: Callable,
    table: tuple[str, Callable[[str, dict], str]],
    processes: int = 1,
    progress: Progress = silent,
) -> Path:
    """Write simulated patients into a BIDS-like folder; those there already are kept.

    Args:
        folder, cases, seed, processes, progress: as in :func:`write_cohort`.
        settings: a dataclass whose fields all have defaults; kept in ``dataset_description.json``.
        title: the data set's name.
        write_one: called, perhaps in another process, with the folder, the patient's name, the patient's seed and the
            settings; writes :func:`SpineLib.cohort.layout.truth_path` last.
        table: head of ``participants.tsv``, and what makes a line of a patient's name and truth.

    Raises:
        SpineError: the folder holds something else, or a cohort of other settings.
    """
    folder = Path(folder)
    description = {
        "Name": title,
        "BIDSVersion": "1.9.0",
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "SpineLib.phantom", "Version": SpineLib.__version__}],
        "Simulated": True,
        "Notice": "Simulated data, not images of patients.",
        "Seed": seed,
        "Settings": json.loads(json.dumps(asdict(settings))),
    }
    about = folder / "dataset_description.json"
    if about.exists():
        known = json.loads(about.read_text(encoding="utf-8"))
        # A setting that did not exist yet when the folder was begun had what is the default now.
        settled = json.loads(json.dumps(asdict(type(settings)()))) | known.get("Settings", {})
        wanted = (title, seed, description["Settings"])
        if (known.get("Name"), known.get("Seed"), settled) != wanted:
            raise SpineError(
                "The folder already holds a cohort with another seed or other settings; choose an empty folder."
            )
    elif folder.exists() and any(folder.iterdir()):
        raise SpineError("The folder is not empty and holds no simulated cohort; choose an empty folder.")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(about, json.dumps(description, indent=2))
    todo = [n for n in range(1, cases + 1) if not truth_path(folder, _name(n)).exists()]
    done = cases - len(todo)
    if processes <= 1:
        for n in todo:
            progress(done / cases, f"Simulating case {n} of {cases}")
            write_one(folder, _name(n), _seed(seed, n), settings)
            done += 1
    else:
        work = [(folder, _name(n), _seed(seed, n), settings) for n in todo]

        def tell(new: int) -> None:
            progress((done + new) / cases, f"Simulated {done + new} of {cases} cases")

        each_in_processes(write_one, work, processes, tell, prepare=_one_thread)
    head, row = table
    names = [_name(n) for n in range(1, cases + 1)]
    rows = [row(name, json.loads(truth_path(folder, name).read_text(encoding="utf-8"))) for name in names]
    write_text(folder / "participants.tsv", "\n".join([head, *rows]) + "\n")
    progress(1.0, f"{cases} simulated cases")
    return folder


def write_case(folder: Path, name: str, case: PhantomCase, extension: str = ".nii.gz") -> None:
    """Write one case into a cohort folder; the truth comes last and marks the case as complete."""
    place = Place(folder, name)
    for inner in (place.images, place.labels):
        inner.mkdir(parents=True, exist_ok=True)
    for sequence, volume in case.images.items():
        file = place.image(sequence, extension)
        write_volume(volume, file)
        write_sidecar(file, case.truth["sequences"][sequence], case.truth["field_t"])
    maps: dict[str, Volume] = {
        "lesion": case.lesions,
        "reader1": case.readers[0],
        "reader2": case.readers[1],
        "vertebrae": case.vertebrae,
        "tissue": case.tissue,
    }
    for key, volume in maps.items():
        write_volume(volume, place.label(key, extension))
    write_text(truth_path(folder, name), json.dumps(case.truth, indent=1))


def _name(n: int) -> str:
    return f"sub-{n:03d}"


def _seed(seed: int, n: int) -> int:
    return seed * 100_003 + n


def _one(
    folder: Path,
    name: str,
    seed: int,
    settings: PhantomSettings,
    extension: str,
    shapes: list[VertebraShape] | None = None,
) -> None:
    case = simulate(seed, settings) if shapes is None else simulate_of_shapes(seed, settings, shapes)
    write_case(folder, name, case, extension)


def _one_thread() -> None:
    torch.set_num_threads(1)


def _row(name: str, truth: dict) -> str:
    kinds = ",".join(sorted({lesion["kind"] for lesion in truth["lesions"]})) or "n/a"
    return f"{name}\t{truth['region']}\t{truth['field_t']}\t{len(truth['lesions'])}\t{kinds}\ttrue"
