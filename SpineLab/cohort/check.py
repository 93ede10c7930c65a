"""What a folder or a table of patients holds: who is taken and who is left out, with geometry, volume and lesions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from SpineLib.cohort.layout import LABELS, Place, patients, truth_path
from SpineLib.cohort.masks import check_on_image, read_lesions
from SpineLib.cohort.origin import REAL, SIMULATED, counted, origin_of, origins
from SpineLib.cohort.table import is_table, read_table
from SpineLib.errors import SpineError
from SpineLib.progress import Progress, silent
from SpineLib.sequences import SEQUENCES
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.json_object import json_object
from SpineLib.volume.segments import read_mask
from SpineLib.volume.simulated import DESCRIPTION, simulated_description
from SpineLib.volume.told import notes_of

#: Lesions with less, ml, are more often stray voxels than lesions: they are told.
_SPECK_ML = 0.02


@dataclass
class Checked:
    """One patient.

    Attributes:
        name: "sub-001".
        origin: a word of :mod:`SpineLib.cohort.origin`.
        images: geometry by sequence, in words.
        lesions_ml: volume of each lesion.
        others: further masks that are there.
        why_not: what keeps the patient out; none if it is taken.
        notes: what the user should look at.
    """

    name: str
    origin: str = REAL
    images: dict[str, str] = field(default_factory=dict)
    lesions_ml: list[float] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    why_not: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def taken(self) -> bool:
        return not self.why_not

    def to_dict(self) -> dict:
        return {
            "patient": self.name,
            "taken": self.taken,
            "why_not": self.why_not,
            "origin": self.origin,
            "images": self.images,
            "lesions": len(self.lesions_ml),
            "lesions_ml": [round(value, 3) for value in self.lesions_ml],
            "other_masks": self.others,
            "notes": self.notes,
        }


def check_cohort(
    folder: Path,
    inputs: Sequence[str] = (),
    label: str = "lesion",
    session: str | None = None,
    progress: Progress = silent,
) -> list[Checked]:
    """Look at each patient as a training would, and read all that it would read.

    Args:
        folder: of patients, or a table of them.
        inputs: sequences, or "CT", that a training is to have; none: whatever is there.
        label: what is to be learned.
        session: "before" or "after" of a cohort with sessions.

    Raises:
        SpineError: there is no patient, or the table cannot be read.
        Cancelled: by ``progress``.
    """
    found = list(_files(folder, session))
    if not found:
        raise SpineError(
            "There is no patient; a folder needs files like sub-001/anat/sub-001_T1w.nii.gz, a table the columns "
            "patient, T1, T2, mask."
        )
    checked: list[Checked] = []
    seen: dict[str, tuple[str, str]] = {}
    for number, (name, origin, files, missing) in enumerate(found):
        progress(number / len(found), f"Looking at {name}")
        checked.append(_check(name, origin, files, missing, inputs, label, seen))
    return checked


def _check(
    name: str,
    origin: str,
    files: dict[str, Path],
    missing: Sequence[str],
    inputs: Sequence[str],
    label: str,
    seen: dict,
) -> Checked:
    one = Checked(name, origin)
    there = [key for key in ("CT", *SEQUENCES) if key in files]
    for key in missing:
        one.why_not.append(f"the {key} file that the table names is not there")
    for key in [wanted for wanted in inputs if wanted not in files]:
        one.why_not.append(f"no {key}")
    if not there:
        one.why_not.append("no image")
    volumes: dict[str, Volume] = {}
    for key in there:
        try:
            volumes[key] = read_volume(files[key], key)
        except SpineError as error:
            if not inputs or key in inputs:
                one.why_not.append(str(error).rstrip("."))
            continue
        one.images[key] = _geometry(volumes[key])
        known = seen.setdefault(hashlib.sha256(volumes[key].array.tobytes()).hexdigest(), (name, key))
        if known != (name, key):
            one.notes.append(f"its {key} is the same image as the {known[1]} of {known[0]}: one patient twice?")
    one.others = [key for key in files if key in LABELS and key != label]
    if label not in files:
        if label not in missing:
            one.why_not.append(f"no {label} mask")
    elif volumes:
        _check_mask(
            one, files[label], label, volumes[next((key for key in inputs if key in volumes), next(iter(volumes)))]
        )
    return one


def _check_mask(one: Checked, file: Path, label: str, image: Volume) -> None:
    try:
        if label == "vertebrae":
            mask = read_mask(file, label)
        else:
            mask = read_lesions(file, label, numbered=one.origin == SIMULATED)
        check_on_image(mask, image, label)
    except SpineError as error:
        one.why_not.append(str(error).rstrip("."))
        return
    sizes = np.bincount(mask.array.ravel())[1:]
    one.lesions_ml = [float(size) * mask.voxel_volume_ml for size in sizes if size]
    one.notes += [note.rstrip(".") for note in notes_of(mask)]
    specks = sum(ml < _SPECK_ML for ml in one.lesions_ml)
    if specks:
        one.notes.append(f"{specks} of them below {_SPECK_ML:g} ml: stray voxels?")
    if not one.lesions_ml:
        one.notes.append("nothing is marked: taken as a healthy patient")
    report = json_object(file.with_name(file.name.split("_lesions")[0] + "_report.json"))
    if report and file.name.endswith("_lesions.seg.nrrd"):
        model = ((report.get("provenance") or {}).get("model") or {}).get("id", "a model")
        one.notes.append(f"the mask began as one of '{model}': correct it before it is learned from")


def table(checked: Sequence[Checked], label: str = "lesion") -> str:
    """Markdown: a line a patient, and a sentence on all."""
    many = {"lesion": "lesions", "necrosis": "necroses"}.get(label, label)
    lines = [f"| patient | | origin | images | {many} | volume, ml | look at |", "|---|---|---|---|---|---|---|"]
    for one in checked:
        verdict = "taken" if one.taken else f"left out: {'; '.join(one.why_not)}"
        images = "; ".join(f"{key} {text}" for key, text in one.images.items()) or "–"
        counts = [str(len(one.lesions_ml)), f"{sum(one.lesions_ml):.2f}"] if label in _masks(one, label) else ["–", "–"]
        lines.append("| " + " | ".join([one.name, verdict, one.origin, images, *counts, "; ".join(one.notes)]) + " |")
    taken = [one for one in checked if one.taken]
    total = sum(len(one.lesions_ml) for one in taken)
    kinds = counted(one.origin for one in taken)
    lines += ["", f"{len(taken)} of {len(checked)} patients are taken{f' ({kinds})' if taken else ''}, {total} {many}."]
    return "\n".join(lines) + "\n"


def _masks(one: Checked, label: str) -> Iterable[str]:
    return () if any(f"no {label}" in why or "mask" in why or label in why for why in one.why_not) else (label,)


def _geometry(volume: Volume) -> str:
    size = " x ".join(str(n) for n in volume.shape[::-1])
    return f"{size} of {' x '.join(f'{value:.3g}' for value in volume.spacing)} mm"


def _files(folder: Path, session: str | None):
    """Each patient's name, origin, files by sequence, "CT" and label, and what its table names in vain."""
    if is_table(folder):
        for row in read_table(folder):
            if (row.session or None) == session:
                yield row.patient, origin_of(row.origin, REAL), row.files, row.missing
        return
    said, told = simulated_description(json_object(folder / DESCRIPTION)), origins(folder)
    for name in patients(folder):
        files: dict[str, Path | None] = {}
        for place in (Place(folder, name, session), Place(folder, name, session, "ct")):
            keys = [key for key in SEQUENCES if place.kind == "anat"] or ["CT"]
            files |= {key: place.find_image(key) for key in keys}
            files |= {key: found for key in LABELS if (found := place.find_label(key))}
        usual = SIMULATED if said or truth_path(folder, name).is_file() else REAL
        yield name, told.get(name, usual), {key: file for key, file in files.items() if file}, ()
