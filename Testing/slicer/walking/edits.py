"""Corrections in the Segment Editor, by its own effects."""

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

from walking.stage import Skipped


def editor():
    """The widget of the module Segment Editor."""
    return slicer.modules.segmenteditor.widgetRepresentation().self().editor


def volume_ml(segmentation, segment_id):
    """Volume of a segment in ml, of its own labelmap's voxels."""
    labelmap = slicer.vtkOrientedImageData()
    segmentation.GetBinaryLabelmapRepresentation(segment_id, labelmap)
    scalars = labelmap.GetPointData().GetScalars()
    if scalars is None:
        return 0.0
    return float((numpy_support.vtk_to_numpy(scalars) != 0).sum() * np.prod(labelmap.GetSpacing()) / 1000)


def margin(millimetres):
    """Grow or shrink the editor's segment by its effect Margin; returns the volumes before and after, ml."""
    widget = editor()
    segmentation, segment_id = widget.segmentationNode(), widget.currentSegmentID()
    before = volume_ml(segmentation, segment_id)
    widget.setActiveEffectByName("Margin")
    effect = widget.activeEffect()
    if effect is None:
        raise AssertionError("the Segment Editor offers no effect: is its source volume chosen?")
    effect.setParameter("MarginSizeMm", str(millimetres))
    effect.self().onApply()
    widget.setActiveEffectByName("")
    return before, volume_ml(segmentation, segment_id)


def paint(volume, centre_ras, radius_mm):
    """Add a ball to the editor's segment, as a stroke of its brush does.

    Args:
        volume: source volume; it lies under no transform.
        centre_ras: place in mm.
    """
    widget = editor()
    widget.setActiveEffectByName("Paint")
    effect = widget.activeEffect()
    if effect is None:
        raise AssertionError("the Segment Editor offers no effect: is its source volume chosen?")
    to_ras = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(to_ras)
    matrix = slicer.util.arrayFromVTKMatrix(to_ras)
    shape = slicer.util.arrayFromVolume(volume).shape
    kji = np.indices(shape).reshape(3, -1)
    ras = matrix[:3, :3] @ kji[::-1] + matrix[:3, 3:]
    ball = (np.linalg.norm(ras - np.reshape(centre_ras, (3, 1)), axis=0) <= radius_mm).astype(np.uint8)
    if not ball.any():
        raise Skipped("the place lies outside the image")
    stroke = slicer.vtkOrientedImageData()
    stroke.SetDimensions(*shape[::-1])
    stroke.SetImageToWorldMatrix(to_ras)
    scalars = numpy_support.numpy_to_vtk(ball, deep=True, array_type=vtk.VTK_UNSIGNED_CHAR)
    stroke.GetPointData().SetScalars(scalars)
    effect.modifySelectedSegmentByLabelmap(stroke, slicer.qSlicerSegmentEditorAbstractEffect.ModificationModeAdd)
    widget.setActiveEffectByName("")
