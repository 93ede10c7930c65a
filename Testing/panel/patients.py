"""What several tests of the panels do: draw a segment, read and edit its voxels, wait for a run."""

from __future__ import annotations

import numpy as np


def finish(desktop, widget) -> None:
    """Wait until the panel's run has ended."""
    assert desktop.wait(lambda: not widget.panel.jobs.busy, 180)


def draw(volume, name, centre, radii):
    """A segmentation with an ellipsoid (RAS mm, in the volume's own space)."""
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    add_ellipsoid(node, volume, name, centre, radii)
    return node


def add_ellipsoid(node, volume, name, centre, radii):
    """A further segment; returns its id."""
    import slicer

    segment = node.GetSegmentation().AddEmptySegment("", name)
    mask = ellipsoid(volume, centre, radii).astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, volume)
    return segment


def ellipsoid(volume, centre, radii):
    """Mask (k, j, i) of an ellipsoid (RAS mm, in the volume's own space)."""
    import slicer

    k, j, i = np.indices(slicer.util.arrayFromVolume(volume).shape)
    place = np.stack([i, j, k], axis=-1) * volume.GetSpacing() + volume.GetOrigin()
    return (((place - np.array(centre)) / radii) ** 2).sum(axis=-1) <= 1


def mask_of(node, volume, number=0):
    """Mask (k, j, i) of a segmentation's n-th segment on the volume's grid; a copy."""
    import slicer

    segment = node.GetSegmentation().GetNthSegmentID(number)
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, volume) > 0


def edit(desktop, node, mask, volume, number=0) -> None:
    """The user edits a segmentation's n-th segment."""
    desktop.edit(node, node.GetSegmentation().GetNthSegmentID(number), mask, volume)


def by_hand(patient):
    """The true transform of the phantom's two scans, chosen in the panel."""
    import slicer

    from SpineNecrosisLib.selftest import SHIFT_MM

    matrix = np.eye(4)
    matrix[:3, 3] = -np.array(SHIFT_MM)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "by hand")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    patient.ui.transformSelector.setCurrentNode(node)
    return node


def compared(patient, desktop):
    """The patient once metastasis and necrosis are compared."""
    by_hand(patient)
    patient.ui.compareApplyButton.click()
    finish(desktop, patient.widget)
    assert patient.widget._parameterNode.comparison is not None, patient.ui.compareStatusLabel.text
    return patient
