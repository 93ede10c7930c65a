"""Every stamp of "has this changed?" moves with voxels, with transforms and with hardening, and with nothing else.

``vtkSegmentation.GetMTime()`` does not move with voxels (``real-events.md``): the segment's labelmap does.
"""

import numpy as np
import pytest

from Testing.panel.patients import edit, ellipsoid, mask_of


def times(node, segment_id):
    """Times of change by what has one."""
    inner = node.GetSegmentation()
    segment = inner.GetSegment(segment_id)
    return {
        "node": node.GetMTime(),
        "segmentation": inner.GetMTime(),
        "segment": segment.GetMTime(),
        "labelmap": segment.GetRepresentation("Binary labelmap").GetMTime(),
    }


def moved(node, segment_id, do):
    before = times(node, segment_id)
    do()
    return {name for name, time in times(node, segment_id).items() if time != before[name]}


@pytest.fixture
def segment(damaged, desktop):
    node = damaged.lesion
    return node, node.GetSegmentation().GetNthSegmentID(0)


def test_times_of_change_move_as_in_the_real_application(damaged, segment, desktop):
    import slicer

    node, segment_id = segment
    mask = ~mask_of(node, damaged.ct)
    assert moved(*segment, lambda: edit(desktop, node, mask, damaged.ct)) == {"segment", "labelmap"}
    inner = node.GetSegmentation()
    assert moved(*segment, lambda: inner.GetSegment(segment_id).SetName("other")) == {"segment"}
    assert moved(*segment, lambda: inner.AddEmptySegment("", "further")) == {"segmentation"}
    assert moved(*segment, node.CreateClosedSurfaceRepresentation) == {"segment"}
    assert moved(*segment, lambda: node.GetDisplayNode().SetSegmentVisibility(segment_id, False)) == set()
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    assert moved(*segment, lambda: node.SetAndObserveTransformNodeID(transform.GetID())) == {"node"}
    shift = np.eye(4)
    shift[0, 3] = 5
    matrix = slicer.util.vtkMatrixFromArray(shift)
    assert moved(*segment, lambda: transform.SetMatrixTransformToParent(matrix)) == set()
    assert moved(*segment, node.HardenTransform) == {"node", "segment", "labelmap"}


def test_the_vertebra_that_a_drawn_lesion_destroys_is_offered(damaged, inpaint):
    """Draw, paint into the lower vertebra, come back: the topmost one must not stay chosen."""
    from SpineInpaintLib.selftest import LESION

    ui = damaged.ui
    ui.lesionSelector.setCurrentNode(None)
    ui.vertebraCombo.currentIndex = 0
    damaged.node.vertebra = ui.vertebraCombo.itemData(0)
    ui.drawLesionButton.click()
    assert ui.vertebraCombo.currentText == "L2"
    edit(inpaint, damaged.widget.logic.getParameterNode().lesion, ellipsoid(damaged.ct, LESION, (6, 6, 6)), damaged.ct)
    inpaint.wait(lambda: False, 1.0)
    inpaint.select("SpineInpaint")
    assert inpaint.wait(lambda: ui.vertebraCombo.currentText == "L3", 3)


def test_the_vertebra_follows_a_lesion_that_is_painted_while_the_panel_is_shown(damaged, inpaint):
    """The Segment Editor's own widget, or a script, may paint while the panel is open."""
    from SpineInpaintLib.selftest import LEVELS

    assert damaged.ui.vertebraCombo.currentText == "L3"
    edit(inpaint, damaged.lesion, ellipsoid(damaged.ct, LEVELS["L2"], (6, 6, 6)), damaged.ct)
    assert inpaint.wait(lambda: damaged.ui.vertebraCombo.currentText == "L2", 3)


def test_the_vertebra_follows_a_lesion_that_a_transform_moves(damaged, inpaint):
    import slicer

    from SpineInpaintLib.selftest import LESION, LEVELS

    shift = np.eye(4)
    shift[:3, 3] = np.subtract(LEVELS["L2"], LESION)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    damaged.lesion.SetAndObserveTransformNodeID(transform.GetID())
    inpaint.wait(lambda: False, 0.2)
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(shift))
    assert inpaint.wait(lambda: damaged.ui.vertebraCombo.currentText == "L2", 3)
    damaged.lesion.SetAndObserveTransformNodeID(None)
    assert inpaint.wait(lambda: damaged.ui.vertebraCombo.currentText == "L3", 3)


def test_a_choice_of_the_user_outlives_further_painting(damaged, inpaint):
    ui = damaged.ui
    ui.vertebraCombo.currentIndex = 0
    ui.vertebraCombo.activated(0)
    mask = mask_of(damaged.lesion, damaged.ct)
    mask[:28] = False
    edit(inpaint, damaged.lesion, mask, damaged.ct)
    inpaint.wait(lambda: False, 1.2)
    assert ui.vertebraCombo.currentText == "L2"


def test_a_lesion_beside_the_chosen_vertebra_is_told_with_the_names_that_are_shown(damaged, inpaint):
    """ "The lesion lies outside L2", and never "outside vertebra 20", which the panel calls nowhere."""
    damaged.node.method = "templates"
    damaged.ui.vertebraCombo.currentIndex = 0
    damaged.ui.vertebraCombo.activated(0)
    damaged.ui.repairApplyButton.click()
    assert inpaint.wait(lambda: not damaged.widget.panel.jobs.busy, 180)
    assert "L2" in damaged.ui.repairStatusLabel.text, damaged.ui.repairStatusLabel.text
