"""Whether two examinations are of one patient, and in their order."""

from __future__ import annotations

from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.tasks.followup.checks import SWAPPED, check_patients, order_of_dates
from SpineLib.volume.dicom_facts import DicomFacts, read_dicom_facts


def check_examinations(
    earlier: DicomFacts | None, later: DicomFacts | None, allow_different: bool = False, any_order: bool = False
) -> list[str]:
    """Refuse two patients and the wrong order, as far as DICOM tells them; sentences for the user.

    Raises:
        SpineError: the patient IDs differ, or the earlier scan is the later one by its date.
    """
    notes = check_patients(earlier, later, allow_different)
    if order_of_dates(earlier, later) == SWAPPED:
        if not any_order:
            raise SpineError(
                "The scan given as 'earlier' is the later one by its date in DICOM; swap the two, or add --swap-check "
                "off when you are sure."
            )
        notes.append("The earlier scan is the later one by its date in DICOM; they were compared as asked.")
    return notes


def check_archive(earlier: str | Path, later: str | Path) -> None:
    """Refuse DICOM objects that would tell of two patients, whatever the user allows.

    Args:
        earlier, later: folders of DICOM series.

    Raises:
        SpineError: their patient IDs differ, or a series cannot be read.
    """
    one, two = read_dicom_facts(earlier), read_dicom_facts(later)
    if one is None or two is None:
        return
    if (one.patient_id or one.patient_name) != (two.patient_id or two.patient_name):
        raise SpineError(
            "The two series have different patient IDs, and one DICOM SR cannot tell of two patients: leave the DICOM "
            "objects out."
        )
