"""What a DICOM series says about patient, time and contrast; shown only where the user asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from SpineLib.volume.dicom import ordered_series, read_tags
from SpineLib.volume.files import folder_and_series

_TAGS = {
    "patient_name": "0010|0010",
    "patient_id": "0010|0020",
    "birth_date": "0010|0030",
    "sex": "0010|0040",
    "study_date": "0008|0020",
    "study_time": "0008|0030",
    "acquisition_date": "0008|0022",
    "acquisition_time": "0008|0032",
    "contrast_agent": "0018|0010",
}
_CHARACTER_SET = "0008|0005"


@dataclass(frozen=True)
class DicomFacts:
    """Of one series; "" where it says nothing. Everything but ``contrast_agent`` is the patient's own matter.

    Attributes:
        patient_name: "Doe^Jane".
        patient_id: the hospital's number of the patient.
        birth_date, study_date, acquisition_date: "YYYYMMDD".
        study_time, acquisition_time: "HHMMSS" and fractions.
        sex: "F", "M" or "O".
        contrast_agent: ContrastBolusAgent (0018,0010); None where the series does not have the element at all.
    """

    patient_name: str = ""
    patient_id: str = ""
    birth_date: str = ""
    sex: str = ""
    study_date: str = ""
    study_time: str = ""
    acquisition_date: str = ""
    acquisition_time: str = ""
    contrast_agent: str | None = None

    @property
    def when(self) -> str:
        """Date and time ("20240131101500") to order two scans by: of the study, else of the acquisition; or ""."""
        date, time = self.study_date, self.study_time
        if not date:
            date, time = self.acquisition_date, self.acquisition_time
        return date + time[:6] if date else ""


def read_dicom_facts(path: str | Path) -> DicomFacts | None:
    """The facts of the series at ``path`` (``folder`` or ``folder#3``); None when it is no folder.

    Raises:
        SpineError: as ``read_dicom``.
    """
    folder, series = folder_and_series(Path(path))
    if not folder.is_dir():
        return None
    chosen, _ = ordered_series(folder, series)
    tags = read_tags(chosen.files[0])
    facts = {key: _decoded(tags.get(tag, ""), tags.get(_CHARACTER_SET, "")) for key, tag in _TAGS.items()}
    if _TAGS["contrast_agent"] not in tags:
        facts["contrast_agent"] = None
    return DicomFacts(**facts)


def _decoded(text: str, character_set: str) -> str:
    """ITK hands over the file's own bytes; those of ISO_IR 100 (Latin 1) are no UTF-8."""
    content = text.encode("utf-8", "surrogateescape")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1" if character_set in ("", "ISO_IR 100") else "ascii", "replace")
