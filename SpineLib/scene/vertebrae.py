"""Vertebrae as segments: which level each is, all of them on one grid, and those that a job found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from SpineLib.errors import SpineError
from SpineLib.scene.masks import segment_ids
from SpineLib.scene.nodes import RAS_LPS
from SpineLib.scene.results import Entry, add_labels, provenance_of
from SpineLib.scene.runs import RunInputs, result_name
from SpineLib.scene.segmentvolumes import segments_labels
from SpineLib.tasks.ct.segment_levels import NamedSegment, SegmentLevels, levels_of_segments
from SpineLib.tasks.ct.vertebra_naming import (
    verse_of_name,
    vertebra_colour,
    vertebra_terminology,
)
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.levels import VERSE, level_name
from SpineLib.volume.numberings import asked_numberings

#: Attribute of a segmentation: how the user said that its segments are numbered ("from-below:L5").
NUMBERS = "SpineOncology.Numbers"


@dataclass(frozen=True)
class VertebraSegment:
    """A segment that shows a vertebra.

    Attributes:
        segment_id: id in the segmentation.
        number: VerSe number; from :data:`FIRST_COUNTED` on where the level is not known.
        name: "L3"; the segment's own name where the level is not known.
        volume_ml: of its voxels.
        centre_ras_mm: centre of mass in the world; None when the segment is empty.
        touches_border: whether it reaches the edge of the image, so that it may be cut off there.
    """

    segment_id: str
    number: int
    name: str
    volume_ml: float = 0.0
    centre_ras_mm: tuple[float, float, float] | None = None
    touches_border: bool = False


@dataclass(frozen=True, eq=False)
class Vertebrae:
    """The vertebrae of a segmentation.

    Attributes:
        labels: uint8, LPS, on the grid of the image.
        segments: what each label is, from the top downwards.
        boxes: segment id to the index box (k, j, i) that holds the segment.
        notes: sentences on how levels were told.
    """

    labels: Volume
    segments: list[VertebraSegment]
    boxes: dict[str, tuple[slice, slice, slice]]
    notes: list[str] = field(default_factory=list)

    def of(self, segment_id: str) -> VertebraSegment | None:
        """The vertebra of a segment."""
        return next((one for one in self.segments if one.segment_id == segment_id), None)


@dataclass(frozen=True)
class ImportedVertebrae:
    """A segmentation with a segment for each vertebra found, and sentences for the user."""

    segmentation: Any
    segment_ids: list[str]
    notes: list[str] = field(default_factory=list)


def set_numbers(segmentation, numbers: str | None) -> None:
    """Note on a segmentation how its segments are numbered; every function here reads it so from then on.

    Args:
        segmentation: node.
        numbers: as :func:`~SpineLib.volume.numberings.asked_numberings` takes it; None, "" or "auto": it is told.

    Raises:
        SpineError: there is no such numbering.
    """
    if asked_numberings(numbers or None) is None:
        segmentation.RemoveAttribute(NUMBERS)
    else:
        segmentation.SetAttribute(NUMBERS, numbers)


def numbers_of(segmentation) -> str:
    """What :func:`set_numbers` noted; "" where the numbering is told."""
    return segmentation.GetAttribute(NUMBERS) or ""


def vertebra_levels(segmentation, numbers: str | None = None) -> SegmentLevels:
    """The segments that are vertebrae, the VerSe number of each, and sentences on how that was told.

    As :func:`SpineLib.tasks.ct.segment_levels.levels_of_segments` tells it: by the segments' names and terminology, or
    by the numbers in their names and their places along the spine.

    Args:
        segmentation: node or None; it is not modified.
        numbers: how the numbers in names are meant, as
            :func:`~SpineLib.volume.numberings.asked_numberings` takes it; None: as :func:`set_numbers` noted, else it
            is told.

    Returns:
        {segment id: number}; unknown levels are numbered from :data:`FIRST_COUNTED` on.

    Raises:
        SpineError: the segments are not numbered as asked, or there are far too many.
    """
    if segmentation is None:
        return SegmentLevels({})
    inner, segments = segmentation.GetSegmentation(), []
    for segment_id in segment_ids(segmentation):
        segment = inner.GetSegment(segment_id)
        name = segment.GetName() or segment_id
        segments.append(
            NamedSegment(segment_id, name, segment.GetTerminology() or "", _centre(segmentation, segment_id))
        )
    return levels_of_segments(segments, asked_numberings(numbers or numbers_of(segmentation) or None))


def vertebra_numbers(segmentation, numbers: str | None = None) -> dict[str, int]:
    """:func:`vertebra_levels` without its sentences."""
    return vertebra_levels(segmentation, numbers).numbers


def collect_vertebrae(segmentation, numbers: str | None = None) -> Vertebrae:
    """All vertebrae of a segmentation on the grid of the image they were drawn on, as they are now.

    Args:
        segmentation: node.
        numbers: see :func:`vertebra_levels`.

    Raises:
        SpineError: no segmentation, no voxels in it, a warping transform, not numbered as asked.
    """
    levels = vertebra_levels(segmentation, numbers)
    values = levels.numbers
    if max(values.values(), default=0) > 255:
        raise SpineError("The segmentation has too many segments: choose one of the vertebrae alone.")
    if segmentation is not None and segment_ids(segmentation) and not values:
        raise SpineError("No segment of the segmentation is a vertebra: name them L1, T12 and so on.")
    labels, boxes = segments_labels(segmentation, values, "vertebrae")
    inner, segments = segmentation.GetSegmentation(), []
    for segment_id, number in values.items():
        known = number in VERSE
        name = level_name(number) if known else inner.GetSegment(segment_id).GetName()
        segments.append(VertebraSegment(segment_id, number, name, *_measure(labels, number, boxes[segment_id])))
    segments.sort(key=lambda one: -one.centre_ras_mm[2] if one.centre_ras_mm else np.inf)
    return Vertebrae(labels, segments, boxes, levels.notes)


def segment_named(segmentation, text: str, numbers: str | None = None) -> str:
    """The id of the segment with that id, name or level; ``numbers`` as in :func:`vertebra_levels`.

    Raises:
        SpineError: there is none, or no segmentation.
    """
    if segmentation is None:
        raise SpineError("No segmentation of the vertebrae is chosen: choose one, or segment first.")
    ids, inner = segment_ids(segmentation), segmentation.GetSegmentation()
    if text in ids:
        return text
    named = [one for one in ids if inner.GetSegment(one).GetName() == text]
    wanted = verse_of_name(text)
    if not named and wanted is not None:
        named = [one for one, number in vertebra_numbers(segmentation, numbers).items() if number == wanted]
    if not named:
        raise SpineError(f"The segmentation has no vertebra '{text}': choose one of its segments.")
    return named[0]


def import_vertebrae(folder: str | Path, result: Mapping, inputs: RunInputs) -> ImportedVertebrae | None:
    """Bring the result of job "vertebrae" into the scene, all of it or nothing.

    Args:
        folder: where the job wrote its files.
        result: what the job answered.
        inputs: of ``SpineLib.scene.runs.export_inputs``, with the role "CT"; it is released.

    Returns:
        The new node; None when the scene was closed meanwhile.

    Raises:
        SpineError: the file cannot be read or does not fit the CT any more. The scene is then as it was.
    """
    try:
        if inputs.scene_closed:
            return None
        labels = read_volume(Path(folder) / result["labels"], "vertebrae")
        entries = [vertebra_entry(int(one["label"]), one["name"]) for one in result["vertebrae"]]
        name = result_name(inputs.name("CT"), result["provenance"]).replace(" metastases", " vertebrae", 1)
        node, ids = add_labels([(labels, entries)], inputs.node("CT"), name=name, provenance=result["provenance"])
        node.GetDisplayNode().SetOpacity2DFill(0.3)
    finally:
        inputs.release()
    return ImportedVertebrae(node, ids, list(result.get("notes", ())))


def vertebra_entry(label: int, name: str) -> Entry:
    """What a vertebra becomes as a segment."""
    return Entry(label, f"Vertebra_{name}", name, vertebra_colour(label), vertebra_terminology(name))


def preselect_ct() -> dict:
    """The scene's CT and its vertebrae: {"ct": volume node, "vertebrae": segmentation node}; what is not clear is
    missing. A CT is told by its DICOM modality, by its name, or as the only volume."""
    volumes = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if not node.GetHideFromEditors() and node.GetClassName() == "vtkMRMLScalarVolumeNode"
    ]
    found, named = {}, [node for node in volumes if _looks_like_ct(node)]
    if named or len(volumes) == 1:
        found["ct"] = (named or volumes)[0]
    segmentations = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        if not node.GetHideFromEditors() and provenance_of(node).get("task") != "column" and _has_levels(node)
    ]
    if len(segmentations) > 1:  # what is hidden is not what is looked at
        segmentations = [node for node in segmentations if node.GetDisplayVisibility()]
    if len(segmentations) == 1:
        found["vertebrae"] = segmentations[0]
    return found


def _looks_like_ct(node) -> bool:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(node)
    if item and hierarchy.GetItemAttribute(item, "DICOM.Modality"):
        return hierarchy.GetItemAttribute(item, "DICOM.Modality") == "CT"
    words = "".join(c if c.isalnum() else " " for c in (node.GetName() or "").lower()).split()
    return "ct" in words


def _has_levels(segmentation) -> bool:
    try:
        return any(number in VERSE for number in vertebra_numbers(segmentation).values())
    except SpineError:
        return False


def _centre(segmentation, segment_id: str) -> np.ndarray | None:
    """Where a segment lies, LPS mm in the segmentation's own space; None of an empty one."""
    centre = segmentation.GetSegmentCenterRAS(segment_id)
    return None if centre is None else RAS_LPS[:3, :3] @ np.array(centre, float)


def _measure(labels: Volume, number: int, box: tuple[slice, slice, slice]) -> tuple:
    """(ml, centre RAS mm, whether it touches the image's edge) of a label that lies in a box; () where it is empty."""
    inside = np.argwhere(labels.array[box] == number)
    if not len(inside):
        return ()
    inside += [part.start for part in box]
    centre = (RAS_LPS @ labels.ijk_to_lps @ [*inside.mean(axis=0)[::-1], 1])[:3]
    border = bool((inside.min(axis=0) == 0).any() or (inside.max(axis=0) == np.array(labels.shape) - 1).any())
    return len(inside) * labels.voxel_volume_ml, tuple(map(float, centre)), border
