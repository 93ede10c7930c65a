"""A folder of DeepLesion (Yan et al., J. Med. Imag. 5(3), 2018): key slices of CT with measured lesions.

The folder holds ``DL_info.csv`` and ``Images_png/PATIENT_STUDY_SERIES/SLICE.png``: 16-bit pictures whose values are HU
plus 32768, the key slice of each lesion and some slices around it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SpineLib.errors import SpineError
from SpineLib.preprocess.ct import window_to_8bit
from SpineLib.progress import remark
from SpineLib.volume.told import MODALITY
from SpineLib.volume.volume import Volume

#: What is added to HU in the pictures (Miao, section II.A).
OFFSET = 32768
INFO_FILE, PICTURES = "DL_info.csv", "Images_png"
#: ``Coarse_lesion_type``; -1 in the training part, where it was not noted.
TYPES = {
    -1: "unknown",
    1: "bone",
    2: "abdomen",
    3: "mediastinum",
    4: "liver",
    5: "lung",
    6: "kidney",
    7: "soft tissue",
    8: "pelvis",
}
#: ``Train_Val_Test``.
PARTS = {1: "training", 2: "validation", 3: "test"}
_COLUMNS = (
    "File_name",
    "Key_slice_index",
    "Measurement_coordinates",
    "Bounding_boxes",
    "Lesion_diameters_Pixel_",
    "Coarse_lesion_type",
    "Possibly_noisy",
    "Slice_range",
    "Spacing_mm_px_",
    "Image_size",
    "DICOM_windows",
    "Train_Val_Test",
)


@dataclass(frozen=True)
class DeepLesionMark:
    """One lesion in its key slice; pixels are counted from 0, from the left and the top, at their centres.

    Attributes:
        box: left, top, right, bottom: the two diameters' ends and 5 pixels around, as the data set gives them.
        long_axis, short_axis: ends (x0, y0, x1, y1) of the two RECIST diameters.
        diameters_mm: of the two.
        kind: a value of :data:`TYPES`.
        noisy: whether the data set's authors doubt the mark.
    """

    box: tuple[float, float, float, float]
    long_axis: tuple[float, float, float, float]
    short_axis: tuple[float, float, float, float]
    diameters_mm: tuple[float, float]
    kind: str
    noisy: bool


@dataclass(frozen=True)
class DeepLesionImage:
    """A key slice and its lesions.

    Attributes:
        series: "000001_01_01": patient, study, series.
        slice: number of the key slice.
        folder: with the pictures of the series.
        range: first and last slice that the data set has around it.
        size: (rows, columns).
        spacing: mm between rows, columns, slices.
        window: HU of the window the radiologist had, low and high.
        part: a value of :data:`PARTS`.
        lesions: marked in this slice; others may be there unmarked.
    """

    series: str
    slice: int
    folder: Path
    range: tuple[int, int]
    size: tuple[int, int]
    spacing: tuple[float, float, float]
    window: tuple[float, float]
    part: str
    lesions: tuple[DeepLesionMark, ...]

    @property
    def patient(self) -> str:
        """Cases of one patient belong on one side of a split."""
        return self.series.partition("_")[0]

    @property
    def path(self) -> Path:
        """The key slice's picture."""
        return self.folder / f"{self.slice:03d}.png"

    def hu(self) -> np.ndarray:
        """The key slice, int32 (rows, columns), HU; rows from anterior to posterior, columns right to left."""
        return read_picture(self.path)

    def grey(self) -> np.ndarray:
        """The key slice through its own window, uint8, as the paper has it (Miao, section II.A)."""
        return window_to_8bit(self.hu(), self.window)

    def volume(self) -> Volume:
        """Those slices around the key slice that follow each other without a gap, as a CT in HU.

        Slices are numbered from cranial to caudal. The place in the patient is not known: the origin is 0.
        """
        first = last = self.slice
        while first > self.range[0] and (self.folder / f"{first - 1:03d}.png").is_file():
            first -= 1
        while last < self.range[1] and (self.folder / f"{last + 1:03d}.png").is_file():
            last += 1
        slices = [read_picture(self.folder / f"{number:03d}.png") for number in range(last, first - 1, -1)]
        if len({one.shape for one in slices}) > 1:
            raise SpineError(f"The slices of the series {self.series} have unlike sizes; get them again.")
        rows, columns, step = self.spacing
        array = np.clip(slices, -32768, 32767).astype(np.int16)
        return Volume(array, (columns, rows, step), name="CT", meta={MODALITY: "CT"})


def read_picture(path: str | Path) -> np.ndarray:
    """HU, int32 (rows, columns), of a picture of DeepLesion.

    Raises:
        SpineError: missing, unreadable, not 16-bit grey.
    """
    if not Path(path).is_file():
        raise SpineError(
            f"The picture '{Path(path).parent.name}/{Path(path).name}' of DeepLesion is missing; unpack its archive."
        )
    try:
        picture = sitk.ReadImage(str(path), imageIO="PNGImageIO")
    except RuntimeError as error:
        raise SpineError(
            f"The picture '{Path(path).parent.name}/{Path(path).name}' of DeepLesion cannot be read; get it again."
        ) from error
    if picture.GetPixelID() != sitk.sitkUInt16 or picture.GetDimension() != 2:
        raise SpineError(
            "The pictures are not of 16 bit in grey; take DeepLesion's own pictures, not a copy made for viewing."
        )
    return sitk.GetArrayFromImage(picture).astype(np.int32) - OFFSET


