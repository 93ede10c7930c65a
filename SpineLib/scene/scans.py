"""Two scans of one patient in one scene: where each lies without and with the registration between them.

A registration is a linear transform node under which the nodes of the scan after (volumes, necrosis, points) lie, or
may lie; it moves them onto the scan before. Its own parent is what the scan after lay under before, so that nothing
else moves. "Without the registration" means: as if that node were not among a node's parents.
"""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from SpineLib.errors import SpineError
from SpineLib.scene.nodes import RAS_LPS, ijk_to_ras, transform_to_world, volume_from_node
from SpineLib.volume import Volume

#: Attribute of a transform node that a registration made; its value: the registration as JSON.
REGISTRATION = "SpineOncology.Registration"
#: Node reference from what lies under a registration, or lay there when it was last put, to that registration.
MOVED_BY = "SpineOncology.MovedBy"
#: Attribute of a volume node whose image is simulated.
SIMULATED = "SpineOncology.Simulated"


def is_registration(transform) -> bool:
    """Whether :func:`SpineLib.scene.registration.import_registration` made the transform node."""
    return transform is not None and transform.GetAttribute(REGISTRATION) is not None


def to_world_unregistered(node, registration=None, what: str = "scan after") -> np.ndarray:
    """4 x 4, RAS mm: from a node's own space to the world as if no registration moved it.

    Args:
        node: transformable node.
        registration: a transform node that is left out, too, whoever made it.

    Raises:
        SpineError: a warping transform.
    """
    matrix, parent = np.eye(4), node.GetParentTransformNode()
    while parent is not None:
        if not parent.IsLinear():
            transform_to_world(parent, what)
        if parent is not registration and not is_registration(parent):
            own = vtk.vtkMatrix4x4()
            parent.GetMatrixTransformToParent(own)
            matrix = slicer.util.arrayFromVTKMatrix(own) @ matrix
        parent = parent.GetParentTransformNode()
    return matrix


def unregistered_parent(node):
    """The transform node over a node, registrations left out; None: the world."""
    parent = node.GetParentTransformNode()
    while is_registration(parent):
        parent = parent.GetParentTransformNode()
    return parent


def unregistered_volume(node, registration=None, name: str = "scan after", *, voxels: bool = True) -> Volume:
    """As :func:`SpineLib.scene.nodes.volume_from_node`, where the volume lies without the registration.

    Raises:
        SpineError: as there.
    """
    # Of a twin without parents, as a registration by hand may shear what lies under it, which no volume can.
    if node is None or node.GetImageData() is None or not isinstance(node, slicer.vtkMRMLScalarVolumeNode):
        return volume_from_node(node, name, voxels=voxels)
    twin = slicer.vtkMRMLScalarVolumeNode()
    twin.SetAndObserveImageData(node.GetImageData())
    matrix = to_world_unregistered(node, registration, name) @ ijk_to_ras(node)
    twin.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    return volume_from_node(twin, name, voxels=voxels)


def after_to_before(registration) -> np.ndarray:
    """4 x 4, LPS mm: what a registration does to points of the scan after, in the world.

    Raises:
        SpineError: the transform warps, is singular, or is under one that is.
    """
    to_world = transform_to_world(registration, "registration")
    above = transform_to_world(registration.GetParentTransformNode(), "registration")
    for matrix in (above, to_world):
        scales = np.linalg.svd(matrix[:3, :3], compute_uv=False)
        if not np.isfinite(matrix).all() or scales[-1] < 1e-3 * max(scales[0], 1.0):
            raise SpineError(
                "The transform is singular (it flattens space): reset it in the Transforms module, or register again."
            )
    return RAS_LPS @ to_world @ np.linalg.inv(above) @ RAS_LPS


def put_under(registration, nodes) -> list:
    """Move nodes of the scan after under a registration, in place of an earlier one; they move onto the scan before.

    What was put there before and does not lie there any more stays where it is: it was hardened, or moved by hand, and
    would be moved a second time (:func:`taken_away`).

    Returns:
        The nodes that were left where they are, as they lie under another transform than the registered scan did.
    """
    left = []
    for node in nodes:
        if node is None or node.GetScene() is not slicer.mrmlScene or taken_away(registration, [node]):
            continue
        if unregistered_parent(node) is registration.GetParentTransformNode():
            node.SetAndObserveTransformNodeID(registration.GetID())
            node.SetNodeReferenceID(MOVED_BY, registration.GetID())
        elif not lies_under(node, registration):
            left.append(node)
    return left


def take_off(registration, nodes) -> None:
    """The inverse of :func:`put_under`."""
    parent = registration.GetParentTransformNode()
    for node in nodes:
        if node is not None and node.GetNodeReference(MOVED_BY) is registration:
            node.SetNodeReferenceID(MOVED_BY, None)
        if node is not None and node.GetParentTransformNode() is registration:
            node.SetAndObserveTransformNodeID(parent.GetID() if parent is not None else None)


def taken_away(registration, nodes) -> list:
    """Those nodes that were put under a registration and do not lie there any more: hardened, or moved by hand."""
    if registration is None:
        return []
    put = [node for node in nodes if node is not None and node.GetNodeReference(MOVED_BY) is registration]
    return [node for node in put if not lies_under(node, registration)]


def lies_under(node, registration) -> bool:
    """Whether the registration moves the node."""
    parent = node.GetParentTransformNode() if node is not None else None
    while parent is not None:
        if parent is registration:
            return True
        parent = parent.GetParentTransformNode()
    return False


def points_lps(markups, to_world: np.ndarray) -> list[list[float] | None]:
    """The points of a list, LPS mm, each at its place in the list; None where one is not placed.

    Args:
        to_world: 4 x 4, RAS mm, from the list's own space.
    """
    points: list[list[float] | None] = []
    for index in range(markups.GetNumberOfControlPoints()):
        placed = markups.GetNthControlPointPositionStatus(index) == markups.PositionDefined
        own = np.append(markups.GetNthControlPointPosition(index), 1.0)
        points.append((RAS_LPS @ to_world @ own)[:3].tolist() if placed else None)
    return points
