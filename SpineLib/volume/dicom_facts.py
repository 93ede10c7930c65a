"""What a DICOM series says about patient, time and contrast; shown only where the user asks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from SpineLib.volume.dicom import ordered_series
from SpineLib.volume.dicom_header import read_header, text_of
from SpineLib.volume.reading import folder_and_series

_KEYWORDS = {
    "patient_name": "PatientName",
    "patient_id": "PatientID",
    "birth_date": "PatientBirthDate",
    "sex": "PatientSex",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "acquisition_date": "AcquisitionDate",
    "acquisition_time": "AcquisitionTime",
    "contrast_agent": "ContrastBolusAgent",
}


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
    header = read_header(chosen.files[0])
    facts = DicomFacts(**{key: text_of(header, keyword) for key, keyword in _KEYWORDS.items()})
    return facts if _KEYWORDS["contrast_agent"] in header else replace(facts, contrast_agent=None)
