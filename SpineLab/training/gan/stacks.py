"""The slices of vertebrae that a GAN is trained on, from labels of the column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from SpineLab.training.labels import SACRUM, label_key, thinned
from SpineLib.errors import SpineError
from SpineLib.geometry.signed_distance import sampled, signed_distance
from SpineLib.preprocess.vertebra_frame import Column, vertebra_frame
from SpineLib.preprocess.vertebra_slices import PIXEL_MM, slice_grid
from SpineLib.progress import Progress, silent
from SpineLib.volume import read_volume
from SpineLib.volume.volume import Volume

#: Signed distances are kept as bytes, in this part of a millimetre.
PART_MM = 1 / 16
_VERSION = 1


@dataclass(frozen=True, eq=False)
class Stack:
    """The slices of one vertebra, from the lowest to the highest.

    Attributes:
        patient: whose it is: a label file, or a case of a cohort.
        label: the vertebra's number.
        simulated: whether the patient is.
        distances: (n, 64, 64) int8, signed distance to the border in 1/16 mm, negative inside, cut at 8 mm.
    """

    patient: str
    label: int
    simulated: bool
    distances: np.ndarray

    @property
    def areas_cm2(self) -> np.ndarray:
        """Of the vertebra in each slice, (n,)."""
        return (self.distances < 0).sum(axis=(1, 2)) * PIXEL_MM**2 / 100

    def images(self) -> np.ndarray:
        """(n, 64, 64), float32, as ``slice_images`` makes them."""
        return images_of(self.distances)


def images_of(distances: np.ndarray) -> np.ndarray:
    """Images 0..1 of distances in 1/16 mm."""
    return np.clip(0.5 - distances.astype(np.float32) * (PART_MM / PIXEL_MM), 0.0, 1.0)


def as_bytes(distance: np.ndarray) -> np.ndarray:
    """Signed distances in mm as a stack keeps them."""
    return np.clip(np.rint(distance / PART_MM), -127, 127).astype(np.int8)


def stacks_of(labels: Volume, patient: str, *, simulated: bool) -> list[Stack]:
    """All whole vertebrae of a labelmap; those that the image's border may cut, and the sacrum, are left out."""
    labels = thinned(labels)
    column, stacks = Column.of(labels), []
    for number, box in column.boxes.items():
        cut = any(part.start == 0 or part.stop == size for part, size in zip(box, labels.shape))
        if cut or number in SACRUM:
            continue
        around = column.around(number, 9.0)
        mask = around.with_array((around.array == number).astype(np.uint8))
        grid = slice_grid(vertebra_frame(column, number), mask, margin_mm=0.0)
        distance = signed_distance(mask)
        stacks.append(Stack(patient, number, simulated, as_bytes(sampled(distance, grid, 30.0))))
    return stacks


def read_stacks(files: Sequence[tuple[str, Path, bool]], cache: Path, progress: Progress = silent) -> list[Stack]:
    """The vertebrae of label files, prepared once and kept.

    Args:
        files: patient, label file, whether it is simulated.
        cache: folder that gets one file for each label file.

    Raises:
        SpineError: a file cannot be read, or none shows a whole vertebra.
    """
    cache.mkdir(parents=True, exist_ok=True)
    stacks = []
    for n, (patient, path, simulated) in enumerate(files):
        progress(n / len(files), f"Cutting the vertebrae of {patient} into slices.")
        kept = cache / f"{label_key(path, _VERSION)}.npz"
        if not kept.is_file():
            found = stacks_of(read_volume(path, "label"), patient, simulated=simulated)
            temporary = kept.with_name("part-" + kept.name)
            arrays: dict[str, Any] = {str(stack.label): stack.distances for stack in found}
            np.savez_compressed(temporary, **arrays)
            temporary.replace(kept)
        with np.load(kept, allow_pickle=False) as stored:
            stacks += [Stack(patient, int(label), simulated, stored[label]) for label in stored.files]
    if not stacks:
        raise SpineError(
            "None of the label files shows a whole vertebra; give labels of the column, a number for each vertebra."
        )
    return stacks
