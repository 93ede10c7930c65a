"""Lesions become segments: exact on the source's grid, with terminology, colours and provenance; all or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

from SpineLib.errors import SpineError
from SpineLib.scene.masks import bounding_box
from SpineLib.scene.nodes import RAS_LPS, ijk_to_ras, ijk_to_world, transform_to_world, vtk_array
from SpineLib.tasks.colours import nth_colour
from SpineLib.tasks.segmentation.naming import (
    LESION_ID,
    LEVEL,
    PROBABILITY,
    PROVENANCE,
    Target,
    lesion_name,
    lesion_terminology,
    provenance_text,
    target_of,
)
from SpineLib.volume import Volume

#: Node reference from a result to the volume it was made from (beside Slicer's own reference image geometry).
SOURCE_ROLE = "SpineOncology.Source"


@dataclass(frozen=True)
class Entry:
    """What a label becomes as a segment.

    Attributes:
        label: value in the labels.
        id: wanted id of the segment; made unique.
        name, colour, terminology: of the segment; colour r, g, b from 0 to 1.
        tags: further tags.
    """

    label: int
    id: str
    name: str
    colour: tuple[float, float, float]
    terminology: str
    tags: Mapping[str, str] = field(default_factory=dict)


def add_segmentation(
    labels: Volume,
    lesions: Sequence,
    source_node,
    *,
    name: str,
    provenance: Mapping,
    existing=None,
    terminology: str | None = None,
):
    """Add each lesion as a segment of a new segmentation node, or of one the user chose.

    Args:
        labels: lesion ids on the grid of ``source_node`` (as :func:`volume_from_node` gave it); 0 is background.
        lesions: :class:`SpineLib.tasks.segmentation.segment.Lesion` or anything with ``id``, ``volume_ml``,
            ``mean_probability``.
        source_node: volume node the labels were made from. The segmentation shares its parent transform, so labels lie
            on its voxels exactly, even when it was moved since. ``None`` (it was deleted): the labels lie where the
            image lay in the world.
        name: name of a new segmentation node.
        provenance: JSON-able; becomes a node attribute (new node) and a tag of each segment.
        existing: segmentation node that gets the segments instead; its own segments are not touched.
        terminology: terminology string of the segments; None: that of what the provenance says they show.

    Returns:
        (segmentation node, segment ids in the order of ``lesions``).

    Raises:
        SpineError: the source has another size than the labels; the chosen segmentation is made of surfaces, or a warp
            lies between it and the source. The scene is then as it was.
    """
    target = target_of(provenance)
    if terminology is not None:
        target = replace(target, terminology=terminology)
    entries = [_lesion_entry(lesion, target) for lesion in lesions]
    return add_labels([(labels, entries)], source_node, name=name, provenance=provenance, existing=existing)


def add_labels(
    parts: Sequence[tuple[Volume, Sequence[Entry]]], source_node, *, name: str, provenance: Mapping, existing=None
):
    """Add labels as segments; as :func:`add_segmentation`, whatever they show.

    Args:
        parts: (labels, what each becomes), all on one grid; those of one part share a labelmap, parts may overlap.
    """
    if source_node is not None and source_node.GetScene() is not slicer.mrmlScene:
        source_node = None
    labels, text = parts[0][0], provenance_text(provenance)
    _check_size(labels, source_node)
    if existing is not None:
        return existing, _add_to_existing(existing, parts, source_node, text)

    with scene_unchanged_on_failure():
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.CreateDefaultDisplayNodes()
        node.SetAttribute(PROVENANCE, text)
        if source_node is None:
            matrix = RAS_LPS @ labels.ijk_to_lps
            _set_geometry(node, labels.shape, matrix)
        else:
            matrix = ijk_to_ras(source_node)
            # The transform first: the geometry below is stored in the segmentation's own space.
            node.SetAndObserveTransformNodeID(source_node.GetTransformNodeID())
            node.SetReferenceImageGeometryParameterFromVolumeNode(source_node)
            node.SetNodeReferenceID(SOURCE_ROLE, source_node.GetID())
            place_beside(node, source_node)
        ids = _add_segments(node, _segments(parts, matrix, text))
    return node, ids


@contextmanager
def scene_unchanged_on_failure():
    """Remove every node that was added to the scene inside the block when the block raises."""
    scene = slicer.mrmlScene
    before = _node_ids(scene)
    try:
        yield
    except BaseException:
        for node_id in _node_ids(scene) - before:
            node = scene.GetNodeByID(node_id)  # may be gone already with the node it belongs to
            if node is not None:
                scene.RemoveNode(node)
        raise


def place_beside(node, source_node) -> None:
    """Put ``node`` into the subject-hierarchy study or folder that holds ``source_node``."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    source_item = hierarchy.GetItemByDataNode(source_node)
    if not source_item:
        return
    parent = hierarchy.GetItemParent(source_item)
    item = hierarchy.GetItemByDataNode(node)
    if item:
        hierarchy.SetItemParent(item, parent)
    else:
        hierarchy.CreateItem(parent, node)


def provenance_of(node) -> dict:
    """The provenance that :func:`add_segmentation` stored on a node; empty when there is none."""
    return json.loads(node.GetAttribute(PROVENANCE) or "{}")


def source_volume(segmentation_node):
    """The volume node a segmentation was made from, or None: the run's own reference first, then Slicer's."""
    return segmentation_node.GetNodeReference(SOURCE_ROLE) or segmentation_node.GetNodeReference(
        segmentation_node.GetReferenceImageGeometryReferenceRole()
    )


