"""A choice is of a segment, not of its id: Slicer counts ids alike in every segmentation."""

import pytest

from Testing.panel.patients import add_ellipsoid


def pick(combo, text):
    """As the user does."""
    index = [combo.itemText(number) for number in range(combo.count)].index(text)
    combo.currentIndex = index
    combo.activated(index)


def another(segmentation, name):
    """A segmentation with the same ids, of somebody else."""
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.GetSegmentation().DeepCopy(segmentation.GetSegmentation())
    return node


@pytest.mark.parametrize("side", ["metastasis", "necrosis"])
def test_a_segment_chosen_in_one_segmentation_is_not_chosen_in_another(patient, side):
    segmentation, volume = getattr(patient, side), {"metastasis": patient.before, "necrosis": patient.after}[side]
    combo, selector = getattr(patient.ui, f"{side}SegmentCombo"), getattr(patient.ui, f"{side}Selector")
    add_ellipsoid(segmentation, volume, "second", (20, 20, 20), (5, 5, 5))
    patient.widget.panel.update()
    pick(combo, "second")
    selector.setCurrentNode(another(segmentation, "of another reader"))
    assert combo.currentText == "Choose one of 2"
    assert "holds 2 segments: choose" in patient.ui.compareApplyButton.toolTip
    pick(combo, "second")
    assert patient.ui.compareApplyButton.enabled


def test_a_lesion_chosen_in_one_segmentation_is_not_chosen_in_another(damaged):
    damaged.lesion.GetSegmentation().AddEmptySegment("", "second")
    damaged.widget.panel.update()
    pick(damaged.ui.lesionSegmentCombo, "second")
    damaged.ui.lesionSelector.setCurrentNode(another(damaged.lesion, "of another reader"))
    assert damaged.ui.lesionSegmentCombo.currentText == "Choose one of 2"


def test_a_segment_chosen_together_with_its_segmentation_is_kept(damaged):
    second = damaged.lesion.GetSegmentation().AddEmptySegment("", "second")
    other = another(damaged.lesion, "of another reader")
    modifying = damaged.node.StartModify()
    damaged.node.lesion, damaged.node.lesionSegment = other, second
    damaged.node.EndModify(modifying)
    assert damaged.ui.lesionSegmentCombo.currentText == "second"


def test_a_vertebra_chosen_in_one_segmentation_is_not_chosen_in_another(damaged):
    pick(damaged.ui.vertebraCombo, "L2")
    damaged.ui.vertebraeSelector.setCurrentNode(another(damaged.vertebrae, "of another reader"))
    assert damaged.ui.vertebraCombo.currentText == "L3", "the one with the lesion is offered"


def test_the_users_vertebra_comes_back_with_the_scene(damaged, inpaint, tmp_path):
    import slicer

    pick(damaged.ui.vertebraCombo, "L2")
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    inpaint.wait(lambda: False, 0.5)
    assert damaged.ui.vertebraCombo.currentText == "L2"
    inpaint.select("Data")
    inpaint.select("SpineInpaint")
    assert damaged.ui.vertebraCombo.currentText == "L2"
