"""What the header of a scan says of how it was taken: a BIDS sidecar's words, and the elements of DICOM behind them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from SpineLib.volume.dicom_header import value_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Words of a sidecar and the elements of DICOM that hold the same.
_KEYWORDS = {
    "PixelBandwidth": "PixelBandwidth",
    "ImagingFrequency": "ImagingFrequency",
    "MagneticFieldStrength": "MagneticFieldStrength",
    "InPlanePhaseEncodingDirectionDICOM": "InPlanePhaseEncodingDirection",
    "ImageOrientationPatientDICOM": "ImageOrientationPatient",
    "BaseResolution": "AcquisitionMatrix",
    "ScanOptions": "ScanOptions",
    "EchoTime": "EchoTime",
    "InversionTime": "InversionTime",
    "ScanningSequence": "ScanningSequence",
    "ContrastBolusAgent": "ContrastBolusAgent",
    "ImageType": "ImageType",
}
#: All words that are read; they say nothing of the patient.
FIELDS = (*_KEYWORDS, "PhaseEncodingDirection", "PhaseEncodingAxis")


def fields_of_dicom(header: Dataset) -> dict[str, Any]:
    """The words of a sidecar from the header of a DICOM slice."""
    fields = {word: value for word, keyword in _KEYWORDS.items() if (value := value_of(header, keyword)) is not None}
    for word in ("EchoTime", "InversionTime"):  # milliseconds there
        if word in fields:
            fields[word] = number_of(fields[word]) / 1000
    matrix = fields.pop("BaseResolution", None)
    if isinstance(matrix, list):  # frequency rows and columns, one of them 0, then those of phase
        fields["BaseResolution"] = max(map(number_of, matrix[:2]))
    return fields


def words_of(value: Any) -> list[str]:
    """Upper-case words of a value: apart by a backslash (DICOM), an underscore (dcm2niix), or a list."""
    text = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or "")
    return text.upper().replace("\\", " ").replace("_", " ").replace(",", " ").split()


def number_of(value: Any) -> float:
    """A finite number, or 0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) else 0.0
