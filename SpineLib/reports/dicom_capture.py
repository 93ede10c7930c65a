"""Key pictures as DICOM secondary captures (PS3.3, A.8.1), one series beside the scans they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import highdicom

import SpineLib
from SpineLib.errors import SpineError
from SpineLib.reports.key_pictures import KeyPicture
from SpineLib.volume.dicom_sources import DicomSources
from SpineLib.volume.files import whole_files

#: Where a picture's rows and columns run to (PatientOrientation).
_RUN = {"sagittal": ("P", "F"), "axial": ("L", "P"), "coronal": ("L", "F")}


def write_captures(folder: Path, pictures: Sequence[KeyPicture], sources: DicomSources) -> list[str]:
    """Write ``picture_1.dcm`` and so on, colour pictures of one series.

    Args:
        folder: must exist.
        pictures: in the order of their numbers.
        sources: the series whose patient and study they belong to.

    Returns:
        The names of the files.

    Raises:
        SpineError: the series lacks attributes, or a file cannot be written.
    """
    series, names = highdicom.UID(), []
    for number, picture in enumerate(pictures, start=1):
        try:
            capture = highdicom.sc.SCImage.from_ref_dataset(
                sources.slices[0],
                pixel_array=picture.pixels,
                photometric_interpretation="RGB",
                bits_allocated=8,
                coordinate_system="PATIENT",
                series_instance_uid=series,
                series_number=1002 + sources.series_number,
                sop_instance_uid=highdicom.UID(),
                instance_number=number,
                manufacturer="SpineOncology",
                patient_orientation=_RUN[picture.plane],
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                manufacturer_model_name="SpineOncology",
                software_versions=SpineLib.__version__,
                device_serial_number="0",
                series_description="Key pictures",
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SpineError(
                "Key pictures cannot refer to this DICOM series: its slices lack attributes; export it again from its "
                "archive."
            ) from error
        capture.ImageComments = f"{picture.title}. {SpineLib.NOTICE}."
        capture.Laterality = ""  # the spine is no paired part
        capture.BurnedInAnnotation = "NO"  # of the patient: nothing is drawn that identifies
        name = f"picture_{number}.dcm"
        with whole_files(folder / name) as temporary:
            capture.save_as(temporary, enforce_file_format=True)
        names.append(name)
    return names
