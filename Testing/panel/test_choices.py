"""What the panel offers before anything runs: inputs, models, settings, and why Apply cannot be pressed."""

import numpy as np
import pytest


def add_volume(name):
    import slicer

    return slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.float32), name=name)


def test_volumes_are_chosen_by_their_names(open_panel):
    add_volume("3: t2_tse_sag")
    t1 = add_volume("2: t1_tse_sag")
    widget = open_panel()
    assert widget.ui.t1Selector.currentNode() is t1
    assert widget.ui.t2Selector.currentNode().GetName() == "3: t2_tse_sag"


def test_a_choice_of_the_user_is_kept_when_the_module_is_left_and_entered_again(open_panel, desktop):
    add_volume("T1"), add_volume("T2")
    other = add_volume("something else")
    widget = open_panel()
    widget.ui.t1Selector.setCurrentNode(other)
    desktop.select("Data")
    desktop.select("SpineMetSeg")
    assert widget.ui.t1Selector.currentNode() is other


def test_only_models_that_fit_the_inputs_are_offered_the_faster_2d_first_where_none_was_measured(phantom):
    ui = phantom.widget.ui
    offered = [ui.modelCombo.itemText(n) for n in range(ui.modelCombo.count)]
    assert offered == ["Bright spots 2D (test)", "Bright spots 3D (test)"]
    ui.modelCombo.activated(1)
    assert phantom.widget._parameterNode.model == "bright-spots-3d"
    ui.t2Selector.setCurrentNode(None)
    assert phantom.widget._parameterNode.model == "bright-spots-t1-2d"


def test_models_are_listed_by_what_their_cards_measured_without_a_3d_one_that_2d_is_better_than(desktop, monkeypatch):
    from types import SimpleNamespace

    from SpinePanel import cards

    def card(name, dice, dimensions=2):
        figures = {} if dice is None else {"unseen_simulated": {"dice": [dice, 0.2]}}
        return SimpleNamespace(
            id=name,
            title=name,
            task="metastasis-segmentation",
            figures=figures,
            inputs=("T1", "T2"),
            network={"dimensions": dimensions},
        )

    there = [card("unmeasured", None), card("worse", 0.49), card("best", 0.78), card("worse in 3D", 0.6, 3)]
    monkeypatch.setattr("SpineLib.models.list_bundles", lambda: [(None, one) for one in there])
    listed = cards.fittingCards("metastasis-segmentation", lambda one: True)
    assert [cards.cardLabel(one) for one in listed] == [
        "best (Dice 78 %, simulated)",
        "worse (Dice 49 %, simulated)",
        "unmeasured",
    ]


def test_a_model_of_simulated_data_wears_a_badge_and_shows_its_card(phantom):
    ui = phantom.widget.ui
    assert not ui.badgeLabel.isHidden()
    assert "Simulated training data" in ui.badgeLabel.text
    assert "Made by hand for tests" in ui.modelCombo.toolTip and "not a medical device" in ui.modelCombo.toolTip


def test_the_models_own_settings_come_with_it(phantom):
    assert phantom.widget.ui.smallestSlider.value == pytest.approx(0.1)
    phantom.widget.ui.thresholdSlider.value = 0.8
    assert phantom.widget._parameterNode.threshold == pytest.approx(0.8)


def test_no_model_for_the_inputs_is_said_in_the_tooltip(phantom):
    ui = phantom.widget.ui
    ui.t1Selector.setCurrentNode(None)
    assert not ui.segmentApplyButton.enabled
    assert "No model for T2 is installed" in ui.segmentApplyButton.toolTip
    assert ui.badgeLabel.isHidden() and not ui.modelCombo.enabled


def test_apply_waits_for_a_volume_and_says_so(open_panel):
    ui = open_panel().ui
    assert not ui.segmentApplyButton.enabled
    assert "Choose at least one image: T1, T2" in ui.segmentApplyButton.toolTip
    assert not ui.segmentCancelButton.enabled and ui.segmentProgressBar.isHidden()


def test_one_volume_for_both_inputs_is_refused(phantom):
    phantom.widget.ui.t2Selector.setCurrentNode(phantom.t1)
    assert not phantom.widget.ui.segmentApplyButton.enabled
    assert "same volume" in phantom.widget.ui.segmentApplyButton.toolTip


def test_a_deleted_input_is_no_longer_chosen(phantom):
    import slicer

    slicer.mrmlScene.RemoveNode(phantom.t1)
    assert phantom.widget.ui.t1Selector.currentNode() is None
    assert phantom.widget.panel.images() == {"T2": phantom.t2}


def test_after_the_output_was_deleted_no_other_segmentation_gets_the_lesions(phantom):
    """Slicer's selector chooses the neighbour of a node that is deleted; that may be what a reader has drawn."""
    import slicer

    readers = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "reader")
    output = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "output")
    later = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "reader 2")
    ui = phantom.widget.ui
    ui.outputSelector.setCurrentNode(output)
    ui.referenceSelector.setCurrentNode(readers)
    slicer.mrmlScene.RemoveNode(output)
    assert ui.outputSelector.currentNode() is None and phantom.widget._parameterNode.output is None
    slicer.mrmlScene.RemoveNode(later)
    assert phantom.widget._parameterNode.reference is readers


def test_choices_are_saved_with_the_scene(phantom):
    import slicer

    phantom.widget.ui.modelCombo.activated(1)
    phantom.widget.ui.thresholdSlider.value = 0.7
    node = slicer.mrmlScene.GetSingletonNode("SpineMetSeg", "vtkMRMLScriptedModuleNode")
    assert node.GetNodeReference("t1") is phantom.t1
    assert float(node.GetParameter("threshold")) == pytest.approx(0.7)
    assert node.GetParameter("model") == "bright-spots-3d"


def test_the_panel_is_empty_after_the_scene_was_closed(phantom, desktop):
    import slicer

    slicer.mrmlScene.Clear(0)
    assert phantom.widget.ui.t1Selector.currentNode() is None
    assert "Choose at least one image" in phantom.widget.ui.segmentApplyButton.toolTip
    from SpineMetSegLib.selftest import phantomNodes

    t1, _, _ = phantomNodes()
    desktop.select("Data")
    desktop.select("SpineMetSeg")
    assert phantom.widget.ui.t1Selector.currentNode() is t1 and phantom.widget.ui.segmentApplyButton.enabled


def test_the_panel_says_that_it_is_for_research_only(open_panel):
    assert open_panel().ui.noticeLabel.text == "Research use only, not a medical device"
