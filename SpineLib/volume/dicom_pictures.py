"""The pictures in DICOM files: single slices and the frames of multi-frame objects, each with its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.errors import SpineError
from SpineLib.volume.dicom_header import (
    decimals_of,
    frames_of,
    items_of,
    numbers_of,
    read_header,
    text_of,
    value_of,
    whole_of,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: What tells images of one place apart, in the words of a list: echo, time, kind of image ...
_APART = {
    "ImageType": "kind",
    "FrameType": "kind",
    "EchoTime": "echo time",
    "EffectiveEchoTime": "echo time",
    "EchoNumbers": "echo",
    "InversionTime": "inversion time",
    "FlipAngle": "flip angle",
    "DiffusionBValue": "b value",
    "TemporalPositionIdentifier": "time",
    "TemporalPositionIndex": "time",
    "TriggerTime": "trigger time",
    "AcquisitionNumber": "acquisition",
    "StackID": "stack",
}
_PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices")
_VALUES = ("RescaleSlope", "RescaleIntercept")
_SERIES = ("SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality", "FrameOfReferenceUID")
_PIXELS = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
#: Sequences in the group of a frame that hold one item, with what is looked for.
_MACROS = (
    "PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence", "FrameContentSequence",
    "MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "MREchoSequence", "MRTimingAndRelatedParametersSequence",
    "MRModifierSequence", "MRDiffusionSequence", "TemporalPositionSequence", "CardiacSynchronizationSequence",
)  # fmt: skip
_READ = (
    *_SERIES, *_PIXELS, *_PLACE, *_VALUES, *_APART, *_GROUPS, "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID",
    "InstanceNumber", "ImagesInAcquisition", "NumberOfFrames", "PhotometricInterpretation", "PatientID",
    "ModalityLUTSequence",
)  # fmt: skip
#: Objects that are about images and no images.
_NO_IMAGES = ("SEG", "SR", "PR", "KO", "REG", "RTSTRUCT", "RTPLAN", "RTRECORD", "RTDOSE", "DOC", "PLAN", "ANN", "M3D")
#: SOP classes of images: MR, CT, PET, each also enhanced or converted to that.
_IMAGES = tuple(f"1.2.840.10008.5.1.4.1.1.{one}" for one in ("2", "2.1", "2.2", "4", "4.1", "4.3", "4.4", "128", "130"))


@dataclass(frozen=True)
class Picture:
    """One slice.

    Attributes:
        file: where it is.
        frame: its number in a file of many frames, from 0; None of a file with one.
        series: UID; number, description and modality of the series as they stand there.
        uid: of the object; "" where it has none.
        instance: its number in the series, None where it has none.
        position: centre of the first pixel, LPS, mm; None where it is not told.
        orientation: direction of the rows, then of the columns, LPS (6); None where it is not told.
        spacing: between rows, and between columns, mm; None where it is not told.
        gap: distance to the next slice as the header has it, mm, 0 where it has none.
        decimals: with which the position is given.
        size: rows, columns.
        stored: bits allocated, stored, highest bit, and 1 where they are signed.
        samples: values a pixel; None where that is malformed.
        rescale: slope and intercept; None where they are malformed.
        scaled: whether a slope or intercept is told.
        tabled: whether its values are numbers of a table: of colours, or of another unit (Modality LUT).
        patient: ID of the patient, "" where it was blanked; to compare, never to show.
        space: UID of the frame of reference that its place is in.
        inverted: whether the smallest value is to be shown white.
        apart: what tells it from other images of its place.
        expected: how many images its acquisition had, 0 where it is not told.
    """

    file: str
    frame: int | None
    series: tuple[str, str, str, str]
    uid: str
    instance: int | None
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    gap: float
    decimals: int
    size: tuple[int, int]
    stored: tuple[int, int, int, int]
    samples: int | None
    rescale: tuple[float, float] | None
    scaled: bool
    tabled: bool
    patient: str
    space: str
    inverted: bool
    apart: Mapping[str, str] = field(default_factory=dict)
    expected: int = 0


def pictures_of(file: str | Path) -> list[Picture] | str:
    """The pictures of a DICOM file, or, of one that holds none, its modality ("SR"; "" of a DICOMDIR).

    Raises:
        SpineError: it cannot be read.
    """
    header = read_header(file, _READ)
    modality = text_of(header, "Modality")
    if modality in _NO_IMAGES:
        return modality
    if not (whole_of(header, "Rows") and whole_of(header, "Columns")):
        stored = text_of(header, "SOPClassUID") or text_of(header.file_meta, "MediaStorageSOPClassUID")
        if stored in _IMAGES or not stored:
            raise SpineError("A DICOM file ends before its pixels; export the series again.")
        return modality
    groups = items_of(header, "PerFrameFunctionalGroupsSequence")
    if not groups:
        frames = frames_of(header)
        if frames > 1:  # of before the enhanced objects: no frame has a place of its own
            return [_picture(file, number, header, [], {"position": None}) for number in range(frames)]
        return [_picture(file, None, header, [header], {})]
    shared = items_of(header, "SharedFunctionalGroupsSequence")[:1]
    if len(groups) != frames_of(header):
        raise SpineError("A DICOM file says how many frames it holds in two ways; export it again.")
    return [_picture(file, number, header, [frame, *shared], {}) for number, frame in enumerate(groups)]


def _picture(file: str | Path, frame: int | None, header: Dataset, groups: list[Dataset], given: dict) -> Picture:
    """``groups``: where the place is looked for, the first one that has it counts."""

    def where(keyword: str) -> Dataset | None:
        return next((found for group in groups if (found := _holder(group, keyword)) is not None), None)

    def numbers(keyword: str, count: int) -> tuple[float, ...] | None:
        holder = where(keyword)
        found = None if holder is None else numbers_of(holder, keyword, count)
        return None if found is None else tuple(found)

    placed = where("ImagePositionPatient")
    gap = numbers("SpacingBetweenSlices", 1) or numbers("SliceThickness", 1) or (0.0,)
    told = [_rescale(groups, keyword, math.nan) for keyword in _VALUES]
    rescale = [usual if one is not None and math.isnan(one) else one for one, usual in zip(told, (1.0, 0.0))]
    values = {
        "file": str(file),
        "frame": frame,
        "series": tuple(text_of(header, keyword) for keyword in _SERIES[:4]),
        "uid": text_of(header, "SOPInstanceUID"),
        "instance": whole_of(header, "InstanceNumber") if frame is None else frame + 1,
        "position": numbers("ImagePositionPatient", 3),
        "orientation": numbers("ImageOrientationPatient", 6),
        "spacing": numbers("PixelSpacing", 2),
        "gap": abs(gap[0]),
        "decimals": 9 if placed is None else decimals_of(placed, "ImagePositionPatient"),
        "size": (whole_of(header, "Rows") or 0, whole_of(header, "Columns") or 0),
        "stored": tuple(whole_of(header, keyword) or 0 for keyword in _PIXELS[3:]),
        "samples": whole_of(header, "SamplesPerPixel") if "SamplesPerPixel" in header else 1,
        "rescale": None if None in rescale else tuple(rescale),
        "scaled": not all(one is not None and math.isnan(one) for one in told),
        "tabled": text_of(header, "PhotometricInterpretation") == "PALETTE COLOR"
        or bool(items_of(header, "ModalityLUTSequence")),
        "patient": text_of(header, "PatientID"),
        "space": text_of(header, "FrameOfReferenceUID"),
        "inverted": text_of(header, "PhotometricInterpretation") == "MONOCHROME1",
        "apart": {
            keyword: text_of(holder, keyword)
            for keyword in _APART
            if (holder := where(keyword)) is not None and text_of(holder, keyword)
        },
        "expected": whole_of(header, "ImagesInAcquisition") or 0,
    }
    return Picture(**(values | given))


def _rescale(groups: list[Dataset], keyword: str, usual: float) -> float | None:
    """The slope or intercept, the usual one where none is told; None where what is told is no number."""
    for group in groups:
        for place in (group, *items_of(group, "PixelValueTransformationSequence")[:1]):
            if keyword in place and place.get_item(keyword).value not in (None, "", b""):
                told = numbers_of(place, keyword, 1)
                return None if told is None else told[0]
    return usual


def apart_words(keyword: str) -> str:
    """What a keyword of :attr:`Picture.apart` is called."""
    return _APART[keyword]


def _holder(group: Dataset, keyword: str) -> Dataset | None:
    """Who has the element: the group, or the first item of one of its sequences (a macro)."""
    if value_of(group, keyword) is not None:
        return group
    macros = (item for macro in _MACROS for item in items_of(group, macro)[:1])
    return next((item for item in macros if value_of(item, keyword) is not None), None)
