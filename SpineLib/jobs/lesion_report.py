"""Job: the report of a segmentation, and what an archive takes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.progress import Progress, silent

NOUN, NEEDS = "The report", ("labels", "segments", "images")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"labels": path, "segments": [{"label", "name", "colour", "terminology"}], "images": {"T1": path},
            "provenance": {...}, "simulated": bool, "series": folder or null, "probability": {label: number},
            "spine": [sentences]}``; with a series DICOM objects are written.
        folder: gets ``report.html``, ``report.txt``, ``lesions.csv``, and the DICOM SEG, DICOM SR and key pictures.

    Returns:
        ``{"files": [names], "notes": [...], "text": report.txt}``, the page first.
    """
    from dataclasses import replace

    from SpineLib.models import list_bundles
    from SpineLib.reports.dicom_objects import Marked
    from SpineLib.reports.lesions_archive import Examination, marked_text, write_lesions
    from SpineLib.reports.lesions_page import lesions_page, lesions_table
    from SpineLib.tasks.segmentation.lesions import measure_lesion
    from SpineLib.tasks.segmentation.naming import target_of
    from SpineLib.volume import SegmentInfo, read_volume
    from SpineLib.volume.dicom_seg import SegAlgorithm
    from SpineLib.volume.files import write_text
    from SpineLib.volume.segments import read_mask

    progress(0.0, "Reading")
    labels = read_mask(parameters["labels"], "segmentation")
    images = {name: read_volume(path, name) for name, path in parameters["images"].items()}
    segments = [
        SegmentInfo(each["label"], each["name"], tuple(each["colour"]), each["terminology"])
        for each in parameters["segments"]
    ]
    progress(0.2, "Measuring")
    lesions = {}
    for each in segments:
        lesion = measure_lesion(labels.with_array(labels.array == each.label), number=each.label)
        if lesion is not None:
            mean = (parameters.get("probability") or {}).get(str(each.label))
            lesions[each.label] = lesion if mean is None else replace(lesion, mean_probability=float(mean))
    made = parameters.get("provenance") or {}
    target = target_of(made)
    examination = Examination(
        images, target, made, bool(parameters.get("simulated")), tuple(parameters.get("spine") or ())
    )
    model = made.get("model") or {}
    algorithm = SegAlgorithm(model["id"], model.get("version", "")) if model.get("id") else None
    marked = Marked(target.many, labels, segments, lesions, parameters.get("series") or "", algorithm)
    files, notes = ["report.html", "report.txt", "lesions.csv"], list(parameters.get("notes", ()))
    if parameters.get("series"):
        progress(0.3, "Writing DICOM")
        written, more = write_lesions(folder, marked, examination)
        files += [name for name in written if name not in files]
        notes += more
    progress(0.6, "Drawing the report")
    card = next((card for _, card in list_bundles() if card.id == model.get("id")), None)
    lesions_page(folder / "report.html", marked, examination, card, notes)
    text = marked_text(marked, examination)
    write_text(folder / "report.txt", text + "\n")
    write_text(folder / "lesions.csv", lesions_table(marked).to_csv())
    progress(1.0, "Done")
    return {"files": files, "notes": notes, "text": text}
