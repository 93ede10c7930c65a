"""DICOM folders: which series they hold, and one of them as a volume."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.dicom_header import numbers_of, read_header, text_of
from SpineLib.volume.fat_shift import fat_shift, fields_of_dicom
from SpineLib.volume.itk import from_sitk
from SpineLib.volume.told import FAT_SHIFT, MODALITY
from SpineLib.volume.volume import Volume

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True)
class DicomSeries:
    """One series of a folder; nothing in it identifies the patient except the UID, which no message shows."""

    uid: str
    number: str
    description: str
    modality: str
    files: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One line for a list the user chooses from."""
        description = self.description or "no description"
        return f"{self.number or '?'}: {description} ({self.modality}, {len(self.files)} slices)"


def list_dicom_series(folder: str | Path) -> list[DicomSeries]:
    """The series of images in a folder (not in folders below it), by number.

    Raises:
        SpineError: no permission, or no DICOM image there.
    """
    return [series for series, _ in _scan(folder)]


def _scan(folder: str | Path) -> list[tuple[DicomSeries, dict[str, Dataset]]]:
    """Each series with the headers of its files."""
    try:
        files = sorted(file for file in Path(folder).iterdir() if file.is_file())
        headers = {str(file): _header(file) for file in files}
    except OSError as error:
        raise SpineError("The folder of DICOM files cannot be read; check its path and your permissions.") from error
    found: dict[str, dict[str, Dataset]] = defaultdict(dict)
    for file, header in headers.items():
        if header is not None:
            found[text_of(header, "SeriesInstanceUID")][file] = header
    if not found:
        raise SpineError("The folder holds no DICOM images; choose the folder with the slices themselves.")
    series = []
    for uid, slices in found.items():
        first = next(iter(slices.values()))
        said = (text_of(first, keyword) for keyword in ("SeriesNumber", "SeriesDescription", "Modality"))
        series.append((DicomSeries(uid, *said, tuple(slices)), slices))
    return sorted(series, key=lambda one: (int(one[0].number) if one[0].number.isdigit() else 10**9, one[0].uid))


def _header(file: Path) -> Dataset | None:
    """The header of an image slice; None for other files (reports, DICOMDIR, text)."""
    with open(file, "rb") as stream:
        if stream.read(132)[128:] != b"DICM":
            return None
    try:
        header = read_header(file)
    except SpineError as error:
        raise SpineError("A slice of the DICOM folder is damaged or incomplete; export it again.") from error
    # Anonymised series may have their UID blanked; the element is still there.
    return header if text_of(header, "ImagePositionPatient") and "SeriesInstanceUID" in header else None


def ordered_series(folder: str | Path, series: str | None = None, name: str = "") -> tuple[DicomSeries, np.ndarray]:
    """One series with its files along the slices' normal, and the vector from slice to slice (LPS, mm).

    Arguments and errors are those of :func:`read_dicom`; the voxels are not looked at.
    """
    found = _scan(folder)
    fitting = [one for one in found if series is None or series in (one[0].uid, one[0].number)]
    if len(fitting) != 1:
        listed = "; ".join(one.summary for one, _ in fitting or found)
        count = len(fitting) or f"no series '{series[:64]}' but {len(found)}"
        raise SpineError(f"The folder holds {count} DICOM series, choose one by its number (folder#3): {listed}.")
    [(chosen, headers)] = fitting
    files, step = _in_order(headers, name or "DICOM")
    return replace(chosen, files=tuple(files)), step


def read_dicom(folder: str | Path, series: str | None = None, name: str = "") -> Volume:
    """Read one series of a folder.

    Args:
        folder: where the slices lie.
        series: UID or number of the series; needed when the folder holds several.
        name: label of the volume for messages.

    Raises:
        SpineError: several series and none chosen (the message lists them), slices missing, unevenly spaced or tilted
            against each other (gantry tilt), unreadable.
    """
    import SimpleITK as sitk

    chosen, step = ordered_series(folder, series, name)
    files = list(chosen.files)
    label = f"The {name} series" if name else "The DICOM series"
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames(files)
    try:
        volume = from_sitk(reader.Execute(), name=name, label=label)
    except RuntimeError as error:
        message = f"{label} cannot be read: a slice is damaged or unlike the others; export it again."
        raise SpineError(message) from error
    if len(files) > 1:
        direction = volume.direction.copy()
        direction[:, 2] = step / np.linalg.norm(step)
        volume = replace(volume, spacing=(*volume.spacing[:2], float(np.linalg.norm(step))), direction=direction)
    told = fat_shift(fields_of_dicom(read_header(files[0])), volume.direction, volume.spacing, volume.shape[::-1])
    return replace(volume, meta={MODALITY: chosen.modality, FAT_SHIFT: told})


def _in_order(headers: dict[str, Dataset], name: str) -> tuple[list[str], np.ndarray]:
    """The files along the slices' normal, and the vector from slice to slice (LPS, mm)."""
    files = list(headers)
    orientations = np.array([_numbers(headers[file], "ImageOrientationPatient", 6) for file in files])
    positions = np.array([_numbers(headers[file], "ImagePositionPatient", 3) for file in files])
    if np.abs(orientations - orientations[0]).max() > 1e-3:
        raise SpineError(f"The {name} series holds slices of unlike orientation; choose a series of parallel slices.")
    normal = np.cross(orientations[0, :3], orientations[0, 3:])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    files, positions, along = [files[n] for n in order], positions[order], along[order]
    if len(files) == 1:
        return files, normal
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    if gaps.min() < 1e-3:
        raise SpineError(f"The {name} series holds several images of each place (times, echoes); choose another.")
    if np.abs(gaps - usual).max() > max(0.05 * usual, 0.02):
        missing = int(np.rint(gaps / usual - 1).clip(0).sum())
        if missing:
            raise SpineError(f"The {name} series lacks {missing} of its slices; export it again, complete.")
        raise SpineError(f"The slices of the {name} series are unevenly spaced; use an evenly spaced series.")
    step = (positions[-1] - positions[0]) / (len(files) - 1)
    tilt = np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1)))
    if tilt > 0.5:
        raise SpineError(f"The {name} series was taken with a tilted gantry ({tilt:.0f} degrees); correct that first.")
    return files, step


def _numbers(header: Dataset, keyword: str, count: int) -> list[float]:
    values = numbers_of(header, keyword, count)
    if values is None:
        raise SpineError("The DICOM series lacks the position or orientation of a slice; export it again.")
    return values
