"""Voxels of a segment on a volume's grid, read without touching the scene."""

from __future__ import annotations

import numpy as np
import slicer
from vtk.util import numpy_support

from SpineLib.errors import SpineError
from SpineLib.scene.nodes import ijk_to_ras, transform_to_world
from SpineLib.volume.triples import triple


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
    box, part = segment_box(segmentation_node, segment_id, volume_node)
    mask = np.zeros(volume_node.GetImageData().GetDimensions()[::-1], bool)
    mask[box] = part
    return mask


def segment_box(segmentation_node, segment_id: str, volume_node) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """:func:`segment_mask` cut to where the segment can be: (slices k, j, i of the volume, bool array of that size).

    Much faster for a small lesion in a large volume.
    """
    size = volume_node.GetImageData().GetDimensions() if volume_node.GetImageData() else (0, 0, 0)
    if not all(size):
        raise SpineError("The reference volume has no voxels: choose another volume.")
    return segment_on_grid(segmentation_node, segment_id, size, _own_to_index(segmentation_node, volume_node))


def segment_on_grid(
    segmentation_node, segment_id: str, size: tuple[int, int, int], to_index: np.ndarray
) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """:func:`segment_box` on any grid.

    Args:
        size: voxels along i, j, k.
        to_index: 4 x 4, from the segmentation's own RAS mm to index (i, j, k).
    """
    image, label = _labelmap(segmentation_node, segment_id)
    nowhere = triple([slice(0, 0)] * 3), np.zeros((0, 0, 0), bool)
    if image is None:
        return nowhere
    voxels = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1]) == label
    filled = bounding_box(voxels)
    if filled is None:
        return nowhere
    voxels = voxels[filled]
    first = np.array(image.GetExtent()[::2]) + [part.start for part in filled[::-1]]  # i, j, k of the cut's first voxel
    to_volume = to_index @ _image_to_own(image)

    # Only the box of the volume that the segment can reach is looked at; corners are voxel edges, not centres.
    edges = np.array([first - 0.5, first + voxels.shape[::-1] - 0.5])
    corners = np.array([[edges[a, 0], edges[b, 1], edges[c, 2], 1] for a in (0, 1) for b in (0, 1) for c in (0, 1)]).T
    reach = (to_volume @ corners)[:3]
    start = np.clip(np.floor(reach.min(1)).astype(int), 0, size)
    stop = np.clip(np.ceil(reach.max(1)).astype(int) + 1, 0, size)
    if np.any(stop <= start):
        return nowhere
    box = triple(slice(int(a), int(b)) for a, b in zip(start[::-1], stop[::-1], strict=True))
    to_cut = np.linalg.inv(to_volume)
    to_cut[:3, 3] -= first
    return box, _sample(voxels, to_cut, box)


def _sample(voxels: np.ndarray, matrix: np.ndarray, box: tuple[slice, slice, slice]) -> np.ndarray:
    """Values of ``voxels`` (k, j, i) at the voxels of ``box``; ``matrix``: index (i, j, k) there to index here."""
    sampled = np.zeros([part.stop - part.start for part in box], bool)
    size = np.array(voxels.shape[::-1])[:, None]
    j, i = np.mgrid[box[1], box[2]].reshape(2, -1)
    for row, k in enumerate(range(box[0].start, box[0].stop)):  # slice by slice: a whole volume would take gigabytes
        place = matrix[:3] @ np.stack([i, j, np.full(len(i), k), np.ones(len(i))])
        # Rounded first: a centre that falls between two voxels must not be decided by the 16th digit.
        index = np.floor(np.round(place, 6) + 0.5).astype(int)
        inside = np.all((index >= 0) & (index < size), axis=0)
        values = np.zeros(len(i), bool)
        values[inside] = voxels[index[2, inside], index[1, inside], index[0, inside]]
        sampled[row] = values.reshape(sampled.shape[1:])
    return sampled


def bounding_box(array: np.ndarray) -> tuple[slice, slice, slice] | None:
    """Slices that hold everything of ``array`` that is not 0; None when all is 0."""
    box: list[slice] = []
    for axis in range(array.ndim):
        # Each axis looks only at what the axes before have left.
        left = array[tuple(box)]
        used = np.flatnonzero(left.any(axis=tuple(n for n in range(array.ndim) if n != axis)))
        if not len(used):
            return None
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    return triple(box)


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


def _image_to_own(image) -> np.ndarray:
    """4 x 4 matrix from a labelmap's index (i, j, k) to the segmentation's own RAS mm."""
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    image.GetImageToWorldMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def _own_to_index(segmentation_node, volume_node) -> np.ndarray:
    """4 x 4 matrix from the segmentation's own RAS mm to the volume's index."""
    to_ras = np.eye(4)
    if segmentation_node.GetParentTransformNode() is not volume_node.GetParentTransformNode():
        to_ras = np.linalg.inv(
            transform_to_world(volume_node.GetParentTransformNode(), "reference volume")
        ) @ transform_to_world(segmentation_node.GetParentTransformNode(), "segmentation")
    return np.linalg.inv(ijk_to_ras(volume_node)) @ to_ras
