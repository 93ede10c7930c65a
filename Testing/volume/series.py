"""Volumes as DICOM series, for tests."""

from __future__ import annotations

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from SpineLib.volume import Volume


def write_image_series(folder, volume: Volume, **tags):
    """A volume (k the slices) as MR slices; the files' names and instance numbers run against their place."""
    folder.mkdir(parents=True)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    matrix = volume.ijk_to_lps
    orientation = [*volume.direction[:, 0], *volume.direction[:, 1]]
    for k, picture in enumerate(volume.array.astype(np.uint16)):
        slice_ = pydicom.Dataset()
        slice_.file_meta = pydicom.dataset.FileMetaDataset()
        slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        slice_.file_meta.MediaStorageSOPClassUID = slice_.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID = generate_uid()
        slice_.PatientName, slice_.PatientID, slice_.Modality = "Doe^Jane", "4711", "MR"
        slice_.StudyInstanceUID, slice_.SeriesInstanceUID, slice_.FrameOfReferenceUID = study, series, frame
        slice_.SeriesNumber, slice_.InstanceNumber = 4, 100 - k
        slice_.ImagePositionPatient = [float(f"{value:.8g}") for value in (matrix @ [0, 0, k, 1])[:3]]
        slice_.ImageOrientationPatient = [float(f"{value:.10g}") for value in orientation]
        slice_.PixelSpacing = [volume.spacing[1], volume.spacing[0]]
        slice_.SliceThickness = volume.spacing[2]
        slice_.Rows, slice_.Columns = picture.shape
        slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
        slice_.BitsAllocated = slice_.BitsStored = 16
        slice_.HighBit, slice_.PixelRepresentation = 15, 0
        slice_.PixelData = picture.tobytes()
        for keyword, value in tags.items():
            setattr(slice_, keyword, value)
        slice_.save_as(folder / f"{(7 * k) % 90:02}.dcm", enforce_file_format=True)
    return study, series, frame
