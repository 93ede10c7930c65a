"""A cohort's CTs as axial slices on disk, memory-mapped, with the mask of the vertebrae."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLab.training.dataset import prepare_each
from SpineLib.cohort.ct import CtCase
from SpineLib.errors import SpineError
from SpineLib.progress import Progress, silent

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


def slice_cache(folder: Path, pixel_mm: float | None, left_out: Sequence[int], root: Path | None = None) -> Path:
    """The folder of the cases prepared in this way, beside the cohort unless ``root`` is given."""
    key = json.dumps([_VERSION, str(folder.resolve()), pixel_mm, list(left_out)])
    root = root or folder.resolve().with_name(folder.resolve().name + "-prepared")
    return root / f"vertebrae-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def prepare_slice_cases(
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
    todo = [case for case in cases if not _is_current(case, folder / case.name)]
    prepare_each(prepare_slice_case, [(case, pixel_mm, tuple(left_out), folder) for case in todo], processes, progress)
    return [open_slice_case(folder / case.name) for case in cases]


def prepare_slice_case(case: CtCase, pixel_mm: float | None, left_out: tuple[int, ...], folder: Path) -> None:
    """Prepare one case and write it to ``folder / case.name``."""
    from SpineLib.preprocess.ct import axial_hu
    from SpineLib.volume import read_volume

    ct, labels = read_volume(case.ct, "CT"), read_volume(case.vertebrae, "vertebrae")
    if not labels.same_grid(ct):
        raise SpineError(f"Case {case.name}: CT and labels are not on one grid; simulate or export the case again.")
    slices = axial_hu(ct, pixel_mm)
    bone = ((labels.array > 0) & ~np.isin(labels.array, left_out)).astype(np.uint8)
    mask = (slices.from_input(bone) >= 0.5).astype(np.uint8)
    if not mask.any():
        raise SpineError(f"Case {case.name} shows no vertebra; leave it out.")
    hu = np.rint(np.clip(slices.channels[0], -1024, 4000)).astype(np.int16)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as name:
        part = Path(name) / case.name
        part.mkdir()
        np.save(part / "hu.npy", hu)
        np.save(part / "mask.npy", mask)
        (part / "case.json").write_text(
            json.dumps(
                {"name": case.name, "spacing": [float(value) for value in slices.spacing], "files": _fingerprint(case)}
            ),
            encoding="utf-8",
        )
        if (folder / case.name).exists():
            os.replace(folder / case.name, Path(name) / "old")
        os.replace(part, folder / case.name)


def open_slice_case(folder: Path) -> SliceCase:
    """Map a prepared case into memory."""
    facts = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    return SliceCase(
        facts["name"],
        np.load(folder / "hu.npy", mmap_mode="r"),
        np.load(folder / "mask.npy", mmap_mode="r"),
        tuple(facts["spacing"]),
    )


def _fingerprint(case: CtCase) -> list:
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in (case.ct, case.vertebrae)]


def _is_current(case: CtCase, folder: Path) -> bool:
    try:
        kept = json.loads((folder / "case.json").read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        return False
    return kept == _fingerprint(case)