def segment_tag(segment, tag: str) -> str:
    """A tag of a ``vtkSegment``; "" when it has none of that name."""
    value = vtk.reference("")
    return str(value.get()) if segment.GetTag(tag, value) else ""


def _check_size(labels: Volume, source_node) -> None:
    image = None if source_node is None else source_node.GetImageData()
    if source_node is not None and (image is None or image.GetDimensions() != labels.shape[::-1]):
        raise SpineError(
            "The source volume has changed its size since the run started, so the result does not fit it any more: "
            "run it again."
        )


def _set_geometry(node, shape: tuple[int, int, int], matrix: np.ndarray) -> None:
    """Tell a segmentation without an image which grid (k, j, i; index to its own RAS) new segments are drawn on."""
    converter, grid = slicer.vtkSegmentationConverter, slicer.vtkOrientedImageData()
    grid.SetExtent(0, shape[2] - 1, 0, shape[1] - 1, 0, shape[0] - 1)
    grid.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(matrix))
    node.GetSegmentation().SetConversionParameter(
        converter.GetReferenceImageGeometryParameterName(), converter.SerializeImageGeometry(grid)
    )


def _add_to_existing(node, parts, source_node, text) -> list[str]:
    segmentation = node.GetSegmentation()
    labelmap = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    if segmentation.GetSourceRepresentationName() != labelmap:
        raise SpineError(
            "The chosen segmentation is made of surfaces, which cannot hold voxels exactly: choose a new segmentation "
            "as output."
        )
    if source_node is not None and node.GetParentTransformNode() is source_node.GetParentTransformNode():
        matrix = ijk_to_ras(source_node)
    else:
        world = RAS_LPS @ parts[0][0].ijk_to_lps if source_node is None else ijk_to_world(source_node, "source volume")
        matrix = np.linalg.inv(transform_to_world(node.GetParentTransformNode(), "chosen segmentation")) @ world
    taken = {segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())}
    segments = _segments(parts, matrix, text)
    for segment, _ in segments:
        name, number = segment.GetName(), 2
        while segment.GetName() in taken:
            segment.SetName(f"{name} #{number}")
            number += 1
    with scene_unchanged_on_failure():
        if node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()
        ids = _add_segments(node, segments)
    role = node.GetReferenceImageGeometryReferenceRole()
    if source_node is not None and node.GetNodeReference(role) is None and node.GetNodeReference(SOURCE_ROLE) is None:
        # A segmentation nobody has tied to an image yet; without this the Segment Editor and DICOM export have none.
        node.SetReferenceImageGeometryParameterFromVolumeNode(source_node)
        node.SetNodeReferenceID(SOURCE_ROLE, source_node.GetID())
    return ids


def _lesion_entry(lesion, target: Target) -> Entry:
    tags = {LESION_ID: str(lesion.id), PROBABILITY: f"{lesion.mean_probability:.4f}"}
    if getattr(lesion, "level", ""):
        tags[LEVEL] = lesion.level
    return Entry(
        int(lesion.id),
        f"Lesion_{lesion.id}",
        lesion_name(lesion, target),
        nth_colour(lesion.id, target.key),
        lesion_terminology(lesion, target),
        tags,
    )


def _segments(parts, matrix: np.ndarray, text: str) -> list[tuple]:
    """(segment, wanted id); those of a part share a labelmap. ``matrix``: from its index to the segmentation's RAS."""
    segments = []
    for labels, entries in parts:
        image = oriented_image(labels.array, matrix)
        for entry in entries:
            segment = slicer.vtkSegment()
            segment.SetName(entry.name)
            segment.SetNameAutoGenerated(False)
            segment.SetColor(*entry.colour)
            segment.SetColorAutoGenerated(False)
            segment.SetTerminology(entry.terminology)
            for tag, value in {PROVENANCE: text, **entry.tags}.items():
                segment.SetTag(tag, value)
            segment.SetLabelValue(entry.label)
            segment.AddRepresentation(
                slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName(), image
            )
            segments.append((segment, entry.id))
    return segments


def _add_segments(node, segments) -> list[str]:
    """Add (segment, wanted id) pairs, or none of them when one is refused."""
    segmentation, added = node.GetSegmentation(), []
    modifying = node.StartModify()
    try:
        for segment, wanted in segments:
            segment_id = segmentation.GenerateUniqueSegmentID(wanted)
            if not segmentation.AddSegment(segment, segment_id):
                raise SpineError("Slicer refused a segment of the result: choose a new segmentation as output.")
            added.append(segment_id)
    except BaseException:
        for segment_id in added:
            segmentation.RemoveSegment(segment_id)
        raise
    finally:
        node.EndModify(modifying)
    return added


def oriented_image(labels: np.ndarray, matrix: np.ndarray):
    """``vtkOrientedImageData`` of labels (k, j, i), cut to what is not 0; ``matrix``: index to RAS mm."""
    box = bounding_box(labels) or (slice(0, 1),) * 3
    cut = labels[box]
    small = np.uint8 if cut.max(initial=0) < 256 else np.uint16
    image = slicer.vtkOrientedImageData()
    # Extent keeps the cut at its place on the full grid: first and last i, j, k.
    image.SetExtent(*(index for part in reversed(box) for index in (part.start, part.stop - 1)))
    scalars = numpy_support.numpy_to_vtk(vtk_array(cut.astype(small)).ravel(), deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(matrix))
    return image


def _node_ids(scene) -> set[str]:
    return {scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())}
