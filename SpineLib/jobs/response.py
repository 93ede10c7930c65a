"""Job: the lesions of two examinations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from SpineLib.json_text import json_text
from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The comparison of the examinations", ("inputs", "lesions")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"earlier": path, "later": path}, "lesions": {"earlier": [{"name", "level"}...],
            "later": [...]}, "images": {"earlier": path, "later": path} or null, "later_to_earlier_lps": 4 x 4 or null,
            "error_mm": number or null, "trusted": bool, "settings": {...}, "simulated": bool, "spine": [sentences],
            "patient": {...} or null, "dicom": {"earlier": folder, "later": folder} or null,
            "rejected": path or null, "notes": [sentences]}``.
            The inputs are labels 1, 2 ... in the order of the lesions; "rejected" is a mask of what a reader rejected
            in the earlier examination. Without a matrix the scans are registered around each lesion.
        folder: gets ``response.html``, ``response.csv``, ``response.json``, and of two DICOM series ``earlier.dcm``,
            ``later.dcm`` and ``measurements.dcm``.

    Returns:
        ``{"response": {...}, "files": [names], "provenance": {...}, "notes": [...]}``.
    """
    from SpineLib.reports.followup_tables import plain_table
    from SpineLib.reports.response import Examination, response_page, response_rows
    from SpineLib.tasks.response.checks import check_archive
    from SpineLib.tasks.response.examinations import compare_examinations
    from SpineLib.tasks.response.response import Found, ResponseSettings, response
    from SpineLib.volume import read_volume
    from SpineLib.volume.files import write_text
    from SpineLib.volume.segments import read_mask

    settings = ResponseSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Reading")
    if series := parameters.get("dicom"):
        check_archive(series["earlier"], series["later"])
    labels, found = {}, {}
    for when in ("earlier", "later"):
        labels[when] = read_mask(parameters["inputs"][when], when)
        found[when] = [
            Found(
                one["name"],
                labels[when].with_array((labels[when].array == number).astype("uint8")),
                one.get("level", ""),
            )
            for number, one in enumerate(parameters["lesions"][when], start=1)
        ]
    rejected = [read_mask(parameters["rejected"], "rejected")] if parameters.get("rejected") else []
    scans = parameters.get("images")
    images = {when: read_volume(scans[when], f"{when} scan") for when in labels} if scans else {}
    matrix, share = parameters.get("later_to_earlier_lps"), part(progress, 0.05, 0.85)
    pair = (images["earlier"], images["later"]) if images else None
    if matrix is None and pair is not None:
        result, _ = compare_examinations(pair, found["earlier"], found["later"], settings, share, rejected)
    else:
        error, trusted = parameters.get("error_mm"), parameters.get("trusted", True)
        result = response(found["earlier"], found["later"], matrix, settings, share, error, trusted, pair, rejected)
    result = replace(result, notes=[*parameters.get("notes", ()), *result.notes])
    progress(0.85, "Drawing the report")
    names = {"earlier": "Earlier examination", "later": "Later examination"}
    shown = [Examination(names[when], images[when], labels[when]) for when in images]
    simulated, patient = bool(parameters.get("simulated")), parameters.get("patient")
    spine = list(parameters.get("spine") or ())
    response_page(folder / "response.html", result, shown, simulated=simulated, patient=patient, spine=spine)
    write_text(folder / "response.csv", plain_table(response_rows(result)).to_csv())
    write_text(folder / "response.json", json_text(result.to_dict() | {"simulated_data": simulated}))
    files, notes = ["response.html", "response.csv", "response.json"], list(result.notes)
    if series:
        from SpineLib.reports.response_archive import Side, write_response

        progress(0.95, "Writing DICOM")
        sides = [Side(labels[when], found[when], series[when]) for when in ("earlier", "later")]
        written, more = write_response(folder, result, *sides)
        files += written
        notes += more
    progress(1.0, "Done")
    return {
        "response": result.to_dict(),
        "files": files,
        "provenance": result.provenance,
        "notes": notes,
    }
