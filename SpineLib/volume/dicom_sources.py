"""The slices of a DICOM series as objects that are derived from it refer to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.dicom import ordered_series, read_dicom
from SpineLib.volume.dicom_header import read_header
from SpineLib.volume.reading import folder_and_series
from SpineLib.volume.volume import Volume

_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID", "FrameOfReferenceUID")
#: Attributes of patient and study that may be empty but must be there (type 2) where the source leaves them out.
_MAY_BE_EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)


@dataclass(frozen=True, eq=False)
class DicomSources:
    """A series.

    Attributes:
        image: its voxels.
        slices: the header and pixels of each file (``pydicom.Dataset``), along the image's k axis.
    """

    image: Volume
    slices: Sequence

    @property
    def series_number(self) -> int:
        """The largest of its files; 0 where they have none."""
        numbers = [int(one.SeriesNumber) for one in self.slices if one.get("SeriesNumber") is not None]
        return max(numbers, default=0)


def read_sources(series: str | Path) -> DicomSources:
    """The series in ``series`` (a folder, or ``folder#3``).

    Raises:
        SpineError: there is none, it holds multi-frame images, or it lacks UIDs that must be referred to.
    """
    folder, number = folder_and_series(Path(series))
    chosen, _ = ordered_series(folder, number)
    image = read_dicom(folder, chosen.key)
    inverse = np.linalg.inv(image.ijk_to_lps)

    def place(source) -> float:
        return float((inverse @ [*map(float, source.ImagePositionPatient), 1.0])[2])

    return DicomSources(image, sorted((_source(file) for file in chosen.files), key=place))


def _source(file: str):
    """A slice's attributes, complete as far as others refer to them."""
    source = read_header(file, pixels=True)
    if "NumberOfFrames" in source:
        raise SpineError("The series holds multi-frame images; export it as single slices for DICOM objects.")
    if not all(source.get(keyword) for keyword in _UIDS):
        raise SpineError(
            "The DICOM series lacks UIDs that a DICOM SEG must refer to (de-identified series may have "
            "them blanked); export it again with its UIDs kept or replaced."
        )
    for keyword in _MAY_BE_EMPTY:
        if keyword not in source:
            setattr(source, keyword, None)
    return source
