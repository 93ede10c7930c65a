"""What a folder or a table of patients holds: who is taken and who is left out, with geometry, volume and lesions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from SpineLab.cohort.same import voxels_key
from SpineLib.cohort.layout import LABELS, SESSIONS, Place, patients
from SpineLib.cohort.masks import check_on_image, read_lesions, vertebrae_on
from SpineLib.cohort.origin import REAL, SIMULATED, counted, origins
from SpineLib.cohort.table import check_there, is_table, rows_of
from SpineLib.errors import SpineError
from SpineLib.progress import Progress, silent
from SpineLib.sequences import SEQUENCES
from SpineLib.volume import Volume, check_image, read_volume, suffix_of
from SpineLib.volume.dicom_seg_reading import is_dicom_seg
from SpineLib.volume.json_object import json_object
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
        lesions_ml: volume of each lesion; None where no mask could be read.
        others: further masks that are there.
        why_not: what keeps the patient out; none if it is taken.
        notes: what the user should look at.
    """

    name: str
    origin: str = REAL
    images: dict[str, str] = field(default_factory=dict)
    lesions_ml: list[float] | None = None
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
            "lesions": None if self.lesions_ml is None else len(self.lesions_ml),
            "lesions_ml": None if self.lesions_ml is None else [round(value, 3) for value in self.lesions_ml],
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
    check_there(folder)
    found = list(_files(folder, session))
    if not found:
        raise SpineError(
            "There is no patient; a folder needs files like sub-001/anat/sub-001_T1w.nii.gz, a table the columns "
            "patient, T1, T2, mask."
        )
    checked: list[Checked] = []
    seen: dict[str, tuple[str, str]] = {}
    for number, one in enumerate(found):
        progress(number / len(found), f"Looking at {one.name}")
        checked.append(_check(one, inputs, label, seen))
    return checked


def _check(found: _Files, inputs: Sequence[str], label: str, seen: dict[str, tuple[str, str]]) -> Checked:
    files = found.files
    one = Checked(found.name, found.origin)
    there = [key for key in ("CT", *SEQUENCES) if key in files]
    for key in found.missing:
        one.why_not.append(f"the {key} file that the table names is not there")
    for key in [wanted for wanted in inputs if wanted not in files and wanted not in found.missing]:
        one.why_not.append(f"no {key}")
    if found.sessions and not files:
        one.why_not = [f"its files lie in sessions: choose with --session {' or '.join(found.sessions)}"]
        return one
    if not there and not found.missing:
        one.why_not.append("no image")
    volumes: dict[str, Volume] = {}
    for key in there:
        try:
            volumes[key] = read_volume(files[key], key)
            one.images[key] = _geometry(volumes[key])
            check_image(volumes[key], key)
            _compare(one, key, volumes[key], seen)
        except SpineError as error:
            if not inputs or key in inputs:
                one.why_not.append(str(error).rstrip("."))
    if found.aside:
        one.notes.append(f"left aside in its folders: {', '.join(found.aside)}")
    one.others = [key for key in files if key in LABELS and key != label]
    if label not in files:
        if label not in found.missing:
            one.why_not.append(f"no {label} mask")
    elif volumes:
        image = volumes[next((key for key in inputs if key in volumes), next(iter(volumes)))]
        _check_mask(one, files[label], label, image)
        if "vertebrae" in one.others:
            try:
                vertebrae_on(files["vertebrae"], image)
            except SpineError as error:
                one.why_not.append(str(error).rstrip("."))
    return one


def _compare(one: Checked, key: str, volume: Volume, seen: dict[str, tuple[str, str]]) -> None:
    """Tell, or refuse, an image that was seen before."""
    name, before = seen.setdefault(voxels_key(volume), (one.name, key))
    if name != one.name:
        one.notes.append(f"its {key} is the same image as the {before} of {name}: one patient twice?")
    elif before != key:
        raise SpineError(f"Its {key} is the same image as its {before}.")


def _check_mask(one: Checked, file: Path, label: str, image: Volume) -> None:
    try:
        if label == "vertebrae":
            mask = vertebrae_on(file, image)
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
    if not one.lesions_ml and label == "vertebrae":
        one.why_not.append("no vertebra is marked")
    elif not one.lesions_ml:
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
        volumes = one.lesions_ml
        counts = ["–", "–"] if volumes is None else [str(len(volumes)), f"{sum(volumes):.2f}"]
        lines.append("| " + " | ".join([one.name, verdict, one.origin, images, *counts, "; ".join(one.notes)]) + " |")
    taken = [one for one in checked if one.taken]
    total = sum(len(one.lesions_ml or ()) for one in taken)
    kinds = counted(one.origin for one in taken)
    lines += ["", f"{len(taken)} of {len(checked)} patients are taken{f' ({kinds})' if taken else ''}, {total} {many}."]
    return "\n".join(lines) + "\n"


def _geometry(volume: Volume) -> str:
    size = " x ".join(str(n) for n in volume.shape[::-1])
    return f"{size} of {' x '.join(f'{value:.3g}' for value in volume.spacing)} mm"


@dataclass(frozen=True)
class _Files:
    """Of one patient: by sequence, "CT" and label; what its table names in vain; what nothing reads; and its sessions
    where another one, or none, is looked at."""

    name: str
    origin: str
    files: dict[str, Path]
    missing: Sequence[str] = ()
    aside: Sequence[str] = ()
    sessions: Sequence[str] = ()


def _files(folder: Path, session: str | None) -> Iterable[_Files]:
    if is_table(folder):
        for row in rows_of(folder, session):
            yield _Files(row.patient, row.origin, row.files, row.missing)
        return
    for name, origin in origins(folder, patients(folder)).items():
        files: dict[str, Path] = {}
        places = Place(folder, name, session), Place(folder, name, session, "ct")
        for place in places:
            keys = SEQUENCES if place.kind == "anat" else ("CT",)
            files |= {key: file for key in keys if (file := place.find_image(key))}
            files |= {key: file for key in LABELS if (file := place.find_label(key))}
        inside = [file for place in places for file in _entries(place.images) + _entries(place.labels)]
        aside = [file.name for file in inside if file not in files.values() and (suffix_of(file) or is_dicom_seg(file))]
        others = [path.name[4:] for path in sorted((folder / name).glob("ses-*")) if path.name[4:] != session]
        yield _Files(name, origin, files, (), aside, [one for one in others if one in SESSIONS])


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
