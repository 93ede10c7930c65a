"""The lesion table: measured from the segments as they are now, so that it stays true after edits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import slicer
import vtk

from SpineLib.metrics.lesion import LESION_MEASURES
from SpineLib.scene.masks import segment_box, segment_ids
from SpineLib.scene.nodes import volume_from_node
from SpineLib.scene.results import segment_tag
from SpineLib.scene.review import review_of
from SpineLib.scene.segmentvolumes import on_one_grid
from SpineLib.scene.surfaces import number
from SpineLib.tasks.segmentation.lesions import Lesion, measure_lesion
from SpineLib.tasks.segmentation.naming import LESION_ID, LEVEL, PROBABILITY
from SpineLib.volume import Volume
from SpineLib.volume.review import REJECTED

#: Node reference from a table to its segmentation.
SEGMENTATION_ROLE = "SpineOncology.Segmentation"

#: Headings of the columns and their units.
COLUMNS = {"Lesion": "", "Level": "", "Review": "", **{one.heading: one.unit for one in LESION_MEASURES.values()}}

_VOLUME_IN_NAME = re.compile(r" \(\d+(\.\d+)? ml\)")


@dataclass(frozen=True)
class MeasuredSegment:
    """A segment and its measures.

    Attributes:
        segment_id: id in the segmentation.
        name: of the segment.
        lesion: :class:`SpineLib.tasks.segmentation.lesions.Lesion`, in world RAS; None when the segment is empty.
        review: what a reader thinks of it, one of :data:`SpineLib.volume.review.REVIEWS`, or "".
    """

    segment_id: str
    name: str
    lesion: Lesion | None
    review: str = ""

    def row(self) -> tuple:
        """Values in the order of :data:`COLUMNS`; nan where there is nothing to measure."""
        if self.lesion is None:
            return (self.name, "", self.review, 0.0, *([float("nan")] * (len(COLUMNS) - 4)))
        return (
            self.name,
            self.lesion.level,
            self.review,
            *(number(one.of(self.lesion)) for one in LESION_MEASURES.values()),
        )


def measure_segments(
    segmentation_node, volume_node=None, probability_node=None, ids: Sequence[str] | None = None
) -> list[MeasuredSegment]:
    """Measure segments as they are now.

    Args:
        segmentation_node: read only.
        volume_node: the volume the segmentation was made from; its voxels are counted. None: those of the grid that
            the segmentation remembers.
        probability_node: volume on the same grid; ignored when it has another size.
        ids: which segments; None: all.

    Raises:
        SpineError: a warping transform, no voxels.
    """
    segmentation, measured = segmentation_node.GetSegmentation(), []
    wanted = [one for one in (segment_ids(segmentation_node) if ids is None else ids) if segmentation.GetSegment(one)]
    if volume_node is None:
        grid, parts = on_one_grid(segmentation_node, wanted, "lesions")
    else:
        grid = volume_from_node(volume_node, "reference volume")
        parts = [(one, *segment_box(segmentation_node, one, volume_node)) for one in wanted]
    probability = None
    if probability_node is not None and probability_node.GetImageData() is not None:
        probability = slicer.util.arrayFromVolume(probability_node)
        if probability.shape != grid.shape:
            probability = None
    for place, (segment_id, box, mask) in enumerate(parts, 1):
        segment = segmentation.GetSegment(segment_id)
        inside = None if probability is None else probability[box]
        tag = segment_tag(segment, LESION_ID)
        lesion = measure_lesion(_cut(grid, box, mask), inside, int(tag) if tag.isdigit() else place)
        if lesion is not None:
            lesion = replace(lesion, level=segment_tag(segment, LEVEL))
        if lesion is not None and probability is None:
            lesion = replace(lesion, mean_probability=_stored_probability(segment))
        name = _VOLUME_IN_NAME.sub("", segment.GetName() or segment_id)
        measured.append(MeasuredSegment(segment_id, name, lesion, review_of(segmentation_node, segment_id)))
    return measured


def add_table(measured: Sequence[MeasuredSegment], name: str, segmentation_node=None):
    """Add a table node with a row for each segment; returns it."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
    if segmentation_node is not None:
        node.SetNodeReferenceID(SEGMENTATION_ROLE, segmentation_node.GetID())
    update_table(node, measured)
    return node


def update_table(node, measured: Sequence[MeasuredSegment]) -> None:
    """Replace the rows of a table that :func:`add_table` made, without what was rejected; one event to who watches."""
    rows = [segment.row() for segment in measured if segment.review != REJECTED]
    modifying = node.StartModify()
    try:
        node.RemoveAllColumns()
        for index, (title, unit) in enumerate(COLUMNS.items()):
            column = vtk.vtkStringArray() if index < 3 else vtk.vtkDoubleArray()
            column.SetName(title)
            for row in rows:
                column.InsertNextValue(row[index])
            node.AddColumn(column)
            if unit:
                node.SetColumnUnitLabel(title, unit)
    finally:
        node.EndModify(modifying)


def _cut(grid: Volume, box: tuple[slice, slice, slice], mask: np.ndarray) -> Volume:
    """``mask`` on the part ``box`` (k, j, i) of a grid."""
    first = [part.start for part in reversed(box)]
    return Volume(mask, grid.spacing, (grid.ijk_to_lps @ [*first, 1])[:3], grid.direction)


def _stored_probability(segment) -> float:
    """Mean probability when the lesion was found; nan for a segment that somebody drew."""
    text = segment_tag(segment, PROBABILITY)
    return float(text) if text else float(np.nan)
