"""Segments as masks on a whole image's grid, in the world: what a comparison reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import slicer

from SpineLib.errors import SpineError
from SpineLib.scene.masks import segment_box, segment_on_grid
from SpineLib.scene.nodes import RAS_LPS
from SpineLib.scene.results import source_volume
from SpineLib.scene.review import kept_ids
from SpineLib.scene.scans import to_world_unregistered, unregistered_volume
from SpineLib.volume import Volume
from SpineLib.volume.triples import triple

#: Voxels around segments of which neither image nor grid is known; what lies beyond counts as not seen.
_BORDER = 20


def segments_volume(segmentation, ids: Sequence[str] | None, name: str, registration=None) -> Volume:
    """Segments as one mask (uint8), on the grid of the image they were drawn on.

    Where that image is not in the scene any more, the grid is what the segmentation remembers of it, else that of the
    segments' own labelmaps with a border.

    Args:
        segmentation: segmentation node; it is not modified.
        ids: of its segments; None: all that were not rejected.
        name: "metastasis", for messages.
        registration: transform node that is left out of the mask's place (:mod:`SpineLib.scene.scans`).

    Returns:
        Mask, LPS, mm.

    Raises:
        SpineError: no segmentation, a segment that is gone, nothing in the segments, a warping transform.
    """
    grid, boxes = on_one_grid(segmentation, ids, name, registration)
    array = np.zeros(grid.shape, np.uint8)
    for _, box, part in boxes:
        array[box] |= part
    if not any(part.any() for *_, part in boxes):  # the boxes are small, the image may not be
        raise SpineError(f"The segment of the {name} is empty: draw it in the Segment Editor, or choose another one.")
    return grid.with_array(array, name)


def segments_labels(segmentation, numbers: Mapping[str, int], name: str) -> tuple[Volume, dict[str, tuple]]:
    """As :func:`segments_volume`, each segment with a number of its own (uint8); where they overlap, the later one's.

    Args:
        numbers: segment id to 1 to 255.

    Returns:
        The labels, and segment id to the index box (k, j, i) that holds the segment.

    Raises:
        SpineError: as there.
    """
    grid, boxes = on_one_grid(segmentation, list(numbers), name)
    array = np.zeros(grid.shape, np.uint8)
    for segment_id, box, part in boxes:
        array[box][part] = numbers[segment_id]
    if not any(part.any() for *_, part in boxes):
        raise SpineError(f"The segments of the {name} are empty: draw them in the Segment Editor, or choose others.")
    return grid.with_array(array, name), {segment_id: box for segment_id, box, _ in boxes}


def on_one_grid(segmentation, ids: Sequence[str] | None, name: str, registration=None):
    """Grid of the image (its voxels are no matter), and (segment id, box, mask in the box) of each segment.

    As :func:`segments_volume`, but segments may be empty.
    """
    if segmentation is None or segmentation.GetScene() is None:
        raise SpineError(f"No segmentation of the {name} is chosen: choose one, or segment now.")
    ids = kept_ids(segmentation) if ids is None else list(ids)
    source = source_volume(segmentation)
    if source is not None and source.GetImageData() is not None:
        grid = unregistered_volume(source, registration, name, voxels=False)
        return grid, [(one, *segment_box(segmentation, one, source)) for one in ids]
    size, matrix = _remembered_grid(segmentation.GetSegmentation())
    world = RAS_LPS @ to_world_unregistered(segmentation, registration, name) @ matrix
    spacing = np.linalg.norm(world[:3, :3], axis=0)
    grid = Volume(np.zeros(size[::-1], np.uint8), spacing, world[:3, 3], world[:3, :3] / spacing)
    return grid, [(one, *segment_on_grid(segmentation, one, size, np.linalg.inv(matrix))) for one in ids]


def _remembered_grid(segmentation) -> tuple[tuple[int, int, int], np.ndarray]:
    """Size (i, j, k) of the grid a segmentation was drawn on, and 4 x 4 from its index to the segmentation's RAS."""
    converter = slicer.vtkSegmentationConverter
    text = segmentation.GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    border = 0
    if not text:
        text = segmentation.DetermineCommonLabelmapGeometry(segmentation.EXTENT_UNION_OF_SEGMENTS, None)
        border = _BORDER
    image = slicer.vtkOrientedImageData()
    if not text or not converter.DeserializeImageGeometry(text, image, False):
        return (1, 1, 1), np.eye(4)
    extent = np.array(image.GetExtent()).reshape(3, 2) + (-border, border)
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    image.GetImageToWorldMatrix(matrix)
    matrix = slicer.util.arrayFromVTKMatrix(matrix)
    matrix[:3, 3] += matrix[:3, :3] @ extent[:, 0]
    return triple(int(n) for n in np.maximum(extent[:, 1] - extent[:, 0] + 1, 1)), matrix
