"""Whose scans a report is about, for a reader who asked for it."""

from __future__ import annotations

from SpineLib.volume.dicom_facts import DicomFacts


def patient_facts(before: DicomFacts | None, after: DicomFacts | None) -> dict[str, str]:
    """For a report whose reader wants to know whose it is."""
    known = before or after
    if known is None:
        return {"Patient": "the scans are no DICOM series and name no patient"}
    shown = {
        "Name": known.patient_name.replace("^", " ").strip(),
        "ID": known.patient_id,
        "Born": _date(known.birth_date),
        "Sex": known.sex,
    }
    for name, facts in (("Scan before", before), ("Scan after", after)):
        shown[name] = _date(facts.when[:8]) if facts else ""
    return {name: value or "–" for name, value in shown.items()}


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text
