"""Cases to learn marks from: CT, what is marked in it, and its bones, at one voxel size; one ``.npz`` file each."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.volume import read_volume
from SpineLib.volume.volume import Volume

#: Brighter than this after smoothing is bone of some kind, HU.
_BONE_HU = 170.0


@dataclass(frozen=True, eq=False)
class MarkCase:
    """One CT.

    Attributes:
        name: of it.
        real: whether it is a patient's; then it has no lesion that is known of.
        image: float32 (z, y, x), HU; z grows to superior, y to posterior, x to the patient's left.
        target: uint8, kinds of lesions.
        vertebrae: bool.
        bones: bool, vertebrae and other bones.
    """

    name: str
    real: bool
    image: np.ndarray
    target: np.ndarray
    vertebrae: np.ndarray
    bones: np.ndarray


def case_of(name: str, real: bool, image: np.ndarray, target: np.ndarray, vertebrae: np.ndarray) -> MarkCase:
    """A case whose other bones are told by their density."""
    image = image.astype(np.float32)
    bright = ndimage.binary_closing(ndimage.gaussian_filter(image, 0.8) > _BONE_HU, iterations=2)
    pieces, count = ndimage.label(bright)
    large = np.bincount(pieces.ravel(), minlength=count + 1) > 1500
    large[0] = False
    return MarkCase(name, real, image, target.astype(np.uint8), vertebrae > 0, (vertebrae > 0) | large[pieces])


def read_cases(folder: Path) -> list[MarkCase]:
    """All cases of a folder, as :func:`write_case` writes them.

    Raises:
        SpineError: there is none, or one cannot be read.
    """
    files = sorted(path for path in folder.glob("*.npz") if not path.name.endswith(".part.npz"))
    if not files:
        raise SpineError(f"'{folder.name}' holds no case (.npz) to learn from; choose another folder.")
    found = []
    for path in files:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                parts = [arrays[key] for key in ("image", "target", "bone")]
        except (OSError, ValueError, KeyError) as error:
            raise SpineError(f"The case '{path.name}' cannot be read; make it again.") from error
        found.append(case_of(path.stem, False, *parts))
    return found


def write_case(path: Path, image: np.ndarray, target: np.ndarray, bone: np.ndarray) -> None:
    """Write a simulated case, whole or not at all."""
    unfinished = path.with_suffix(".part.npz")
    np.savez_compressed(
        unfinished, image=image.astype(np.float16), target=target.astype(np.uint8), bone=bone.astype(np.uint8)
    )
    os.replace(unfinished, path)


def real_case(ct: Path, vertebrae: Path, spacing_mm: float) -> MarkCase:
    """A patient's CT without a lesion that is known of, to paint lesions into.

    Args:
        vertebrae: labels of its vertebrae, on any grid of the same place.

    Raises:
        SpineError: a file cannot be read, or the labels lie elsewhere.
    """
    from SpineLib.tasks.ct.numbering import read_vertebrae
    from SpineLib.volume.resampling import resample_like

    image = read_volume(ct, "CT")
    labels = resample_like(read_vertebrae(vertebrae)[0], image, nearest=True)
    if not labels.array.any():
        raise SpineError(f"The vertebrae of '{ct.name}' do not lie in it; choose those of this CT.")
    grid = ColumnGrid.of(image, (spacing_mm,) * 3)
    bone = _on(labels.with_array((labels.array > 0).astype(np.float32)), spacing_mm) > 0.5
    name = hashlib.sha256(str(ct.resolve()).encode()).hexdigest()[:6]
    return case_of(f"real-{name}", True, grid.image, np.zeros(grid.image.shape, np.uint8), bone)


def _on(volume: Volume, spacing_mm: float) -> np.ndarray:
    return ColumnGrid.of(volume, (spacing_mm,) * 3).image
