"""Images with their geometry (LPS, mm), and their files."""

from SpineLib.volume.checks import check_image
from SpineLib.volume.dicom import list_dicom_series, read_dicom
from SpineLib.volume.files import read_volume, write_volume
from SpineLib.volume.volume import Volume

__all__ = ["Volume", "check_image", "list_dicom_series", "read_dicom", "read_volume", "write_volume"]
