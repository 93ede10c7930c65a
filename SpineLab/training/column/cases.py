"""Cases of the column on disk: one ``.npz`` file each, on the network's grid."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.tasks.column.parts import BODY, PART_NAMES


@dataclass(frozen=True, eq=False)
class ColumnCase:
    """One image with its truth; arrays are (z, y, x), z grows to superior, y to posterior, x to the patient's left.

    Attributes:
        name: of the file.
        image: float16 or float32, HU or grey values; None where ``tissues`` are painted afresh each time.
        tissues: uint8, see :mod:`SpineLib.phantom`; None where there is an image.
        parts: uint8, numbers of :mod:`SpineLib.tasks.column.parts`.
        instances: uint8, VerSe's numbers.
        spacing: mm along (z, y, x).
        real: whether a patient's image.
        centres: (256, 3) voxels, centre of each number's body; NaN where there is none.
    """

    name: str
    image: np.ndarray | None
    tissues: np.ndarray | None
    parts: np.ndarray
    instances: np.ndarray
    spacing: tuple[float, float, float]
    real: bool
    centres: np.ndarray


def read_cases(folder: Path) -> list[ColumnCase]:
    """All cases of a folder that can be read, by name; one that is still being written is passed over.

    Raises:
        SpineError: there is none.
    """
    found = []
    for path in sorted(Path(folder).glob("*.npz")):
        try:
            found.append(read_column_case(path))
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
            continue
    if not found:
        raise SpineError(f"'{folder}' holds no case of a column; make some with 'spine phantom --column'.")
    return found


def read_column_case(path: Path) -> ColumnCase:
    """One file."""
    with np.load(path, allow_pickle=False) as file:
        held = {key: file[key] for key in file.files}
    parts, instances = held["parts"], held["instances"]
    if parts.shape != instances.shape or parts.max(initial=0) >= len(PART_NAMES):
        raise ValueError(f"{path.name} holds parts and instances that do not fit")
    spacing = tuple(float(side) for side in held["spacing"])
    return ColumnCase(
        path.stem,
        held.get("image"),
        held.get("tissues"),
        parts,
        instances,
        (spacing[0], spacing[1], spacing[2]),
        bool(held.get("real", False)),
        held["centres"] if "centres" in held else body_centres(parts, instances),
    )


def body_centres(parts: np.ndarray, instances: np.ndarray) -> np.ndarray:
    """(256, 3) voxels: mean of each number's body, of all of it where no body is left; NaN where there is nothing."""
    centres = np.full((256, 3), np.nan)
    for number in np.unique(instances):
        if number == 0:
            continue
        where = np.argwhere((instances == number) & (parts == BODY))
        if not len(where):
            where = np.argwhere(instances == number)
        centres[number] = where.mean(0)
    return centres


def write_column_case(path: Path, **arrays: np.ndarray) -> None:
    """Write one file in one go, so that a training that runs already never reads half of it."""
    temporary = path.with_name(path.name + ".part")
    with open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    temporary.replace(path)
