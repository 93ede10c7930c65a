"""Job "response", seen from the scene: lesions of two examinations out to files, a table back in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import slicer

from SpineLib.errors import SpineError
from SpineLib.metrics.response import RESPONSE_FIGURES, RESPONSES
from SpineLib.scene.dicomfacts import copy_series, series_files
from SpineLib.scene.registration import trust
from SpineLib.scene.results import place_beside, segment_tag, source_volume
from SpineLib.scene.review import kept_ids
from SpineLib.scene.runs import RunInputs
from SpineLib.scene.scans import SIMULATED, after_to_before, unregistered_volume
from SpineLib.scene.segmentvolumes import on_one_grid
from SpineLib.scene.stability import spine_lines
from SpineLib.scene.surfaces import fill_table, number
from SpineLib.volume import write_volume

#: Segment tag of the level a lesion lies at.
_LEVEL = "SpineOncology.Level"


def has_both_series(earlier, later) -> bool:
    """Whether the scans of two segmentation nodes (or None) were loaded from DICOM."""
    scans = [source_volume(node) if node is not None else None for node in (earlier, later)]
    return all(scan is not None and bool(series_files(scan)) for scan in scans)


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
