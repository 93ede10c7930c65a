"""The rows for images come from the installed models: a model for other inputs needs no code."""

import numpy as np
import pytest


@pytest.fixture
def t1_stir_model(model_folder):
    """A tiny model that looks at T1 and STIR, installed while the test runs; the panel has no word of STIR."""
    import shutil
    import sys

    from Testing.panel.conftest import MODULE

    sys.path.insert(0, str(MODULE.parent))
    from SpinePanel.tinymodel import brightSpots

    brightSpots(
        model_folder / "t1-stir", "metastasis-segmentation", ("T1", "STIR"), identifier="bright-spots-t1-stir-2d"
    )
    yield
    sys.path.remove(str(MODULE.parent))
    shutil.rmtree(model_folder / "t1-stir")


@pytest.fixture
def t1_and_stir(t1_stir_model, open_panel):
    """The phantom's T1, and its T2 under the name of a STIR."""
    from SpineMetSegLib.selftest import phantomNodes

    t1, stir, truth = phantomNodes()
    stir.SetName("Phantom STIR")
    return t1, stir, truth, open_panel()


def test_without_such_a_model_there_are_rows_for_t1_and_t2_only(open_panel):
    assert open_panel().panel.segment.inputs.names == ["T1", "T2"]


def test_a_model_for_t1_and_stir_brings_its_row_chooses_its_images_and_finds_the_lesions(t1_and_stir, desktop):
    import slicer

    t1, stir, truth, widget = t1_and_stir
    ui = widget.ui
    assert widget.panel.segment.inputs.names == ["T1", "T2", "STIR"]
    assert ui.t1Selector.currentNode() is t1 and ui.stirSelector.currentNode() is stir
    assert ui.t2Selector.currentNode() is None
    assert widget._parameterNode.model == "bright-spots-t1-stir-2d", ui.segmentApplyButton.toolTip
    ui.segmentApplyButton.click()
    assert desktop.wait(lambda: not widget.panel.jobs.busy, 120)
    node = widget._parameterNode.result
    ids = [node.GetSegmentation().GetNthSegmentID(n) for n in range(node.GetSegmentation().GetNumberOfSegments())]
    found = sum(slicer.util.arrayFromSegmentBinaryLabelmap(node, one, t1) > 0 for one in ids) > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.8


def test_a_script_names_further_images_by_their_sequence(t1_and_stir):
    t1, stir, _, widget = t1_and_stir
    node = widget.logic.segment(t1=t1, images={"STIR": stir}, device="cpu")
    assert node.GetSegmentation().GetNumberOfSegments() == 2


def test_the_choice_is_a_reference_of_the_parameter_node_and_is_kept(t1_and_stir, desktop):
    import slicer

    _, stir, _, widget = t1_and_stir
    other = slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.float32), name="something else")
    widget.ui.stirSelector.setCurrentNode(other)
    saved = slicer.mrmlScene.GetSingletonNode("SpineMetSeg", "vtkMRMLScriptedModuleNode")
    assert saved.GetNodeReference("stir") is other
    desktop.select("Data")
    desktop.select("SpineMetSeg")
    assert widget.ui.stirSelector.currentNode() is other
    slicer.mrmlScene.RemoveNode(other)
    assert widget.ui.stirSelector.currentNode() is None and "STIR" not in widget.panel.images()


def test_images_that_no_model_looks_at_together_are_not_chosen_together(t1_stir_model, open_panel):
    import slicer

    for name in ("T1", "T2", "STIR"):
        slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.float32), name=name)
    widget = open_panel()
    assert len(widget.panel.images()) == 2 and widget._parameterNode.model
