"""Plain folders: one folder a patient, its files told by their names ("T1.nii.gz", "t2_tse/", "mask.seg.nrrd")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from SpineLab.cohort.writer import Patient, Source
from SpineLib.cohort.masks import check_on_image, read_lesions, vertebrae_on
from SpineLib.errors import SpineError
from SpineLib.progress import remark
from SpineLib.sequences import SEQUENCES
from SpineLib.volume import read_volume
from SpineLib.volume.dicom_seg_reading import is_dicom_seg
from SpineLib.volume.formats import suffix_of

_MASK = re.compile(r"mask|label|l(?:e|ä|a\u0308|ae)sion|metast|tumou?r|\bseg\b|segmentation|mets", re.IGNORECASE)
_BONES = re.compile(r"vertebra|\bvert\b|bone", re.IGNORECASE)
_CT = re.compile(r"(?<![a-z])ct(?![a-z])", re.IGNORECASE)


def plain_source(folder: Path) -> Source:
    """All folders of a folder.

    Raises:
        SpineError: there is none.
    """
    patients = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not patients:
        raise SpineError(
            "The folder holds no folders of patients; each patient needs one with its images and its mask."
        )
    return Source(
        f"Patients of the folder {folder.resolve().name}",
        "one's own",
        tuple((path.name, partial(_read, path)) for path in patients),
    )


def _read(folder: Path) -> Patient:
    images: dict[str, list[Path]] = {}
    masks: list[Path] = []
    bones: list[Path] = []
    aside: list[Path] = []
    for path in sorted(folder.iterdir()):
        words = path.name[: -len(suffix_of(path))] if suffix_of(path) else path.stem
        if path.name.startswith(".") or not (path.is_dir() or suffix_of(path) or is_dicom_seg(path)):
            continue
        spaced = words.replace("_", " ")
        if is_dicom_seg(path) or path.name.lower().endswith(".seg.nrrd") or _MASK.search(spaced):
            (bones if _BONES.search(spaced) else masks).append(path)
        elif _BONES.search(spaced) and not path.is_dir():
            bones.append(path)
        elif key := _sequence(words):
            images.setdefault(key, []).append(path)
        else:
            aside.append(path)
    for key, files in images.items():
        if len(files) > 1:
            raise SpineError(f"it has {len(files)} {key} images ({_named(files)}); leave one")
    if not images:
        raise SpineError("no image whose name says its sequence (T1, T2, STIR, ceT1) or CT")
    if "CT" in images and len(images) > 1:
        raise SpineError(f"it has a CT and MR images ({_named(one[0] for one in images.values())}); give each a folder")
    if len(masks) != 1:
        raise SpineError(f"it has {len(masks)} masks ({_named(masks)}); give one, called 'mask' or 'lesion'")
    if len(bones) > 1:
        raise SpineError(f"it has {len(bones)} masks of vertebrae ({_named(bones)}); leave one")
    chosen = {key: files[0] for key, files in images.items()}
    first = next(iter(chosen))
    image = read_volume(chosen[first], first)
    lesions = read_lesions(masks[0])
    check_on_image(lesions, image)
    labels = {"lesion": lesions}
    if bones:
        labels["vertebrae"] = vertebrae_on(bones[0], image)
    if aside:
        remark(f"Of {folder.name} were left aside, as their names say neither a sequence nor a mask: {_named(aside)}.")
    return Patient(folder.name, chosen, labels, "ct" if "CT" in chosen else "anat")


def _named(files: Iterable[Path]) -> str:
    return ", ".join(file.name for file in files) or "none"


def _sequence(words: str) -> str | None:
    text = words.lower().replace("_", " ")
    if _CT.search(text):
        return "CT"
    if re.search(r"ce[ -]?t1|t1[ -]?(ce|gd|km|c\+)|contrast", text):
        return "ceT1"
    matching = [one for one in SEQUENCES.values() if one.words is not None and one.words.search(text)]
    outweighing = [one for one in matching if one.outweighs] or matching
    return outweighing[0].name if len(outweighing) == 1 else None
