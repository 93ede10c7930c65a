"""Volumes and transforms on every kind of grid, for the tests of the scene room."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import slicer
import vtk

from SpineLib.scene.nodes import volume_from_node

AXIS_ORDERS = [
    (order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)
]


def axis_matrix(order, signs, spacing=(0.7, 0.8, 3.3), origin=(4.0, -5.0, 6.0)) -> np.ndarray:
    """IJK to RAS: index axis n runs along world axis ``order[n]`` with ``signs[n]``."""
    matrix = np.eye(4)
    matrix[:3, :3] = 0
    for n in range(3):
        matrix[order[n], n] = signs[n] * spacing[n]
    matrix[:3, 3] = origin
    return matrix


def rotation(degrees=(20, -15, 35)) -> np.ndarray:
    """A rotation about all three axes, 4 x 4."""
    transform = vtk.vtkTransform()
    transform.RotateX(degrees[0])
    transform.RotateY(degrees[1])
    transform.RotateZ(degrees[2])
    return slicer.util.arrayFromVTKMatrix(transform.GetMatrix())


def add_volume(matrix=None, shape=(3, 4, 5), dtype=np.int16):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    return slicer.util.addVolumeFromArray(array, np.eye(4) if matrix is None else matrix, "Doe^Jane T1")


def add_transform(matrix, parent=None):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    if parent is not None:
        node.SetAndObserveTransformNodeID(parent.GetID())
    return node


def warp():
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    spline = vtk.vtkThinPlateSplineTransform()
    points, moved = vtk.vtkPoints(), vtk.vtkPoints()
    for index, point in enumerate([(0, 0, 0), (10, 0, 0), (0, 10, 0), (0, 0, 10), (10, 10, 10)]):
        points.InsertNextPoint(point)
        moved.InsertNextPoint(np.add(point, (0, 0, index)))
    spline.SetBasisToR()
    spline.SetSourceLandmarks(points)
    spline.SetTargetLandmarks(moved)
    node.SetAndObserveTransformToParent(spline)
    return node


def lesion(number, volume_ml=1.0, mean_probability=0.9):
    """What the network reports of a lesion, as far as segments need it."""
    return SimpleNamespace(id=number, volume_ml=volume_ml, mean_probability=mean_probability)


def add_case(matrix=None, shape=(8, 9, 10), transform=None):
    """A volume node and two lesions on its grid: (node, labels)."""
    node = add_volume(matrix, shape)
    if transform is not None:
        node.SetAndObserveTransformNodeID(transform.GetID())
    labels = np.zeros(shape, np.uint16)
    labels[1:4, 2:6, 3:8] = 1
    labels[2, 3, 4] = 0
    labels[5:7, 6:8, 1:3] = 2
    labels[0, 0, 0] = 2
    return node, volume_from_node(node).with_array(labels)
