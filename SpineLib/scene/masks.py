"""Voxels of a segment on a volume's grid, read without touching the scene."""

from __future__ import annotations

import numpy as np
import slicer
from vtk.util import numpy_support

from SpineLib.errors import SpineError
from SpineLib.scene.nodes import ijk_to_ras, transform_to_world


def segment_mask(segmentation_node, segment_id: str, volume_node) -> np.ndarray:
    """What a segment covers on the grid of a volume.

    Unlike ``slicer.util.arrayFromSegmentBinaryLabelmap`` it adds no temporary nodes and converts no representation of
    the user's segmentation, so it can run in an observer while the user edits. On the segment's own grid the mask is
    the segment's voxels bit for bit; on another grid each voxel takes the segment's value at its centre.

    Args:
        segmentation_node: may lie under other linear transforms than the volume.
        segment_id: id (not name) of one of its segments.
        volume_node: volume whose grid is wanted.

    Returns:
        bool array (k, j, i) of the volume's shape.

    Raises:
        SpineError: no such segment, no voxels in the volume, a warping transform between the two.
    """
    image, label = _labelmap(segmentation_node, segment_id)
    dimensions = volume_node.GetImageData().GetDimensions() if volume_node.GetImageData() else (0, 0, 0)
    if 0 in dimensions:
        raise SpineError("The reference volume has no voxels: choose another volume.")
    mask = np.zeros(dimensions[::-1], bool)
    if image is None:
        return mask
    first = np.array(image.GetExtent()[::2])
    voxels = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1]) == label
    filled = np.argwhere(voxels)
    if not len(filled):
        return mask
    low, high = filled.min(0), filled.max(0)
    to_volume = _segment_to_volume(segmentation_node, image, volume_node)

    # Only the box of the volume that the segment can reach is looked at; corners are voxel edges, not centres.
    box = np.array([(low - 0.5)[::-1] + first, (high + 0.5)[::-1] + first])
    corners = np.array([[box[a, 0], box[b, 1], box[c, 2], 1] for a in (0, 1) for b in (0, 1) for c in (0, 1)]).T
    reach = (to_volume @ corners)[:3]
    start = np.clip(np.floor(reach.min(1)).astype(int), 0, dimensions)
    stop = np.clip(np.ceil(reach.max(1)).astype(int) + 1, 0, dimensions)
    if np.any(stop <= start):
        return mask
    k, j, i = np.indices(tuple((stop - start)[::-1])).reshape(3, -1)
    points = np.stack([i + start[0], j + start[1], k + start[2], np.ones(len(i))])
    # Rounded first: a centre that falls between two voxels must not be decided by the 16th digit.
    index = np.floor(np.round((np.linalg.inv(to_volume) @ points)[:3], 6) + 0.5).astype(int) - first[:, None]
    inside = np.all((index >= 0) & (index < np.array(voxels.shape[::-1])[:, None]), axis=0)
    values = np.zeros(len(i), bool)
    values[inside] = voxels[index[2, inside], index[1, inside], index[0, inside]]
    mask[start[2] : stop[2], start[1] : stop[1], start[0] : stop[0]] = values.reshape(tuple((stop - start)[::-1]))
    return mask


def segment_ids(segmentation_node) -> list[str]:
    """Ids of a segmentation's segments, in their order."""
    segmentation = segmentation_node.GetSegmentation()
    return [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]


def _labelmap(segmentation_node, segment_id: str):
    """The labelmap that holds a segment (maybe with others) and its label there; (None, 0) when it is empty."""
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        raise SpineError("The segment does not exist any more: choose another one.")
    name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    image, label = segment.GetRepresentation(name), segment.GetLabelValue()
    if image is None:
        # Drawn as a surface: convert a copy, so that the user's segmentation gains no representation.
        image, label = slicer.vtkOrientedImageData(), 1
        if not slicer.vtkSlicerSegmentationsModuleLogic.GetSegmentBinaryLabelmapRepresentation(
            segmentation_node, segment_id, image, False
        ):
            raise SpineError("The segment's surface cannot be converted to voxels: check it in the Segment Editor.")
    if 0 in image.GetDimensions() or image.GetPointData().GetScalars() is None:
        return None, 0
    return image, label


def _segment_to_volume(segmentation_node, image, volume_node) -> np.ndarray:
    """4 x 4 matrix from the labelmap's index (i, j, k) to the volume's index."""
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    image.GetImageToWorldMatrix(matrix)
    to_ras = slicer.util.arrayFromVTKMatrix(matrix)
    if segmentation_node.GetParentTransformNode() is not volume_node.GetParentTransformNode():
        to_ras = (
            np.linalg.inv(transform_to_world(volume_node.GetParentTransformNode(), "reference volume"))
            @ transform_to_world(segmentation_node.GetParentTransformNode(), "segmentation")
            @ to_ras
        )
    return np.linalg.inv(ijk_to_ras(volume_node)) @ to_ras
