"""Where the views look."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import slicer

from SpineLib.scene.masks import segment_ids
from SpineLib.scene.nodes import transform_to_world


def jump_to(point: Sequence[float], node=None) -> None:
    """Centre all slice views on a point.

    Args:
        point: (r, a, s), mm; in the world, or in ``node``'s own space when a node is given.
        node: e.g. the segmentation: its parent transforms are then honoured.
    """
    if node is not None:
        to_world = transform_to_world(node.GetParentTransformNode(), "volume")
        point = (to_world @ np.append(np.asarray(point, dtype=float), 1.0))[:3]
    mode = slicer.vtkMRMLSliceNode.CenteredJumpSlice
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *map(float, point), mode)


def show_outlines(segmentations) -> None:
    """Segments as outlines in the slice views, so that the image is seen under them; nothing of them in 3-D.

    What else is shown is no longer filled: it would lie over the outlines.
    """
    for other in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        if other.GetDisplayNode() is not None and other not in segmentations:
            other.GetDisplayNode().SetVisibility2DFill(False)
    for node in segmentations:
        if node is None:
            continue
        if node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        modifying = display.StartModify()
        display.SetVisibility(True)
        display.SetVisibility2DFill(False)
        display.SetVisibility2DOutline(True)
        display.SetVisibility3D(False)
        display.EndModify(modifying)


def show_surfaces(segmentation, shown: bool = True) -> None:
    """A segmentation's closed surfaces in the 3-D view, made where they are missing; or nothing of it there."""
    if segmentation.GetDisplayNode() is None:
        segmentation.CreateDefaultDisplayNodes()
    if shown:
        segmentation.CreateClosedSurfaceRepresentation()
        segmentation.GetDisplayNode().SetVisibility(True)
    segmentation.GetDisplayNode().SetVisibility3D(shown)


def are_surfaces_shown(segmentation) -> bool:
    """Whether the 3-D view shows surfaces of a segmentation."""
    display = segmentation.GetDisplayNode()
    made = segmentation.GetSegmentation().ContainsRepresentation("Closed surface")
    return bool(display and made and display.GetVisibility() and display.GetVisibility3D())


def bounds_in_space(node) -> list[float] | None:
    """What a node shows in the 3-D view as a box (least and largest r, a, s), mm; None where it shows nothing.

    Of a segmentation these are its surfaces, not the labelmaps, which may be as large as the image.
    """
    if not node.IsA("vtkMRMLSegmentationNode"):
        bounds = [0.0] * 6
        node.GetRASBounds(bounds)
        return bounds if bounds[0] <= bounds[1] else None
    to_world = transform_to_world(node.GetParentTransformNode(), "segmentation")
    corners = []
    for segment_id in segment_ids(node):
        surface = node.GetClosedSurfaceInternalRepresentation(segment_id)
        if surface is not None and surface.GetNumberOfPoints():
            box = np.array(surface.GetBounds()).reshape(3, 2)
            corners += [[*corner, 1.0] for corner in itertools.product(*box)]
    if not corners:
        return None
    places = (np.array(corners) @ to_world.T)[:, :3]
    return [float(edge) for axis in range(3) for edge in (places[:, axis].min(), places[:, axis].max())]
