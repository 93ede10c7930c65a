"""Axial slices with the boxes of their lesions, on disk and memory-mapped: from a cohort of CTs, or from DeepLesion."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLab.training.dataset import prepare_each
from SpineLib.cohort.ct import CtCase
from SpineLib.errors import SpineError
from SpineLib.preprocess.ct_slices import AxialSlices, SlicePreparation, axial_slices
from SpineLib.progress import Progress, silent
from SpineLib.volume.volume import Volume

_VERSION = 1
#: A lesion's part in a slice that is smaller than this is not told from noise, mm.
_SMALLEST_MM = 3.0
#: Columns of :attr:`SliceCase.boxes`.
SLICE, X0, Y0, X1, Y1, LESION = range(6)


@dataclass(frozen=True, eq=False)
class SliceCase:
    """One patient, or one key slice of DeepLesion, in the cache; images are memory maps.

    Attributes:
        name: "sub-001".
        folder: where it lies in the cache.
        images: uint8 (n, rows, columns), windowed.
        boxes: float32 (m, 6) of slice, x0, y0, x1, y1 (edges in pixels), lesion's id.
        spine: int32 (k, 3), places (slice, y, x) on vertebrae, or in the image's middle where they are not known.
        known: bool (n,), slices whose lesions are all in ``boxes``.
    """

    name: str
    folder: Path
    images: np.ndarray
    boxes: np.ndarray
    spine: np.ndarray
    known: np.ndarray

    def boxes_of(self, number: int) -> np.ndarray:
        """(m, 4) of a slice."""
        return self.boxes[self.boxes[:, SLICE] == number, X0:LESION]

    def stack(self, number: int) -> np.ndarray:
        """A slice between its two neighbours, uint8 (3, rows, columns), as ``AxialSlices.stack``."""
        last = len(self.images) - 1
        return self.images[[max(number - 1, 0), number, min(number + 1, last)]]


def cases_cache(folder: Path, preparation: SlicePreparation, root: Path | None = None) -> Path:
    """The folder of the cases of a data set prepared in this way, beside it unless ``root`` is given."""
    key = json.dumps([_VERSION, str(folder.resolve()), preparation.to_dict()])
    root = root or folder.resolve().with_name(folder.resolve().name + "-prepared")
    return root / f"ct-slices-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def prepare_slice_cases(
    cases: list[CtCase], preparation: SlicePreparation, folder: Path, *, processes: int = 2, progress: Progress = silent
) -> list[SliceCase]:
    """Prepare all cases that ``folder`` does not hold yet, and open them.

    Raises:
        SpineError: a case cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    todo = [case for case in cases if not _is_current(case, folder / case.name)]
    prepare_each(prepare_slice_case, [(case, preparation, folder) for case in todo], processes, progress)
    return [open_slice_case(folder / case.name) for case in cases]


def prepare_slice_case(case: CtCase, preparation: SlicePreparation, folder: Path) -> None:
    """Prepare one case and write it to ``folder / case.name``."""
    from SpineLib.volume import read_volume

    try:
        ct = read_volume(case.ct, "CT")
        slices = axial_slices(ct, preparation)
    except SpineError as error:
        raise SpineError(f"Case {case.name}: {error}") from error
    boxes = mask_boxes(slices, read_volume(case.lesion, "lesion"))
    vertebrae = slices.of_mask(read_volume(case.intact, "vertebrae").array)
    places = np.argwhere(vertebrae)[::257].astype(np.int32)
    write_slice_case(
        folder,
        case.name,
        slices.images,
        boxes,
        places,
        np.ones(len(slices.images), bool),
        {"files": _fingerprint(case)},
    )


def mask_boxes(slices: AxialSlices, lesions: Volume) -> np.ndarray:
    """Boxes of each lesion in each slice, as :attr:`SliceCase.boxes`; parts below 3 mm in both directions are left out.

    Args:
        slices: of the CT.
        lesions: ids on the CT's own grid.
    """
    smallest = [_SMALLEST_MM / step for step in slices.spacing[1:]]
    boxes = []
    for label in np.unique(lesions.array[lesions.array > 0]):
        inside = slices.of_mask(lesions.array == label)
        for number in np.flatnonzero(inside.any(axis=(1, 2))):
            rows, columns = (np.flatnonzero(inside[number].any(axis=axis)) for axis in (1, 0))
            box = (number, columns[0], rows[0], columns[-1] + 1, rows[-1] + 1, label)
            if box[Y1] - box[Y0] >= smallest[0] or box[X1] - box[X0] >= smallest[1]:
                boxes.append(box)
    return np.array(boxes, np.float32).reshape(-1, 6)


def write_slice_case(
    folder: Path, name: str, images: np.ndarray, boxes: np.ndarray, spine: np.ndarray, known: np.ndarray, facts: dict
) -> None:
    """Write a case in one go; ``images`` 0 to 1."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as place:
        part = Path(place) / name
        part.mkdir()
        np.save(part / "images.npy", np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8))
        np.save(part / "boxes.npy", boxes)
        np.save(part / "spine.npy", spine)
        np.save(part / "known.npy", known)
        (part / "case.json").write_text(json.dumps({"name": name} | facts), encoding="utf-8")
        if (folder / name).exists():
            os.replace(folder / name, Path(place) / "old")
        os.replace(part, folder / name)


def open_slice_case(folder: Path) -> SliceCase:
    """Map a prepared case into memory."""
    name = json.loads((folder / "case.json").read_text(encoding="utf-8"))["name"]
    return SliceCase(
        name,
        folder,
        np.load(folder / "images.npy", mmap_mode="r"),
        *(np.load(folder / f"{part}.npy") for part in ("boxes", "spine", "known")),
    )


def _fingerprint(case: CtCase) -> list:
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in (case.ct, case.lesion, case.intact)]


def _is_current(case: CtCase, folder: Path) -> bool:
    try:
        kept = json.loads((folder / "case.json").read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        return False
    return kept == _fingerprint(case)
