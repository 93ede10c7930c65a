"""Axial slices with the boxes of their lesions, on disk and memory-mapped: from a cohort of CTs, or from DeepLesion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLab.training.cases import fingerprint, folder_beside, is_current, prepare_each, read_case, write_case
from SpineLib.cohort.ct import CtCase
from SpineLib.cohort.masks import check_on_image
from SpineLib.errors import SpineError
from SpineLib.preprocess.ct_slices import AxialSlices, SlicePreparation, axial_slices
from SpineLib.progress import Progress, silent
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.segments import read_mask

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


def cache_folder(folder: Path, preparation: SlicePreparation, root: Path | None = None) -> Path:
    """The folder of the cases of a data set prepared in this way, beside it unless ``root`` is given."""
    return folder_beside(folder, "ct-slices", _VERSION, preparation.to_dict(), root=root)


def prepare_cases(
    cases: list[CtCase], preparation: SlicePreparation, folder: Path, *, processes: int = 2, progress: Progress = silent
) -> list[SliceCase]:
    """Prepare all cases that ``folder`` does not hold yet, and open them.

    Raises:
        SpineError: a case cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    todo = [case for case in cases if not is_current(folder / case.name, files=_files(case))]
    prepare_each(prepare_case, [(case, preparation, folder) for case in todo], processes, progress)
    return [open_case(folder / case.name) for case in cases]


def prepare_case(case: CtCase, preparation: SlicePreparation, folder: Path) -> None:
    """Prepare one case and write it to ``folder / case.name``."""
    try:
        ct = read_volume(case.ct, "CT")
        slices = axial_slices(ct, preparation)
    except SpineError as error:
        raise SpineError(f"Case {case.name}: {error}") from error
    boxes = mask_boxes(slices, on_ct(case.lesions(), ct, case.name, "lesion"))
    vertebrae = slices.of_mask(on_ct(read_mask(case.whole, "vertebrae"), ct, case.name, "vertebrae").array)
    places = np.argwhere(vertebrae)[::257].astype(np.int32)
    write_slices(
        folder,
        case.name,
        slices.images,
        boxes,
        places,
        np.ones(len(slices.images), bool),
        {"files": _files(case)},
    )


def on_ct(mask: Volume, ct: Volume, case: str, name: str) -> Volume:
    """A mask on the CT's own grid, nearest voxel.

    Raises:
        SpineError: it lies elsewhere.
    """
    try:
        check_on_image(mask, ct, name)
    except SpineError as error:
        raise SpineError(f"Case {case}: {error}") from error
    return resample_like(mask, ct, nearest=True)


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


def write_slices(
    folder: Path, name: str, images: np.ndarray, boxes: np.ndarray, spine: np.ndarray, known: np.ndarray, facts: dict
) -> None:
    """Write a case in one go; ``images`` 0 to 1."""
    arrays = {"images": np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)}
    write_case(folder, name, arrays | {"boxes": boxes, "spine": spine, "known": known}, facts)


def open_case(folder: Path) -> SliceCase:
    """Map a prepared case into memory."""
    return SliceCase(
        read_case(folder)["name"],
        folder,
        np.load(folder / "images.npy", mmap_mode="r"),
        *(np.load(folder / f"{part}.npy") for part in ("boxes", "spine", "known")),
    )


def _files(case: CtCase) -> list:
    return fingerprint(path for path in (case.ct, case.lesion, case.whole) if path)