def read_deeplesion(
    folder: str | Path, kinds: Iterable[str] | None = None, *, noisy: bool = False, present: bool = True
) -> list[DeepLesionImage]:
    """The key slices with their lesions, in the order of their names.

    Args:
        folder: with ``DL_info.csv`` and ``Images_png``.
        kinds: values of :data:`TYPES` that are wanted, e.g. "bone" (known for validation and test parts alone); None
            takes all. Slices without a wanted lesion are left out.
        noisy: whether doubtful marks are taken.
        present: leave out slices whose picture is not there (the data set comes in 56 archives).

    Raises:
        SpineError: no such folder or file, columns or values that are not DeepLesion's, or nothing left.
    """
    folder = Path(folder)
    wanted = None if kinds is None else set(kinds)
    if wanted is not None and not wanted <= set(TYPES.values()):
        raise SpineError(
            f"'{sorted(wanted - set(TYPES.values()))[0]}' is no kind of lesion; there are {', '.join(TYPES.values())}."
        )
    grouped: dict[str, list[dict[str, str]]] = {}
    for row in _rows(folder / INFO_FILE):
        grouped.setdefault(row["File_name"], []).append(row)
    images, not_there = [], 0
    for name, rows in sorted(grouped.items()):
        try:
            image = _image(folder / PICTURES, rows)
        except (ValueError, KeyError) as error:
            raise SpineError(
                f"{INFO_FILE} has a line on '{name[:40]}' that is not DeepLesion's; get the file again."
            ) from error
        marks = tuple(
            mark for mark in image.lesions if (wanted is None or mark.kind in wanted) and (noisy or not mark.noisy)
        )
        if marks and present and not image.path.is_file():
            not_there += 1
        elif marks:
            images.append(DeepLesionImage(**{**vars(image), "lesions": marks}))
    if not images:
        raise SpineError(
            "The folder of DeepLesion holds no picture of a wanted lesion; unpack archives of Images_png into it."
        )
    if not_there:
        remark(f"Of {not_there} key slices of DeepLesion the picture is not there, as archives were not unpacked.")
    return images


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            rows = list(reader)
            columns = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpineError(
            f"There is no readable {INFO_FILE} in the folder of DeepLesion; download it beside Images_png."
        ) from error
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise SpineError(f"{INFO_FILE} lacks the column {missing[0]}; take the file that comes with DeepLesion.")
    return rows


def _image(pictures: Path, rows: list[dict[str, str]]) -> DeepLesionImage:
    """The slice that all these lines are about.

    Raises:
        ValueError, KeyError: a value is not DeepLesion's.
    """
    row = rows[0]
    series, _, number = row["File_name"].removesuffix(".png").rpartition("_")
    columns_mm, rows_mm, step = _numbers(row["Spacing_mm_px_"], 3)
    first, last = _numbers(row["Slice_range"], 2)
    columns, height = _numbers(row["Image_size"], 2)
    low, high = _numbers(row["DICOM_windows"], 2)
    if not series or int(number) != int(row["Key_slice_index"]) or not low < high or min(columns_mm, rows_mm) <= 0:
        raise ValueError(row["File_name"])
    spacing = (rows_mm, columns_mm, abs(step))  # a negative step tells how the scanner ordered its slices
    return DeepLesionImage(
        series,
        int(number),
        pictures / series,
        (int(first), int(last)),
        (int(height), int(columns)),
        spacing,
        (low, high),
        PARTS[int(row["Train_Val_Test"])],
        tuple(_mark(line, spacing) for line in rows),
    )


def _mark(row: dict[str, str], spacing: tuple[float, float, float]) -> DeepLesionMark:
    # The file counts pixels from 1.
    ends = [value - 1 for value in _numbers(row["Measurement_coordinates"], 8)]
    left, top, right, bottom = (value - 1 for value in _numbers(row["Bounding_boxes"], 4))
    long_axis, short_axis = (ends[0], ends[1], ends[2], ends[3]), (ends[4], ends[5], ends[6], ends[7])
    if not (left < right and top < bottom):
        raise ValueError(row["Bounding_boxes"])
    longest, across = (
        float(np.hypot((x1 - x0) * spacing[1], (y1 - y0) * spacing[0])) for x0, y0, x1, y1 in (long_axis, short_axis)
    )
    return DeepLesionMark(
        (left, top, right, bottom),
        long_axis,
        short_axis,
        (longest, across),
        TYPES[int(row["Coarse_lesion_type"])],
        int(row["Possibly_noisy"]) > 0,
    )


def _numbers(text: str, count: int) -> list[float]:
    values = [float(part) for part in text.split(",")]
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(text)
    return values
