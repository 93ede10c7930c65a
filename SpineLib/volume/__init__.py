"""Images with their geometry (LPS, mm), and their files."""

from SpineLib.volume.checks import check_image
from SpineLib.volume.dicom import DicomSeries, list_dicom_series, read_dicom
from SpineLib.volume.files import write_volume
from SpineLib.volume.formats import suffix_of
from SpineLib.volume.reading import read_volume
from SpineLib.volume.segmentation import SegmentInfo, write_segmentation
from SpineLib.volume.volume import Volume

__all__ = [
    "DicomSeries",
    "SegmentInfo",
    "Volume",
    "check_image",
    "list_dicom_series",
    "read_dicom",
    "read_volume",
    "suffix_of",
    "write_segmentation",
    "write_volume",
]
