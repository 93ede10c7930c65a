"""Job "response", seen from the scene: lesions of two examinations out to files, a table back in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import slicer

from SpineLib.errors import SpineError
from SpineLib.metrics.response import RESPONSE_FIGURES, RESPONSES
from SpineLib.scene.dicomfacts import copy_series, facts_of, series_files
from SpineLib.scene.masks import segment_ids
from SpineLib.scene.registration import trust
from SpineLib.scene.results import place_beside, segment_tag, source_volume
from SpineLib.scene.review import kept_ids, review_of
from SpineLib.scene.runs import RunInputs
from SpineLib.scene.scans import SIMULATED, after_to_before, unregistered_volume
from SpineLib.scene.segmentvolumes import on_one_grid
from SpineLib.scene.stability import spine_lines
from SpineLib.scene.surfaces import fill_table, number
from SpineLib.tasks.followup.checks import SWAPPED, order_of_dates
from SpineLib.tasks.response.checks import check_examinations
from SpineLib.volume import write_volume
from SpineLib.volume.dicom_facts import DicomFacts
from SpineLib.volume.review import REJECTED

#: Segment tag of the level a lesion lies at.
_LEVEL = "SpineOncology.Level"


def has_both_series(earlier, later) -> bool:
    """Whether the scans of two segmentation nodes (or None) were loaded from DICOM."""
    scans = [source_volume(node) if node is not None else None for node in (earlier, later)]
    return all(scan is not None and bool(series_files(scan)) for scan in scans)


def doubts(earlier, later) -> list[str]:
    """Questions to ask before two segmentation nodes are compared; none if all is well."""
    one, two = _facts(earlier, later)
    questions = []
    if one and two and one.patient_id and two.patient_id and one.patient_id != two.patient_id:
        questions.append("The two examinations have different patient IDs. Are they of one patient?")
    if order_of_dates(one, two) == SWAPPED:
        questions.append(
            "The examination chosen as the earlier one is the later one by its date. Compare them all the same?"
        )
    return questions


def _facts(earlier, later) -> tuple[DicomFacts | None, DicomFacts | None]:
    one, two = source_volume(earlier), source_volume(later)
    return (facts_of(one) if one is not None else None), (facts_of(two) if two is not None else None)


def export_examinations(
    earlier, later, folder: str | Path, registration=None, *, with_dicom: bool = False
) -> tuple[RunInputs, dict]:
    """Write the lesions of two segmentations, and their scans where both are known.

    Args:
        earlier, later: segmentation nodes; what was rejected is left out.
        folder: private folder of the job.
        registration: transform node that moves the later scan onto the earlier one; None: the job registers where it
            has both scans.
        with_dicom: whether DICOM objects are written, too; both scans must have been loaded from DICOM.

    Returns:
        What watches the scene meanwhile, and the job's parameters.

    Raises:
        SpineError: one is missing, both are the same, neither holds a lesion.
    """
    if earlier is None or later is None:
        raise SpineError("Two examinations are compared: choose the lesions of both.")
    if earlier is later:
        raise SpineError("Both examinations are the same segmentation: choose the earlier one's lesions.")
    folder, nodes = Path(folder), {"earlier": earlier, "later": later}
    parameters: dict = {"inputs": {}, "lesions": {}, "images": None, "simulated": False}
    parameters["notes"] = check_examinations(*_facts(earlier, later), allow_different=True, any_order=True)
    parameters["spine"] = spine_lines(later)
    scans = {when: source_volume(node) for when, node in nodes.items()}
    for when, node in nodes.items():
        grid, parts = on_one_grid(node, kept_ids(node), f"{when} lesions", registration)
        labels, listed = np.zeros(grid.shape, np.uint16), []
        for segment_id, box, mask in parts:
            segment = node.GetSegmentation().GetSegment(segment_id)
            listed.append({"name": segment.GetName() or segment_id, "level": segment_tag(segment, _LEVEL)})
            labels[box][mask] = len(listed)
        parameters["inputs"][when] = str(folder / f"{when}.nrrd")
        write_volume(grid.with_array(labels), parameters["inputs"][when], compress=False)
        parameters["lesions"][when] = listed
    rejected = [one for one in segment_ids(earlier) if review_of(earlier, one) == REJECTED]
    grid, parts = on_one_grid(earlier, rejected, "rejected lesions", registration)
    mask = np.zeros(grid.shape, np.uint8)
    for _, box, inside in parts:
        mask[box][inside] = 1
    if mask.any():
        parameters["rejected"] = str(folder / "rejected.nrrd")
        write_volume(grid.with_array(mask), parameters["rejected"], compress=False)
    if all(scan is not None and scan.GetImageData() is not None for scan in scans.values()):
        parameters["images"] = {}
        for when, scan in scans.items():
            path = folder / f"image-{when}.nrrd"
            write_volume(unregistered_volume(scan, registration, f"{when} scan"), path, compress=False)
            parameters["images"][when] = str(path)
            parameters["simulated"] |= scan.GetAttribute(SIMULATED) is not None
    if with_dicom:
        parameters["dicom"] = {when: str(copy_series(scan, folder / f"series-{when}")) for when, scan in scans.items()}
    if registration is not None:
        error, trusted = trust(registration)
        matrix = after_to_before(registration)
        parameters |= {"later_to_earlier_lps": matrix.tolist(), "error_mm": error, "trusted": trusted}
    return RunInputs({}, {}), parameters


def fill_response(response: Mapping, later, existing=None):
    """The table node of a comparison of two examinations; ``existing`` is filled anew where it is still there.

    Args:
        response: ``SpineLib.tasks.response.response.Response.to_dict``.
        later: segmentation of the later examination, or None.
    """
    table = existing
    if table is None or table.GetScene() is not slicer.mrmlScene:
        name = slicer.mrmlScene.GenerateUniqueName("Two examinations")
        table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
        if later is not None and later.GetScene() is slicer.mrmlScene:
            place_beside(table, later)
    rows = response["lesions"]
    fill_table(
        table,
        {
            "Earlier": [" + ".join(row["earlier"]) for row in rows],
            "Later": [" + ".join(row["later"]) for row in rows],
            "Level": [row["level"] or "–" for row in rows],
            **{
                figure.heading: [number(figure.in_unit(row[key])) for row in rows]
                for key, figure in RESPONSE_FIGURES.items()
            },
            "Response": [RESPONSES[row["response"]] for row in rows],
            "Remark": [row["remark"] for row in rows],
        },
    )
    return table
