"""Lesions on CT as boxes in 3-D: what a search found becomes regions of interest that the user may correct."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import slicer
import vtk

from SpineLib.errors import SpineError
from SpineLib.scene.nodes import RAS_LPS, transform_to_world
from SpineLib.scene.results import SOURCE_ROLE, Entry, add_labels, place_beside, scene_unchanged_on_failure
from SpineLib.scene.runs import RunInputs, result_name
from SpineLib.tasks import colours
from SpineLib.tasks.colours import nth_colour
from SpineLib.tasks.ct.lesion_boxes import box_mask
from SpineLib.tasks.segmentation.naming import METASTASIS, PROVENANCE, provenance_text
from SpineLib.volume import Volume, read_volume

#: Attribute of a box: what was found, as JSON; node reference from the table of a search to its boxes.
LESION, BOX_ROLE = "SpineOncology.CtLesion", "SpineOncology.Box"
_COLUMNS = ("Probability", "RECIST longest (mm)", "RECIST across (mm)", "R (mm)", "A (mm)", "S (mm)")


class _Box(NamedTuple):
    centre_lps_mm: np.ndarray
    size_mm: np.ndarray
    direction: np.ndarray


@dataclass(frozen=True)
class ImportedCtLesions:
    """What a search brought into the scene.

    Attributes:
        head: table with a row for each lesion; it refers to the boxes (:func:`boxes_of`).
        boxes: markups ROI nodes, the most probable lesion first.
        notes: sentences for the user.
        searched: what was searched, and how well the model does.
        marks: segmentation with a segment for each lesion, of a model that marks them; None.
        segment_ids: of its segments, in the order of the boxes.
    """

    head: Any
    boxes: list
    notes: list[str] = field(default_factory=list)
    searched: str = ""
    marks: Any = None
    segment_ids: list[str] = field(default_factory=list)


def import_ct_lesions(result: Mapping, inputs: RunInputs, folder: str | Path | None = None) -> ImportedCtLesions | None:
    """Bring the result of job "ct-lesions" into the scene, all of it or nothing.

    Args:
        result: what the job answered.
        folder: where the job wrote its files, if it wrote any.
        inputs: of ``SpineLib.scene.runs.export_inputs``, with the role "CT"; it is released.

    Returns:
        The new nodes; None when the scene was closed meanwhile.
    """
    try:
        if inputs.scene_closed:
            return None
        source, provenance = inputs.node("CT"), result["provenance"]
        name = result_name(inputs.name("CT"), provenance).replace(" metastases", " lesions", 1)
        with scene_unchanged_on_failure():
            head = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
            head.SetAttribute(PROVENANCE, provenance_text(provenance))
            boxes = [_add_box(one, source, provenance) for one in result["lesions"]]
            marks, ids = None, []
            if result.get("marks") and folder is not None and boxes:
                labels = read_volume(Path(folder) / result["marks"], "lesions")
                entries = [_entry(one) for one in result["lesions"]]
                marks, ids = add_labels([(labels, entries)], source, name=f"{name} marks", provenance=provenance)
            for box in boxes:
                head.AddNodeReferenceID(BOX_ROLE, box.GetID())
            if source is not None:
                head.SetNodeReferenceID(SOURCE_ROLE, source.GetID())
                place_beside(head, source)
            _fill(head, result["lesions"])
    finally:
        inputs.release()
    return ImportedCtLesions(head, boxes, list(result.get("notes", ())), result.get("searched", ""), marks, ids)


def boxes_of(head) -> list:
    """The boxes of a search that are still there, in their order."""
    if head is None:
        return []
    count = head.GetNumberOfNodeReferences(BOX_ROLE)
    return [box for n in range(count) if (box := head.GetNthNodeReference(BOX_ROLE, n)) is not None]


def found_in(box) -> dict:
    """What was found where the box is or was; {} for a box that the user drew."""
    try:
        return json.loads(box.GetAttribute(LESION) or "{}") if box is not None else {}
    except ValueError:
        return {}


def box_geometry(roi, name: str = "box") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre (3,), edges (3,) and axes (3, 3; columns) of a ROI as it lies in the world now, LPS mm.

    Raises:
        SpineError: it is not placed yet, has no size, or lies under a warping or shearing transform.
    """
    transform_to_world(roi.GetParentTransformNode(), name)
    size = np.zeros(3)
    roi.GetSizeWorld(size)
    if roi.GetNumberOfControlPoints() == 0 or size.min() <= 0:
        raise SpineError(f"The {name} is not placed yet: place it in the views, or choose another one.")
    matrix = RAS_LPS @ slicer.util.arrayFromVTKMatrix(roi.GetObjectToWorldMatrix())
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    axes = matrix[:3, :3] / steps
    if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3:
        raise SpineError(f"The {name} lies under a shearing transform: harden it in the Transforms module first.")
    return matrix[:3, 3], size, axes


