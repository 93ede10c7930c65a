"""Slices as DICOM files of many kinds, written with pydicom, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

#: Columns run to posterior, rows to inferior, and so slices to the right: sagittal.
SAGITTAL = (0, 1, 0, 0, 0, -1)
SPACING, GAP = (0.75, 0.5), 4.4  # between rows, between columns; between slices
COUNT, ROWS, COLUMNS = 6, 10, 12


def values(count: int = COUNT) -> np.ndarray:
    """(slices, rows, columns), each voxel another."""
    k, j, i = np.indices((count, ROWS, COLUMNS))
    return (100 + 7 * i + 11 * j + 200 * k).astype(np.int32)


def places(count: int = COUNT, gap: float = GAP, along: Sequence[float] = (-1, 0, 0)) -> np.ndarray:
    """Positions of the slices, LPS mm."""
    return np.array([-10.0, -20.0, 30.0]) + gap * np.arange(count)[:, None] * np.array(along, float)


def matrix(positions: np.ndarray | None = None, gap: float = GAP) -> np.ndarray:
    """The true 4 x 4 from index (i, j, k) to LPS mm."""
    found = np.eye(4)
    found[:3, 0] = np.array(SAGITTAL[:3]) * SPACING[1]
    found[:3, 1] = np.array(SAGITTAL[3:]) * SPACING[0]
    found[:3, 2] = (-gap, 0, 0)
    found[:3, 3] = (places() if positions is None else positions)[0]
    return found


def write_slices(
    folder: Path,
    stored: np.ndarray | None = None,
    positions: np.ndarray | None = None,
    *,
    edit: Callable[[Dataset, int], None] = lambda slice_, number: None,
    signed: Sequence[bool] | bool = False,
    syntax: str = ExplicitVRLittleEndian,
    prefix: bool = True,
    stem: str = "IM",
    number: int = 3,
    series: str | None = None,
    description: str = "t1_tse_sag",
) -> list[Path]:
    """One file a slice, and their paths in order; ``edit`` may change each before it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = values() if stored is None else stored
    positions = places(len(stored)) if positions is None else positions
    series, study, frame = series or generate_uid(), generate_uid(), generate_uid()
    files = []
    for n, picture in enumerate(stored):
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = generate_uid()
        one.PatientName, one.PatientID, one.Modality = "Doe^Jane", "4711", "MR"
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = study, series, frame
        one.SeriesNumber, one.SeriesDescription, one.InstanceNumber = number, description, n + 1
        one.ImagePositionPatient = [float(f"{value:.8g}") for value in positions[n]]
        one.ImageOrientationPatient, one.PixelSpacing, one.SliceThickness = list(SAGITTAL), list(SPACING), 4
        one.Rows, one.Columns = picture.shape
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated = one.BitsStored = 16
        one.HighBit, one.PixelRepresentation = 15, int(signed if isinstance(signed, bool) else signed[n])
        one.PixelData = picture.astype("<i2" if one.PixelRepresentation else "<u2").tobytes()
        edit(one, n)
        if syntax == RLELossless:
            one.compress(RLELossless)
        file = folder / f"{stem}{(7 * n) % 97:03}"
        one.save_as(file, enforce_file_format=True)
        if not prefix:
            file.write_bytes(file.read_bytes()[132:])
        files.append(file)
    return files


def write_frames(
    file: Path,
    stored: np.ndarray | None = None,
    positions: np.ndarray | None = None,
    *,
    rescale: Sequence[tuple[float, float]] | tuple[float, float] | None = None,
    edit: Callable[[Dataset], None] = lambda whole: None,
    groups: Sequence[Callable[[Dataset], None]] = (),
) -> None:
    """One enhanced MR file with a frame for each slice; ``groups``: what else stands in the group of each frame."""
    stored = values() if stored is None else stored
    positions = places(len(stored)) if positions is None else positions
    whole = Dataset()
    whole.file_meta = FileMetaDataset()
    whole.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    whole.file_meta.MediaStorageSOPClassUID = whole.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    whole.file_meta.MediaStorageSOPInstanceUID = whole.SOPInstanceUID = generate_uid()
    whole.Modality, whole.SeriesNumber, whole.SeriesDescription, whole.InstanceNumber = "MR", 7, "t2_sag", 1
    whole.StudyInstanceUID, whole.SeriesInstanceUID, whole.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    whole.NumberOfFrames, whole.Rows, whole.Columns = stored.shape
    whole.SamplesPerPixel, whole.PhotometricInterpretation = 1, "MONOCHROME2"
    whole.BitsAllocated = whole.BitsStored = 16
    whole.HighBit, whole.PixelRepresentation = 15, 0
    shared = Dataset()
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=list(SAGITTAL))]
    shared.PixelMeasuresSequence = [_item(PixelSpacing=list(SPACING), SliceThickness=4, SpacingBetweenSlices=GAP)]
    if isinstance(rescale, tuple):
        shared.PixelValueTransformationSequence = [_scale(*rescale)]
    frames = []
    for n, position in enumerate(positions):
        frame = Dataset()
        frame.PlanePositionSequence = [_item(ImagePositionPatient=[float(f"{value:.8g}") for value in position])]
        frame.FrameContentSequence = [_item(StackID="1", InStackPositionNumber=n + 1)]
        if isinstance(rescale, list):
            frame.PixelValueTransformationSequence = [_scale(*rescale[n])]
        if groups:
            groups[n](frame)
        frames.append(frame)
    whole.SharedFunctionalGroupsSequence, whole.PerFrameFunctionalGroupsSequence = [shared], frames
    whole.PixelData = stored.astype("<u2").tobytes()
    edit(whole)
    file.parent.mkdir(parents=True, exist_ok=True)
    whole.save_as(file, enforce_file_format=True)


def change(file: Path, edit: Callable[[Dataset], None]) -> None:
    """Write a DICOM file again after an edit."""
    dataset = pydicom.dcmread(file)
    edit(dataset)
    dataset.save_as(file)


def _item(**values) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _scale(slope: float, intercept: float) -> Dataset:
    return _item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")
