"""A cohort's CTs as axial slices on disk, memory-mapped, with the mask of the vertebrae."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLab.training.cases import fingerprint, folder_beside, is_current, prepare_each, read_case, write_case
from SpineLib.cohort.ct import CtCase
from SpineLib.cohort.masks import vertebrae_on
from SpineLib.errors import SpineError
from SpineLib.preprocess.ct import axial_hu
from SpineLib.progress import Progress, silent
from SpineLib.volume import read_volume
from SpineLib.volume.resampling import resample_like

_VERSION = 1


@dataclass(frozen=True, eq=False)
class SliceCase:
    """One case in the cache; arrays are memory maps.

    Attributes:
        name: "sub-001".
        hu: int16 (z, y, x), from cranial to caudal.
        mask: uint8 (z, y, x), 1 is vertebra.
        spacing: mm along (z, y, x).
    """

    name: str
    hu: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, float, float]


def cache_folder(folder: Path, pixel_mm: float | None, left_out: Sequence[int], root: Path | None = None) -> Path:
    """The folder of the cases prepared in this way, beside the cohort unless ``root`` is given."""
    return folder_beside(folder, "vertebrae", _VERSION, pixel_mm, list(left_out), root=root)


def prepare_cases(
    cases: Sequence[CtCase],
    pixel_mm: float | None,
    left_out: Sequence[int],
    folder: Path,
    *,
    processes: int = 2,
    progress: Progress = silent,
) -> list[SliceCase]:
    """Prepare all cases that ``folder`` does not hold yet, and open them.

    Raises:
        SpineError: a case cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    todo = [case for case in cases if not is_current(folder / case.name, files=_files(case))]
    prepare_each(prepare_case, [(case, pixel_mm, tuple(left_out), folder) for case in todo], processes, progress)
    return [open_case(folder / case.name) for case in cases]


def prepare_case(case: CtCase, pixel_mm: float | None, left_out: tuple[int, ...], folder: Path) -> None:
    """Prepare one case and write it to ``folder / case.name``."""
    try:
        ct = read_volume(case.ct, "CT")
        labels = resample_like(vertebrae_on(case.vertebrae, ct), ct, nearest=True)
        slices = axial_hu(ct, pixel_mm)
    except SpineError as error:
        raise SpineError(f"Case {case.name}: {error}") from error
    bone = ((labels.array > 0) & ~np.isin(labels.array, left_out)).astype(np.uint8)
    mask = (slices.from_input(bone) >= 0.5).astype(np.uint8)
    if not mask.any():
        raise SpineError(f"Case {case.name} shows no vertebra; leave it out.")
    hu = np.rint(np.clip(slices.channels[0], -1024, 4000)).astype(np.int16)
    facts = {"spacing": [float(value) for value in slices.spacing], "files": _files(case)}
    write_case(folder, case.name, {"hu": hu, "mask": mask}, facts)


def open_case(folder: Path) -> SliceCase:
    """Map a prepared case into memory."""
    facts = read_case(folder)
    return SliceCase(
        facts["name"],
        np.load(folder / "hu.npy", mmap_mode="r"),
        np.load(folder / "mask.npy", mmap_mode="r"),
        tuple(facts["spacing"]),
    )


def _files(case: CtCase) -> list:
    return fingerprint([case.ct, case.vertebrae])