def roi_mask(roi, grid: Volume, name: str = "box") -> Volume:
    """The voxels of a grid whose centres lie in a ROI, uint8.

    Args:
        grid: LPS, mm.

    Raises:
        SpineError: as :func:`box_geometry`; no voxel lies in it.
    """
    centre, size, axes = box_geometry(roi, name)
    return box_mask(grid, _Box(centre, size, axes))


def add_empty_lesion(ct):
    """A new segmentation on a CT with an empty segment "Lesion", for the user to draw in: (node, segment id)."""
    with scene_unchanged_on_failure():
        name = slicer.mrmlScene.GenerateUniqueName(f"{ct.GetName()} lesion")
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.CreateDefaultDisplayNodes()
        node.SetAndObserveTransformNodeID(ct.GetTransformNodeID())
        node.SetReferenceImageGeometryParameterFromVolumeNode(ct)
        node.SetNodeReferenceID(SOURCE_ROLE, ct.GetID())
        place_beside(node, ct)
        segment_id = node.GetSegmentation().AddEmptySegment("Lesion", "Lesion", colours.LESION)
        node.GetSegmentation().GetSegment(segment_id).SetTerminology(METASTASIS)
    return node, segment_id


def _entry(lesion: Mapping) -> Entry:
    """What a marked lesion becomes as a segment."""
    number, kind = int(lesion["id"]), lesion.get("kind") or ""
    name = f"Lesion {number} ({kind})" if kind else f"Lesion {number}"
    return Entry(number, f"Lesion_{number}", name, nth_colour(number), METASTASIS)


def _add_box(lesion: Mapping, source, provenance: Mapping):
    """A ROI node around a lesion, which moves with the CT."""
    to_ras = RAS_LPS[:3, :3]
    world = np.eye(4)
    world[:3, :3] = to_ras @ np.array(lesion["direction"], float)
    if np.linalg.det(world[:3, :3]) < 0:  # a box is the same either way round, and a ROI wants right-handed axes
        world[:3, 2] *= -1
    world[:3, 3] = to_ras @ np.array(lesion["centre_lps_mm"], float)
    parent = source.GetParentTransformNode() if source is not None else None
    own = np.linalg.inv(transform_to_world(parent, "CT")) @ world
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", f"Lesion {lesion['id']} (CT)")
    roi.SetSize(*map(float, lesion["size_mm"]))
    roi.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(own))
    if parent is not None:
        roi.SetAndObserveTransformNodeID(parent.GetID())
    roi.SetAttribute(LESION, json.dumps(dict(lesion)))
    roi.SetAttribute(PROVENANCE, provenance_text(provenance))
    roi.CreateDefaultDisplayNodes()
    display = roi.GetDisplayNode()
    display.SetSelectedColor(*nth_colour(int(lesion["id"])))
    display.SetFillOpacity(0.08)
    display.SetPropertiesLabelVisibility(True)
    if source is not None:
        roi.SetNodeReferenceID(SOURCE_ROLE, source.GetID())
        place_beside(roi, source)
    return roi


def _fill(table, lesions: Sequence[Mapping]) -> None:
    columns: dict[str, list] = {
        "Lesion": [f"Lesion {one['id']}" for one in lesions],
        "Kind": [one.get("kind") or "" for one in lesions],
    }
    centres = [RAS_LPS[:3, :3] @ np.array(one["centre_lps_mm"], float) for one in lesions]
    values = [[one["probability"], *one["recist_mm"], *centre] for one, centre in zip(lesions, centres, strict=True)]
    columns |= {name: [float(row[n]) for row in values] for n, name in enumerate(_COLUMNS)}
    for name, entries in columns.items():
        column = vtk.vtkStringArray() if name in ("Lesion", "Kind") else vtk.vtkDoubleArray()
        column.SetName(name)
        for value in entries:
            column.InsertNextValue(value)
        table.AddColumn(column)
    table.SetUseColumnTitleAsColumnHeader(True)
