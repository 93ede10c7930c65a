"""Volume nodes to volumes and back, with transforms honoured and the user's nodes left alone."""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from SpineLib.errors import SpineError
from SpineLib.volume import Volume
from SpineLib.volume.triples import triple

#: RAS to LPS and back: Slicer's scene is RAS, :class:`Volume` is LPS, both mm.
RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

#: How far the axes may be from orthogonal: 1e-4 is 0.04 mm over 400 mm, more than rounding in headers.
_SLANT = 1e-4


def volume_from_node(node, name: str = "", *, voxels: bool = True) -> Volume:
    """The voxels of a volume node where they lie in the world.

    Linear parent transforms (nested ones too) go into the geometry; voxels are copied as they are, never resampled, so
    array (k, j, i) is the node's own grid whatever its axis order, obliqueness or handedness.

    Args:
        node: scalar or label volume node; it is not modified.
        name: the volume's name in messages (a role such as "T1"); the node's own name may hold a patient's name.
        voxels: whether they are wanted; without them all are 0 and take no memory: where only the grid matters.

    Returns:
        Volume, LPS, mm, with the node's scalar type.

    Raises:
        SpineError: no node, not a scalar volume, no voxels, several components, axes not orthogonal or no size, a
            warping transform.
    """
    what = name or "volume"
    if node is None:
        raise SpineError(f"No {what} is selected: choose a volume.")
    if not isinstance(node, slicer.vtkMRMLScalarVolumeNode):
        raise SpineError(f"The {what} is not a scalar volume: choose a grey-scale image.")
    image = node.GetImageData()
    if image is None or 0 in image.GetDimensions() or image.GetPointData().GetScalars() is None:
        raise SpineError(f"The {what} has no voxels: load its image again or choose another volume.")
    if image.GetNumberOfScalarComponents() != 1:
        raise SpineError(f"The {what} is a colour or multi-component image: choose a grey-scale volume.")
    matrix = ijk_to_world(node, what)
    spacing, direction = _axes(matrix, what, node.GetParentTransformNode() is not None)
    if voxels:
        array = slicer.util.arrayFromVolume(node).copy()
    else:
        array = np.broadcast_to(np.zeros((), np.uint8), image.GetDimensions()[::-1])
    return Volume(array, triple(spacing), triple((RAS_LPS @ matrix)[:3, 3]), direction, name)


def volume_to_node(volume: Volume, name: str, *, parent_transform=None, class_name: str = "vtkMRMLScalarVolumeNode"):
    """Add a volume node that shows ``volume`` at its place in the world.

    Args:
        volume: LPS, mm; the voxels are copied.
        parent_transform: linear transform node to put the new node under; the voxels stay where they are in the world.
        class_name: "vtkMRMLScalarVolumeNode" or "vtkMRMLLabelMapVolumeNode".

    Returns:
        The new node, with display node.
    """
    world_to_parent = np.linalg.inv(transform_to_world(parent_transform, "volume"))
    matrix = world_to_parent @ RAS_LPS @ volume.ijk_to_lps
    node = slicer.mrmlScene.AddNewNodeByClass(class_name, name)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    slicer.util.updateVolumeFromArray(node, vtk_array(volume.array))
    node.CreateDefaultDisplayNodes()
    if parent_transform is not None:
        node.SetAndObserveTransformNodeID(parent_transform.GetID())
    return node


def ijk_to_ras(node) -> np.ndarray:
    """4 x 4 matrix from a volume node's index (i, j, k) to its own RAS mm, before parent transforms."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def ijk_to_world(node, what: str = "volume") -> np.ndarray:
    """4 x 4 matrix from a volume node's index (i, j, k) to world RAS mm, all parent transforms in it."""
    return transform_to_world(node.GetParentTransformNode(), what) @ ijk_to_ras(node)


def transform_to_world(transform, what: str) -> np.ndarray:
    """4 x 4 matrix of a transform node and its parents to the world (RAS mm); identity for None.

    Raises:
        SpineError: it warps space, so no matrix says what it does.
    """
    if transform is None:
        return np.eye(4)
    if not transform.IsTransformToWorldLinear():
        raise SpineError(
            f"There is a warping transform over the {what}: harden that transform in the Transforms module first."
        )
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def vtk_array(array: np.ndarray) -> np.ndarray:
    """``array`` in a type and byte order that VTK can hold, without change of values."""
    if array.dtype == bool:
        array = array.astype(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))


def _axes(matrix: np.ndarray, what: str, transformed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Spacing and LPS direction of an index-to-RAS matrix, or the reason why it has none."""
    columns = (RAS_LPS @ matrix)[:3, :3]
    spacing = np.linalg.norm(columns, axis=0)
    if not np.all(np.isfinite(matrix)) or spacing.min() < 1e-9:
        raise SpineError(f"The {what} has a voxel size of zero: correct its spacing in the Volumes module.")
    direction = columns / spacing
    if np.abs(direction.T @ direction - np.eye(3)).max() > _SLANT:
        if transformed:
            raise SpineError(
                f"The {what} lies under a transform with shear or unequal scale: harden it in the Transforms module, "
                "then resample the volume (module Resample Scalar/Vector/DWI Volume), or remove the transform."
            )
        raise SpineError(
            f"The {what} has slanted (sheared) axes: resample it on a straight grid first, in the module "
            "Resample Scalar/Vector/DWI Volume."
        )
    return spacing, direction
