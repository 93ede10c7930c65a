"""Key slices of DeepLesion as cases for Faster R-CNN; the targets are boxes around the RECIST diameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from SpineLab.training.cases import is_current
from SpineLab.training.ct_lesions.cases import (
    SliceCase,
    open_case,
    write_slices,
)
from SpineLab.training.ct_lesions.deeplesion import INFO_FILE, DeepLesionImage, read_deeplesion
from SpineLib.errors import SpineError
from SpineLib.preprocess.ct_slices import AxialSlices, SlicePreparation, axial_slices
from SpineLib.progress import Progress, silent
from SpineLib.volume.volume import Volume


def is_deeplesion(folder: Path) -> bool:
    """Whether a folder is DeepLesion's."""
    return (folder / INFO_FILE).is_file()


def chosen_images(folder: Path, kinds: Sequence[str] | None = None, only: Path | None = None) -> list[DeepLesionImage]:
    """The key slices to learn from.

    Args:
        folder: of DeepLesion.
        kinds: of lesions, e.g. "bone"; None: all.
        only: text file with names of key slices ("000001_01_01_109.png"), one a line, since DeepLesion does not say
            which bone a lesion is in; None: all.

    Raises:
        SpineError: nothing is left, or a file cannot be read.
    """
    images = read_deeplesion(folder, kinds)
    if only is None:
        return images
    try:
        names = {line.strip().removesuffix(".png") for line in only.read_text(encoding="utf-8").splitlines()}
    except (OSError, UnicodeDecodeError) as error:
        raise SpineError(
            f"The list of slices '{only.name}' cannot be read; give a text file with a name a line."
        ) from error
    images = [image for image in images if _name(image) in names]
    if not images:
        raise SpineError(
            f"None of the slices in '{only.name}' is in the folder of DeepLesion; write names as "
            "'000001_01_01_109.png'."
        )
    return images


def prepare_key_slices(
    images: Sequence[DeepLesionImage],
    preparation: SlicePreparation,
    folder: Path,
    *,
    as_given: bool = False,
    progress: Progress = silent,
) -> list[SliceCase]:
    """Prepare key slices with what is there around them, in ``folder``, unless they are there already.

    Only the key slice is learned from: lesions of the others are not marked. ``as_given`` takes each slice's own window
    and the data set's own boxes.

    Raises:
        SpineError: a picture cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for number, image in enumerate(images):
        progress(number / len(images), f"Preparing slice {number + 1} of {len(images)}")
        marks = _marks(image, as_given)
        facts: dict = {"marks": marks} | ({"window": list(image.window)} if as_given else {})
        if not is_current(folder / _name(image), **facts):
            volume, key = volume_and_key(image)
            slices = axial_slices(volume, replace(preparation, window=image.window) if as_given else preparation)
            boxes = key_boxes(slices, volume, key, image, as_given)
            known = np.zeros(len(slices.images), bool)
            known[int(boxes[0, 0])] = True
            write_slices(folder, _name(image), slices.images, boxes, np.zeros((0, 3), np.int32), known, facts)
        cases.append(open_case(folder / _name(image)))
    return cases


def patient_of(case: SliceCase) -> str:
    """DeepLesion's number of a case's patient, who belongs on one side of a split."""
    return case.name.partition("_")[0]


def volume_and_key(image: DeepLesionImage) -> tuple[Volume, int]:
    """The slices around a key slice, and its index k; a slice alone is repeated, as at a scan's end."""
    volume = image.volume()
    last = image.slice
    while last < image.range[1] and (image.folder / f"{last + 1:03d}.png").is_file():
        last += 1
    key = last - image.slice
    if volume.shape[0] == 1:
        volume = replace(volume, array=np.repeat(volume.array, 3, axis=0))
        key = 1
    return volume, key


def key_boxes(slices: AxialSlices, volume: Volume, key: int, image: DeepLesionImage, as_given: bool) -> np.ndarray:
    """What is marked in a key slice, as :attr:`SpineLab.training.ct_lesions.cases.SliceCase.boxes`."""
    marks = _marks(image, as_given)
    return np.array([_box(slices, volume, key, mark, label) for label, mark in enumerate(marks, start=1)], np.float32)


def _marks(image: DeepLesionImage, as_given: bool) -> list[list[float]]:
    return [[*(mark.box if as_given else (*mark.long_axis, *mark.short_axis))] for mark in image.lesions]


def _box(slices: AxialSlices, volume: Volume, key: int, ends: Sequence[float], label: int) -> list[float]:
    """Around the ends of both diameters, or corners of a box, as a row of ``SliceCase.boxes``."""
    x, y = ends[0::2], ends[1::2]
    corners = np.array([[min(x) - 0.5, min(y) - 0.5, key, 1], [max(x) + 0.5, max(y) + 0.5, key, 1]]).T
    low, high = (np.linalg.inv(slices.to_lps) @ volume.ijk_to_lps @ corners)[:3].T
    low, high = np.minimum(low, high), np.maximum(low, high)
    number = int(np.clip(np.rint(low[2]), 0, len(slices.images) - 1))
    return [number, *(low[:2] + 0.5), *(high[:2] + 0.5), label]


def _name(image: DeepLesionImage) -> str:
    return f"{image.series}_{image.slice:03d}"
