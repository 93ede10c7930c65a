"""Vertebrae and lesions as blocks on a CT of any orientation, for the tests of the scene room."""

from __future__ import annotations

import numpy as np
import slicer

from Testing.scene.grids import axis_matrix

#: Voxels (k, j, i) of the blocks: L2 above L3, and a lesion at the edge of L3.
SHAPE = (40, 24, 26)
L2, L3 = np.s_[23:33, 6:16, 7:19], np.s_[9:19, 6:16, 7:19]
LESION = np.s_[12:19, 11:18, 14:21]


def block(*boxes, without=None):
    mask = np.zeros(SHAPE, bool)
    for box in boxes:
        mask[box] = True
    if without is not None:
        mask[without] = False
    return mask


def add_ct(matrix=None):
    """A CT with both vertebrae in HU."""
    if matrix is None:
        matrix = axis_matrix((0, 1, 2), (1, 1, 1), (1.5, 1.5, 2.0))
    hu = np.full(SHAPE, 40, np.int16)
    hu[block(L2, L3, without=LESION)] = 400
    hu[:, :3] = -100
    return slicer.util.addVolumeFromArray(hu, matrix, "Doe^Jane CT")


def add_segments(volume, masks, name="vertebrae"):
    """A segmentation on a volume: segment name to mask."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for label, mask in masks.items():
        segment = node.GetSegmentation().AddEmptySegment("", label)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, segment, volume)
    return node


def add_case(matrix=None):
    """(CT, vertebrae "L2" and "L3" with a hole, lesion)."""
    ct = add_ct(matrix)
    vertebrae = add_segments(ct, {"L2": block(L2), "L3": block(L3, without=LESION)})
    return ct, vertebrae, add_segments(ct, {"Lesion": block(LESION)}, "lesion")


def ids_of(node):
    inner = node.GetSegmentation()
    return {inner.GetNthSegment(n).GetName(): inner.GetNthSegmentID(n) for n in range(inner.GetNumberOfSegments())}
