"""A patient before and after an ablation in the scene, for the tests of the scene room: balls drawn on moved scans."""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from Testing.scene.grids import add_transform, axis_matrix, rotation

SHAPE, SPACING = (24, 26, 22), (1.5, 1.0, 1.2)
CENTRE = np.array((14.0, 12.0, 13.0))  # RAS mm, in the scan before
ORDERS = [((0, 1, 2), (1, 1, 1)), ((1, 2, 0), (-1, -1, -1)), ((2, 0, 1), (1, -1, 1))]


def rigid():
    matrix = rotation((5, -4, 7))
    matrix[:3, 3] = (6, -3, 4)
    return matrix


def scan(name, matrix, shape=SHAPE):
    voxels = np.random.default_rng(0).random(shape).astype(np.float32)
    return slicer.util.addVolumeFromArray(voxels, matrix, name)


def drawn(volume, radius, name, to_drawing=None, centre=CENTRE):
    """A segmentation with a ball; ``to_drawing``: 4 x 4 from the volume's RAS to the ball's."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    kji = np.indices(volume.GetImageData().GetDimensions()[::-1]).reshape(3, -1)
    ras = slicer.util.arrayFromVTKMatrix(_matrix(volume)) @ np.vstack([kji[::-1], np.ones(kji.shape[1])])
    place = (np.eye(4) if to_drawing is None else to_drawing) @ ras
    mask = (np.linalg.norm(place[:3].T - centre, axis=1) <= radius).reshape(volume.GetImageData().GetDimensions()[::-1])
    segment = node.GetSegmentation().AddEmptySegment("", name)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, segment, volume)
    return node, segment


def _matrix(volume):
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix


def make_case(order=ORDERS[0][0], signs=ORDERS[0][1]):
    """((metastasis, segment), (necrosis, segment), transform, before, after): balls of 5 and 8 mm on moved scans."""
    matrix = axis_matrix(order, signs, SPACING, (0, 0, 0))
    matrix[:3, 3] = np.where(np.array([matrix[n, :3].sum() for n in range(3)]) < 0, 30, 0)
    before, after = scan("before", matrix), scan("after", rigid() @ matrix)
    metastasis = drawn(before, 5, "metastasis")
    necrosis = drawn(after, 8, "necrosis", np.linalg.inv(rigid()))
    transform = add_transform(np.linalg.inv(rigid()))
    return metastasis, necrosis, transform, before, after
