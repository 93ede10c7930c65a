"""Job: the report of a follow-up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.json_text import json_text
from SpineLib.models import list_bundles
from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The report", ("inputs", "images", "names")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job: the parameters of job "compare" (the comparison is made again, so that it surely is that
    of these masks), and what the page shows beside it.

    Args:
        parameters: ``{"inputs", "after_to_before_lps", "error_mm", "trusted", "settings"}`` of job "compare", and
            ``{"images": {"before": path, "after": path}, "names": {"before": text, "after": text}, "simulated": bool,
            "registration": {...} or null, "notes": [...], "models": [ids], "patient": {...} or null,
            "dicom": {"metastases" | "necroses": {"labels": path, "segments": [...], "series": folder, "model": {...}}}
            or null}``.
        folder: gets ``report.html``, ``comparison.csv``, ``comparison.json``, and the DICOM SEG.

    Returns:
        ``{"files": [names], "notes": [...]}``, the report first.
    """
    from SpineLib.reports.followup import FollowUpReport, LesionPart, case_json, followup_page
    from SpineLib.reports.followup_tables import plain_table
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
    files = ["report.html", "comparison.csv", "comparison.json"]
    for name, one in (parameters.get("dicom") or {}).items():
        progress(0.4, "Writing DICOM SEG")
        notes += _write_dicom(folder / f"{name}.dcm", name, one)
        files.append(f"{name}.dcm")
    progress(0.5, "Drawing the report")
    record = parameters.get("registration")
    lesion = measure_lesion(masks["metastasis"])
    assert lesion is not None
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
    )
    followup_page(folder / "report.html", report)
    progress(0.95, "Writing the figures")
    row = comparison_row(comparison) | {"simulated_data": report.simulated}
    write_text(folder / "comparison.csv", plain_table([row]).to_csv())
    write_text(folder / "comparison.json", json_text(case_json(report)))
    progress(1.0, "Done")
    return {"files": files, "notes": notes}


def _write_dicom(path: Path, name: str, one: Mapping) -> list[str]:
    from SpineLib.volume import SegmentInfo
    from SpineLib.volume.dicom_seg import SegAlgorithm, write_dicom_seg
    from SpineLib.volume.segments import read_mask

    segments = [
        SegmentInfo(each["label"], each["name"], tuple(each["colour"]), each["terminology"]) for each in one["segments"]
    ]
    algorithm = SegAlgorithm(one["model"]["id"], one["model"]["version"]) if one.get("model") else None
    return write_dicom_seg(
        path,
        read_mask(one["labels"], name),
        segments,
        one["series"],
        description=name.capitalize(),
        algorithm=algorithm,
    )
