"""Corrected patients into the training set and out of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from SpineLib.cohort.corrections import Correction, FirstResult, image_key, known_as, read_corrections
from SpineLib.cohort.layout import Place, correction_path
from SpineLib.cohort.masks import check_on_image
from SpineLib.cohort.origin import PARTICIPANTS
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.metrics.overlap import lesion_matches, overlap
from SpineLib.temporary import staged
from SpineLib.volume import Volume, write_volume
from SpineLib.volume.files import write_text
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.simulated import DESCRIPTION

_ENDING = ".nii.gz"
_FACTS = ("id", "version", "sha256")


def add_patient(
    folder: Path,
    images: Mapping[str, Volume],
    corrected: Volume,
    label: str,
    *,
    first: Volume | None = None,
    model: Mapping[str, str] | None = None,
    same_as: str = "",
    replace_known: bool = False,
    simulated: bool = False,
) -> Correction:
    """Add a patient to the training set; nothing but voxels, their grid and numbers is written.

    Args:
        folder: of the training set; made if it is not there.
        images: sequence name to image.
        corrected: what is right: lesion numbers, uint8 (:func:`SpineLib.cohort.masks.read_lesions`); on any grid.
        label: "lesion" or "necrosis".
        first: what the model had marked; None if there was no model.
        model: "id", "version" and "sha256" of it.
        same_as: patient of the set ("sub-001") of whom this is another study.
        replace_known: replace the patient whose images these are; otherwise that is refused.
        simulated: whether the images are.

    Raises:
        SpineError: the patient is there already, ``same_as`` is not, the correction lies elsewhere than the image, or
            something cannot be written.
    """
    there = read_corrections(folder)
    keys = {name: image_key(volume) for name, volume in images.items()}
    known = known_as(there, keys)
    if known is not None and not replace_known:
        raise SpineError(f"This patient is in the training set already as {known.patient}; replace it, or leave it.")
    names = {one.patient: one for one in there}
    if same_as and same_as not in names:
        raise SpineError(f"There is no patient '{same_as}' in the training set; 'spine learn list' shows those there.")
    number = known.number if known else max((one.number for one in there), default=0) + 1
    name = known.patient if known else f"sub-{number:03d}"
    person = names[same_as].person if same_as else known.person if known else name
    grid = next(iter(images.values()))
    check_on_image(corrected, grid, "corrected")
    lesions = resample_like(corrected, grid, nearest=True).array
    before = None if first is None else (resample_like(first, grid, nearest=True).array > 0).astype(np.uint8)
    told = Correction(
        name,
        person,
        number,
        keys,
        label,
        int(np.unique(lesions[lesions > 0]).size),
        simulated,
        {key: str(model[key]) for key in _FACTS if key in model} if model else {},
        None if before is None else first_result(before, lesions),
    )
    masks = {label: lesions} | ({} if before is None else {"first": before})
    _make(folder)
    with staged(folder) as part:
        _write(part, name, images, {key: bare(grid.with_array(array)) for key, array in masks.items()}, told)
        _take_away(folder, name, part / "former")
        for inner in (f"derivatives/labels/{name}", name):  # the images last: they make it a patient
            (folder / inner).parent.mkdir(parents=True, exist_ok=True)
            os.replace(part / inner, folder / inner)
    _describe(folder)
    return told


def remove_patient(folder: Path, name: str) -> None:
    """Remove a patient from the training set, files and all.

    Raises:
        SpineError: there is none of that name, or its files cannot be removed.
    """
    there = read_corrections(folder)
    if name not in {one.patient for one in there}:
        raise SpineError(f"There is no patient '{name}' in the training set; 'spine learn list' shows those there.")
    heirs = [one for one in there if one.person == name and one.patient != name]
    try:
        for one in heirs:  # another study of the same person keeps its company
            write_text(correction_path(folder, one.patient), json_text(replace(one, person=heirs[0].patient).to_dict()))
        with staged(folder) as part:
            _take_away(folder, name, part)
        work = folder / "learning" / "prepared"
        for prepared in work.glob(f"*/{name}"):
            shutil.rmtree(prepared)
    except OSError as error:
        raise SpineError(f"'{name}' cannot be removed: {error.strerror}.") from error
    _describe(folder)


def first_result(first: np.ndarray, corrected: np.ndarray) -> FirstResult:
    """How far a mask is from what somebody made of it, lesion ids; both (k, j, i)."""
    dice = overlap(corrected, first).dice
    matches = lesion_matches(corrected, first)
    return FirstResult(
        None if np.isnan(dice) else round(dice, 4),
        added=len(matches.missed),
        removed=len(matches.false_positives),
        kept=len(matches.found),
    )


def bare(volume: Volume) -> Volume:
    """Voxels and grid alone."""
    return Volume(volume.array, volume.spacing, volume.origin, volume.direction)


def _write(root: Path, name: str, images: Mapping[str, Volume], masks: Mapping[str, Volume], told: Correction) -> None:
    place = Place(root, name)
    for inner in (place.images, place.labels):
        inner.mkdir(parents=True, exist_ok=True)
    for sequence, volume in images.items():
        write_volume(bare(volume), place.image(sequence, _ENDING))
    for key, mask in masks.items():
        write_volume(mask, place.label(key, _ENDING))
    write_text(correction_path(root, name), json_text(told.to_dict()))


def _take_away(folder: Path, name: str, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for number, inner in enumerate((name, f"derivatives/labels/{name}")):
        if (folder / inner).exists():
            os.replace(folder / inner, target / f"{number}-{name}")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpineError(f"The folder of the training set cannot be made: {error.strerror}.") from error
    if any(folder.iterdir()) and not (folder / DESCRIPTION).is_file():
        raise SpineError("The folder holds something else than a training set; choose another one.")
    if not (folder / DESCRIPTION).is_file():
        _describe(folder)


def _describe(folder: Path) -> None:
    """What is said of the set: it is called simulated when any of its patients is, and each patient for itself."""
    there = read_corrections(folder)
    simulated = any(one.simulated for one in there)
    about = {"Name": "Corrected patients", "BIDSVersion": "1.9.0", "DatasetType": "raw", "Simulated": simulated}
    write_text(folder / DESCRIPTION, json_text(about))
    rows = [f"{one.patient}\t{str(one.simulated).lower()}" for one in there]
    write_text(folder / PARTICIPANTS, "\n".join(["participant_id\tsimulated", *rows]) + "\n")
