"""Simulated CTs as a BIDS-like folder."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from SpineLib.cohort.layout import CT_LABELS, Place, truth_path
from SpineLib.phantom.cohort import fill_folder
from SpineLib.phantom.ct.case import CtPhantom, CtSettings, simulate_ct
from SpineLib.phantom.ct.realshapes import read_chains
from SpineLib.progress import Progress, silent
from SpineLib.volume import write_volume
from SpineLib.volume.files import write_text


def write_ct_cohort(
    folder,
    cases: int,
    seed: int,
    settings: CtSettings = CtSettings(),
    processes: int = 1,
    progress: Progress = silent,
    extension: str = ".nii.gz",
    shapes: Path | None = None,
) -> Path:
    """Simulate ``cases`` patients' CTs into ``folder``: ``sub-001/ct``, labels under ``derivatives/labels``.

    Same seed, same bytes, whatever the number of cases or processes; an interrupted run goes on where it stopped.
    ``shapes`` is a folder of label maps of real spines that the vertebrae are built of (``realshapes.read_chains``).

    Raises:
        SpineError: the folder holds something else, or a cohort of other settings.
    """
    return fill_folder(
        folder,
        cases,
        seed,
        settings,
        "Simulated CT of the spine with bone metastases" + (", of real vertebrae's shapes" if shapes else ""),
        partial(_one, extension=extension, shapes=shapes),
        ("participant_id\tregion\tkernel\tmetastases\tkinds\tbone_lost_ml\tsimulated", _row),
        processes,
        progress,
    )


def write_ct_case(folder: Path, name: str, case: CtPhantom, extension: str = ".nii.gz") -> None:
    """Write one patient into a cohort folder; the truth comes last and marks the patient as complete."""
    place = Place(folder, name, kind="ct")
    for inner in (place.images, place.labels):
        inner.mkdir(parents=True, exist_ok=True)
    write_volume(case.ct, place.image("CT", extension))
    for key in CT_LABELS:
        write_volume(getattr(case, key), place.label(key, extension))
    write_text(truth_path(folder, name), json.dumps(case.truth, indent=1))


def _one(folder: Path, name: str, seed: int, settings: CtSettings, extension: str, shapes: Path | None) -> None:
    chains = read_chains(shapes) if shapes else ()
    write_ct_case(folder, name, simulate_ct(seed, settings, chains), extension)


def _row(name: str, truth: dict) -> str:
    lesions = truth["lesions"]
    kinds = ",".join(sorted({lesion["kind"] for lesion in lesions})) or "n/a"
    lost = round(sum(lesion["bone_lost_ml"] for lesion in lesions), 3)
    return "\t".join([name, truth["region"], truth["kernel"]["name"], str(len(lesions)), kinds, str(lost), "true"])
