"""How far two segments agree, wherever they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import slicer

from SpineLib.metrics.agreement import AGREEMENT_MEASURES
from SpineLib.scene.masks import segment_mask
from SpineLib.scene.nodes import volume_from_node
from SpineLib.scene.results import place_beside
from SpineLib.scene.review import kept_ids
from SpineLib.scene.surfaces import fill_table, number

if TYPE_CHECKING:
    from SpineLib.tasks.segmentation.agreement import AgreementRow

#: Node references from a table of agreement to both segmentations.
REFERENCE_ROLE, RESULT_ROLE = "SpineOncology.Reference", "SpineOncology.Result"


def compare_segments(reference, result, volume_node) -> list[AgreementRow]:
    """Agreement of a result with a reference on the grid of a volume, all together and lesion by lesion.

    Args:
        reference: (segmentation node, segment id, several ids, or None for all its segments): the truth.
        result: the same, what is judged.
        volume_node: the volume whose voxels are counted, normally the one the result was made from.

    Returns:
        Rows of :func:`SpineLib.tasks.segmentation.agreement.agreement`; of one segment beside one other there is no
        more to tell than the first row does.

    Raises:
        SpineError: a segment that is gone, a warping transform, nothing in either of them.
    """
    from SpineLib.tasks.segmentation.agreement import agreement

    grid = volume_from_node(volume_node, "reference volume")
    return agreement(*(_named_masks(node, ids, grid, volume_node) for node, ids in (reference, result)))


def fill_agreement(rows: Sequence[AgreementRow], reference, result, existing=None):
    """The table node of an agreement, a line for each lesion; ``existing`` is filled anew where it is still there."""
    table = existing
    if table is None or table.GetScene() is not slicer.mrmlScene:
        name = f"{result.GetName()} beside {reference.GetName()}"
        table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", slicer.mrmlScene.GenerateUniqueName(name))
        place_beside(table, result)
    table.SetNodeReferenceID(REFERENCE_ROLE, reference.GetID())
    table.SetNodeReferenceID(RESULT_ROLE, result.GetID())
    fill_table(
        table,
        {
            "Reference": [row.reference for row in rows],
            "Result": [row.result for row in rows],
            **{
                measure.heading: [number(measure.in_unit(row.values[key])) for row in rows]
                for key, measure in AGREEMENT_MEASURES.items()
            },
            "Remark": [row.remark for row in rows],
        },
    )
    return table


def _named_masks(node, ids: str | Iterable[str] | None, grid, volume_node):
    wanted = kept_ids(node) if ids is None else [ids] if isinstance(ids, str) else list(ids)
    found = []
    for segment_id in wanted:
        mask = segment_mask(node, segment_id, volume_node)  # complains of a segment that is gone
        segment = node.GetSegmentation().GetSegment(segment_id)
        found.append((segment.GetName() or segment_id, grid.with_array(mask.astype(np.uint8))))
    return found


def union_mask(segmentation_node, ids: str | Iterable[str] | None, volume_node) -> np.ndarray:
    """bool array (k, j, i): voxels of ``volume_node`` in any of the segments (None: all that were not rejected)."""
    if ids is None:
        ids = kept_ids(segmentation_node)
    elif isinstance(ids, str):
        ids = [ids]
    image = volume_node.GetImageData()
    union = np.zeros(image.GetDimensions()[::-1], bool)
    for segment_id in ids:
        union |= segment_mask(segmentation_node, segment_id, volume_node)
    return union
