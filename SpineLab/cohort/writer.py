"""Imported patients in the form that trainings read; a patient is written whole or not at all, and once."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import SpineLib
from SpineLib.cohort.layout import Place
from SpineLib.cohort.origin import PAINTED, PARTICIPANTS, REAL, SIMULATED
from SpineLib.errors import SpineError
from SpineLib.progress import Progress, remark, silent
from SpineLib.temporary import staged
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.files import write_text
from SpineLib.volume.formats import suffix_of
from SpineLib.volume.json_object import json_object
from SpineLib.volume.simulated import DESCRIPTION

_COPIED = (".nii.gz", ".nii", ".nrrd", ".mha")


@dataclass(frozen=True)
class Patient:
    """One patient to write.

    Attributes:
        name: of the source; letters and digits of it are kept.
        images: by sequence, or "CT": a file, a folder of DICOM, or voxels.
        labels: by label; voxels.
        kind: "anat" or "ct".
        origin: a word of :mod:`SpineLib.cohort.origin`.
        facts: further files of text beside the labels, by the end of their name ("levels.tsv").
    """

    name: str
    images: Mapping[str, Path | Volume]
    labels: Mapping[str, Volume]
    kind: str = "anat"
    origin: str = REAL
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """ "sub-verse004"."""
        return f"sub-{re.sub(r'[^A-Za-z0-9]', '', self.name.removeprefix('sub-')) or 'unnamed'}"


@dataclass(frozen=True)
class Source:
    """A data set.

    Attributes:
        title: its name.
        reference: where it is described, and its licence as far as it is known.
        patients: their names in order, each with a function that reads the one; it may raise SpineError.
    """

    title: str
    reference: str
    patients: tuple[tuple[str, Callable[[], Patient]], ...]


def write_patients(
    source: Source, out: Path, *, progress: Progress = silent
) -> tuple[list[str], list[tuple[str, str]]]:
    """Write all patients of a source that are not there yet.

    Args:
        source: what is imported.
        out: empty, or a folder that the same data set was imported into before.

    Returns:
        Subjects that are there now, and the source's names that were left out, each with the reason.

    Raises:
        SpineError: the folder holds something else, or cannot be written.
        Cancelled: by ``progress``.
    """
    if out.exists() and not out.is_dir():
        raise SpineError("The output is a file; choose a folder.")
    about = out / DESCRIPTION
    if about.is_file():
        if json_object(about).get("Name") != source.title:
            raise SpineError("The output folder holds another cohort; choose an empty folder.")
    elif out.exists() and any(out.iterdir()):
        raise SpineError("The output folder is not empty and holds no imported cohort; choose an empty folder.")
    out.mkdir(parents=True, exist_ok=True)
    write_text(about, json.dumps(_description(source), indent=1) + "\n")
    there = _participants(out)
    kept: list[str] = []
    left_out: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    for number, (name, read) in enumerate(source.patients):
        progress(number / len(source.patients), f"Importing {name}")
        subject = Patient(name, {}, {}).subject
        if names.setdefault(subject, name) != name:
            left_out.append((name, f"its name is too like that of {names[subject]}; rename one"))
            continue
        if subject in there:
            kept.append(subject)
            continue
        try:
            patient = read()
            _write(patient, out)
        except SpineError as error:
            left_out.append((name, str(error).rstrip(".")))
            continue
        there[subject] = patient.origin
        _write_participants(out, there)
    _write_participants(out, there)
    if kept:
        listed = ", ".join(kept[:20]) + (", ..." if len(kept) > 20 else "")
        remark(
            f"{len(kept)} patients were imported before and stay as they are ({listed}); to import one again remove "
            "its folder first."
        )
    progress(1.0, f"{len(there)} patients")
    return sorted(there), left_out


def _write(patient: Patient, out: Path) -> None:
    with staged(out) as part:
        place = Place(part, patient.subject, kind=patient.kind)
        place.images.mkdir(parents=True)
        place.labels.mkdir(parents=True)
        for key, image in patient.images.items():
            if isinstance(image, Path) and suffix_of(image) in _COPIED:
                shutil.copyfile(image, place.image(key, suffix_of(image)))
                beside = image.with_name(image.name[: -len(suffix_of(image))] + ".json")
                if beside.is_file():
                    shutil.copyfile(beside, place.image(key, ".json"))
            else:
                write_volume(read_volume(image, key) if isinstance(image, Path) else image, place.image(key, ".nii.gz"))
        for key, labels in patient.labels.items():
            write_volume(labels, place.label(key, ".nii.gz"))
        for ending, text in patient.facts.items():
            write_text(place.labels / f"{patient.subject}_{ending}", text)
        target = Place(out, patient.subject, kind=patient.kind)
        for old, new in ((place.labels, target.labels), (place.images, target.images)):  # images last: then it is whole
            if new.exists():
                shutil.rmtree(new)
            new.parent.mkdir(parents=True, exist_ok=True)
            os.replace(old, new)


def _description(source: Source) -> dict:
    return {
        "Name": source.title,
        "BIDSVersion": "1.9.0",
        "DatasetType": "raw",
        "Reference": source.reference,
        "Simulated": False,
        "GeneratedBy": [{"Name": "spine cohort import", "Version": SpineLib.__version__}],
    }


def _participants(out: Path) -> dict[str, str]:
    """Subjects whose files are whole, with their origin."""
    file = out / PARTICIPANTS
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()[1:]] if file.is_file() else []
    whole = [row for row in rows if len(row) > 1 and (out / row[0]).is_dir()]
    return {row[0]: {"painted": PAINTED, "true": SIMULATED}.get(row[1], REAL) for row in whole}


def _write_participants(out: Path, there: Mapping[str, str]) -> None:
    words = {REAL: "false", PAINTED: "painted"}
    rows = [f"{name}\t{words.get(origin, 'true')}" for name, origin in sorted(there.items())]
    write_text(out / PARTICIPANTS, "\n".join(["participant_id\tsimulated", *rows]) + "\n")


def named(rows: Iterable[tuple[str, str]]) -> str:
    """Lines on who was left out."""
    return "".join(f"left out {name}: {why}.\n" for name, why in rows)
