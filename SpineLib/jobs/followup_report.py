"""Job: the report of a follow-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.json_text import json_text
from SpineLib.models import list_bundles
from SpineLib.progress import Progress, part, silent

if TYPE_CHECKING:
    from SpineLib.reports.followup import FollowUpReport

NOUN, NEEDS = "The report", ("inputs", "images", "names")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job: the parameters of job "compare" (the comparison is made again, so that it surely is that
    of these masks), and what the page shows beside it.

    Args:
        parameters: ``{"inputs", "after_to_before_lps", "error_mm", "trusted", "settings"}`` of job "compare", and
            ``{"images": {"before": path, "after": path}, "names": {"before": text, "after": text}, "simulated": bool,
            "registration": {...} or null, "notes": [...], "models": [ids], "level": text, "spine": [sentences],
            "patient": {...} or null,
            "dicom": {"metastases" | "necroses": {"labels": path, "segments": [...], "series": folder, "model": {...}}}
            or null}``.
        folder: gets ``report.html``, ``report.txt``, ``comparison.csv``, ``comparison.json``, and the DICOM
            SEG, DICOM SR and key pictures.

    Returns:
        ``{"files": [names], "notes": [...], "text": report.txt}``, the report first.
    """
    from SpineLib.reports.followup import FollowUpReport, LesionPart, case_json, followup_page
    from SpineLib.reports.followup_tables import plain_table
    from SpineLib.reports.text import followup_text
    from SpineLib.tasks.followup.compare import CompareSettings, compare
    from SpineLib.tasks.followup.output import comparison_row
    from SpineLib.tasks.segmentation.lesions import measure_lesion
    from SpineLib.volume import read_volume
    from SpineLib.volume.files import write_text
    from SpineLib.volume.segments import read_mask

    progress(0.0, "Reading")
    masks = {name: read_mask(parameters["inputs"][name], name) for name in ("metastasis", "necrosis")}
    images = {role: read_volume(parameters["images"][role], f"scan {role}") for role in ("before", "after")}
    matrix = parameters.get("after_to_before_lps")
    comparison = compare(
        masks["metastasis"],
        masks["necrosis"],
        matrix,
        CompareSettings.from_dict(parameters.get("settings") or {}),
        part(progress, 0.05, 0.4),
        parameters.get("error_mm"),
        parameters.get("trusted", True),
    )
    notes = list(dict.fromkeys([*parameters.get("notes", ()), *comparison.notes]))
    files = ["report.html", "report.txt", "comparison.csv", "comparison.json"]
    record = parameters.get("registration")
    lesion = measure_lesion(masks["metastasis"])
    assert lesion is not None
    lesion = replace(lesion, level=parameters.get("level") or "")
    shown = LesionPart(lesion, comparison.to_dict(), comparison.surface, matrix, record)
    known = {card.id: card for _, card in list_bundles()}
    cards = [known[name] for name in parameters.get("models", ()) if name in known]
    names = parameters["names"]
    report = FollowUpReport(
        images["before"],
        images["after"],
        (names["before"], names["after"]),
        masks["metastasis"],
        masks["necrosis"],
        [shown],
        cards,
        comparison.provenance,
        notes,
        bool(parameters.get("simulated")),
        parameters.get("patient"),
        list(parameters.get("spine") or ()),
    )
    if parameters.get("dicom"):
        progress(0.4, "Writing DICOM")
        written, more = _write_dicom(folder, report, parameters["dicom"])
        files += written
        notes += more
        report = replace(report, notes=notes)
    progress(0.5, "Drawing the report")
    followup_page(folder / "report.html", report)
    text = followup_text(report)
    write_text(folder / "report.txt", text + "\n")
    progress(0.95, "Writing the figures")
    row = {"level": lesion.level} | comparison_row(comparison) | {"simulated_data": report.simulated}
    write_text(folder / "comparison.csv", plain_table([row]).to_csv())
    write_text(folder / "comparison.json", json_text(case_json(report)))
    progress(1.0, "Done")
    return {"files": files, "notes": notes, "text": text}


def _write_dicom(folder: Path, report: FollowUpReport, parameters: Mapping) -> tuple[list[str], list[str]]:
    """What :func:`SpineLib.reports.dicom_objects.write_dicom_objects` gives; a comparison is told of with the first
    segment of the metastasis, which the panel compares as a whole."""
    from SpineLib.reports.dicom_objects import Marked, write_dicom_objects
    from SpineLib.reports.followup_pictures import followup_pictures
    from SpineLib.tasks.segmentation.lesions import measure_lesion
    from SpineLib.volume import SegmentInfo
    from SpineLib.volume.dicom_seg import SegAlgorithm
    from SpineLib.volume.segments import read_mask

    marked = []
    for name, when in (("metastases", "before"), ("necroses", "after")):
        one = parameters[name]
        labels = read_mask(one["labels"], name)
        segments = [
            SegmentInfo(each["label"], each["name"], tuple(each["colour"]), each["terminology"])
            for each in one["segments"]
        ]
        measured = {
            each.label: measure_lesion(labels.with_array(labels.array == each.label), number=each.label)
            for each in segments
        }
        lesions = {label: lesion for label, lesion in measured.items() if lesion is not None}
        comparisons = {next(iter(lesions)): report.parts[0].comparison} if when == "before" and lesions else {}
        marked.append(
            Marked(
                name,
                labels,
                segments,
                lesions,
                one["series"],
                SegAlgorithm(one["model"]["id"], one["model"]["version"]) if one.get("model") else None,
                f"{when} the ablation",
                comparisons,
            )
        )
    return write_dicom_objects(folder, marked, followup_pictures(report))
