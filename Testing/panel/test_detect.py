"""The section Detect: the list follows the threshold, a click jumps, candidates become segments in the real worker."""

import numpy as np
import pytest


@pytest.fixture
def searched(phantom):
    """The phantom with a likelihood of both boxes (0.9 the lower, 0.6 the upper one), as a search would bring it."""
    from SpineLib.scene.detection import add_candidates, add_likelihood, list_candidates
    from SpineLib.scene.nodes import volume_from_node

    volume = volume_from_node(phantom.t2)
    array = np.zeros(volume.shape, np.float32)
    array[6:20, 8:22, 4:10] = 0.9
    array[28:38, 20:30, 8:13] = 0.6
    node = add_likelihood(volume.with_array(array), phantom.t2, "Phantom T2 likelihood", {"task": "detect"})
    points = add_candidates(list_candidates(node, 0.5), node, "Phantom T2 candidates")
    parameters = phantom.widget._parameterNode
    modifying = parameters.StartModify()
    parameters.likelihood, parameters.candidates = node, points
    parameters.EndModify(modifying)
    phantom.likelihood, phantom.points, phantom.ui = node, points, phantom.widget.ui
    return phantom


@pytest.fixture
def detector(model_folder):
    """A detector of bright spots on T2, installed while the test runs."""
    import shutil

    from Testing.detectors import bright_spot_detector

    bright_spot_detector(model_folder / "bright-spots-t2", "bright-spots-t2", inputs=("T2",))
    yield
    shutil.rmtree(model_folder / "bright-spots-t2")


def numbers(searched, column):
    table = searched.ui.candidateTable
    return [table.item(row, column).text() for row in range(table.rowCount)]


def finish(desktop, searched):
    assert desktop.wait(lambda: not searched.widget.panel.jobs.busy, 120)


def segment_masks(searched, node, volume):
    import slicer

    inner = node.GetSegmentation()
    return [
        slicer.util.arrayFromSegmentBinaryLabelmap(node, inner.GetNthSegmentID(n), volume) > 0
        for n in range(inner.GetNumberOfSegments())
    ]


def foregrounds():
    import slicer

    return [
        (one.GetForegroundVolumeID(), one.GetForegroundOpacity())
        for one in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    ]


def test_stir_is_chosen_before_t2_and_what_the_image_is_stands_below(phantom, desktop):
    import slicer

    parameters = phantom.widget._parameterNode
    assert parameters.detectImage is phantom.t2
    parameters.detectImage = None
    stir = slicer.util.addVolumeFromArray(np.ones((5, 6, 7), np.int16), name="STIR sag")
    desktop.select("Data")
    desktop.select("SpineMetSeg")
    assert phantom.widget._parameterNode.detectImage is stir


def test_without_a_detector_the_button_says_so(phantom):
    ui = phantom.widget.ui
    assert ui.detectModelCombo.currentText == "No detector is installed"
    assert not ui.detectApplyButton.enabled and "No detector is installed" in ui.detectApplyButton.toolTip


def test_detect_searches_in_the_worker_and_lists_both_spots(detector, open_panel, desktop, scene_names):
    import slicer

    from SpineLib.scene.nodes import volume_to_node
    from Testing.detectors import spots

    image, truth = spots((16, 46))
    volume_to_node(image, "Spots T2")
    widget = open_panel()
    ui, parameters = widget.ui, widget._parameterNode
    assert ui.detectModelCombo.currentText == "Bright spots (test)" and parameters.smallestArea == 1.0
    assert "Without fat suppression" in ui.detectNoteLabel.text and "simulated images" in ui.detectNoteLabel.text
    ui.columnCheckBox.click()  # this image shows no vertebra to keep to
    before = scene_names()
    ui.detectApplyButton.click()
    assert not ui.detectApplyButton.enabled and ui.detectStageLabel.text and not ui.segmentApplyButton.enabled
    assert desktop.wait(lambda: not widget.panel.jobs.busy, 200)
    assert ui.detectStatusLabel.text.startswith("The search is done."), ui.detectStatusLabel.text
    assert ui.candidateTable.rowCount == 2 and parameters.candidates.GetNumberOfControlPoints() == 2
    for row, number in enumerate((1, 2)):  # of the spots, the upper one first
        kji = np.argwhere(truth.array == number).mean(axis=0)
        centre = (truth.ijk_to_lps @ [*kji[::-1], 1])[:3] * (-1, -1, 1)
        place = parameters.candidates.GetNthControlPointPositionWorld(row)
        assert np.abs(np.subtract(place, centre)).max() < 5, "within a slice and the reach of the network's pooling"
    assert len(scene_names()) == len(before) + 1, "of volumes, segmentations and tables only the likelihood came"
    assert {one[0] for one in foregrounds()} == {parameters.likelihood.GetID()}
    assert parameters.likelihood.GetName().startswith("Spots T2 likelihood (bright-spots-t2, ")
    assert slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(parameters.likelihood).GetVisibility()


@pytest.mark.parametrize("clicks", [0, 1])
def test_the_search_keeps_to_the_vertebral_column_unless_it_is_told_not_to(detector, open_panel, desktop, clicks):
    import json

    from SpineLib.scene.nodes import volume_to_node
    from SpineLib.tasks.segmentation.naming import PROVENANCE
    from Testing.detectors import spots

    volume_to_node(spots((16, 46))[0], "Spots T2")
    widget = open_panel()
    for _ in range(clicks):
        widget.ui.columnCheckBox.click()
    assert widget._parameterNode.columnOnly is (clicks == 0)
    widget.ui.detectApplyButton.click()
    assert desktop.wait(lambda: not widget.panel.jobs.busy, 200)
    said = json.loads(widget._parameterNode.likelihood.GetAttribute(PROVENANCE))
    assert said["parameters"]["column"] is (clicks == 0)


def test_the_list_runs_from_the_top_of_the_spine_downwards(searched):
    assert numbers(searched, 0) == ["1", "2"]
    assert numbers(searched, 2) == ["0.60", "0.90"]
    assert [float(text) for text in numbers(searched, 3)] == [1.0, 2.0]  # 10 x 10 and 14 x 14 mm
    assert "2 suspicious places" in searched.ui.candidatesLabel.text
    assert searched.points.GetNthControlPointLabel(0) == "1"


def test_the_slider_changes_table_and_points_at_once_without_a_run(searched, scene_names):
    before = scene_names()
    searched.ui.candidateSlider.value = 0.7
    assert numbers(searched, 2) == ["0.90"] and searched.points.GetNumberOfControlPoints() == 1
    assert not searched.widget.panel.jobs.busy
    searched.ui.candidateSlider.value = 0.95
    assert searched.ui.candidatesLabel.text == "No place reaches this threshold."
    searched.ui.candidateSlider.value = 0.5
    assert searched.points.GetNumberOfControlPoints() == 2
    searched.ui.areaSlider.value = 1.5
    assert numbers(searched, 2) == ["0.90"]
    assert scene_names() == before


def test_the_chosen_place_stays_chosen_when_the_threshold_moves_and_nothing_is_chosen_when_it_goes(searched):
    """No. 1 at one threshold is another place at the next: what is segmented must not change in silence."""
    ui, table = searched.ui, searched.widget.panel.detect._table
    ui.candidateTable.setCurrentCell(1, 0)
    place = table.current().centre_ras_mm
    ui.candidateSlider.value = 0.7
    assert numbers(searched, 2) == ["0.90"] and table.current().centre_ras_mm == pytest.approx(place)
    ui.candidateSlider.value = 0.5
    assert ui.candidateTable.currentRow() == 1 and table.current().centre_ras_mm == pytest.approx(place)
    ui.candidateTable.setCurrentCell(0, 0)
    ui.candidateSlider.value = 0.7
    assert table.current() is None
    assert not ui.segmentCandidateButton.enabled and "Choose a place" in ui.segmentCandidateButton.toolTip


def test_the_note_on_an_image_changes_with_the_image(detector, phantom):
    import slicer

    ui = phantom.widget.ui
    assert "Without fat suppression" in ui.detectNoteLabel.text
    stir = slicer.util.addVolumeFromArray(np.ones((5, 6, 7), np.int16), name="STIR sag")
    ui.detectSelector.setCurrentNode(stir)
    assert "This looks like STIR, and the model was made for T2" in ui.detectNoteLabel.text


def test_a_click_makes_all_slice_views_jump_to_the_place(searched):
    import slicer

    searched.ui.candidateTable.cellClicked(0, 0)
    centre = [4.0 * 10, 24.5, 32.5]
    for name, axis in (("Yellow", 0), ("Green", 1), ("Red", 2)):
        view = slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLSliceNode")
        assert view.GetSliceToRAS().GetElement(axis, 3) == pytest.approx(centre[axis], abs=0.51)


def test_the_check_box_lays_the_likelihood_over_the_image_and_takes_it_away(searched):
    node_id = searched.likelihood.GetID()
    assert {one[0] for one in foregrounds()} == {node_id}
    searched.ui.likelihoodCheckBox.checked = False
    assert {one[0] for one in foregrounds()} == {None}
    searched.ui.likelihoodCheckBox.checked = True
    assert {one[0] for one in foregrounds()} == {node_id}


def test_leaving_the_application_gives_the_views_back(searched, desktop):
    desktop.close_panel("SpineMetSeg")
    assert {one[0] for one in foregrounds()} == {None}


def test_a_deleted_likelihood_empties_the_list(searched):
    import slicer

    slicer.mrmlScene.RemoveNode(searched.likelihood)
    assert searched.ui.candidateTable.rowCount == 0
    assert searched.ui.candidatesLabel.text == "Nothing has been searched yet."


def test_a_candidate_must_be_chosen_first(searched):
    ui = searched.ui
    assert not ui.segmentCandidateButton.enabled and "Choose a place" in ui.segmentCandidateButton.toolTip
    ui.candidateTable.setCurrentCell(0, 0)
    assert ui.segmentCandidateButton.enabled and ui.refineButton.enabled


def test_segment_this_candidate_adds_its_lesion_and_no_other(searched, desktop):
    ui = searched.ui
    ui.candidateTable.setCurrentCell(1, 0)
    ui.segmentCandidateButton.click()
    assert not ui.segmentApplyButton.enabled and "A run is going on" in ui.segmentApplyButton.toolTip
    finish(desktop, searched)
    assert ui.detectStatusLabel.text.startswith("Lesion 2 was added."), ui.detectStatusLabel.text
    (mask,) = segment_masks(searched, searched.widget._parameterNode.result, searched.t1)
    lower = searched.truth.copy()
    lower[25:] = False
    assert 2 * (mask & lower).sum() / (mask.sum() + lower.sum()) > 0.8 and not (mask & ~lower)[25:].any()
    assert ui.lesionTable.rowCount == 1 and ui.segmentApplyButton.enabled

    ui.candidateTable.setCurrentCell(0, 0)
    ui.segmentCandidateButton.click()
    finish(desktop, searched)
    assert ui.lesionTable.rowCount == 2, "the second joins the listed segmentation"


def test_refine_boundary_adds_a_segment_on_the_searched_image(searched, desktop):
    ui = searched.ui
    ui.candidateTable.setCurrentCell(1, 0)
    ui.refineButton.click()
    finish(desktop, searched)
    node = searched.widget._parameterNode.result
    (mask,) = segment_masks(searched, node, searched.t2)
    lower = searched.truth.copy()
    lower[25:] = False
    from SpinePanel.runs import sourceVolume

    assert sourceVolume(node) is searched.t2
    inner = mask[..., 5:9]  # the slices that show the box
    assert 2 * (inner & lower[..., 5:9]).sum() / (inner.sum() + lower.sum()) > 0.8
    assert "was added" in ui.detectStatusLabel.text


def test_without_a_model_for_the_inputs_the_boundary_is_found_instead(searched, desktop):
    parameters = searched.widget._parameterNode
    searched.ui.t1Selector.setCurrentNode(None)
    searched.ui.t2Selector.setCurrentNode(None)
    searched.ui.candidateTable.setCurrentCell(1, 0)
    searched.ui.segmentCandidateButton.click()
    assert "No T1 or T2 is chosen, so the boundary was found" in searched.ui.detectStatusLabel.text
    finish(desktop, searched)
    assert parameters.result.GetSegmentation().GetNumberOfSegments() == 1


def test_scikit_image_is_asked_for_only_when_it_is_needed_and_missing(searched, desktop, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "skimage" else found(name))
    desktop.packaging.missing.add("scikit-image")
    searched.ui.candidateTable.setCurrentCell(1, 0)
    searched.ui.refineButton.click()
    desktop.packaging.missing.clear()
    requirements, kept, requester = desktop.packaging.installed[-1]
    assert requirements == ["scikit-image>=0.22"] and "numpy" in kept and requester == "Spine Metastasis Segmentation"
    assert "was not installed" in searched.ui.detectStatusLabel.text
    assert not searched.widget.panel.jobs.busy


def test_cancel_leaves_the_scene_as_it_was(searched, desktop, scene_names):
    before = scene_names()
    searched.ui.candidateTable.setCurrentCell(1, 0)
    searched.ui.segmentCandidateButton.click()
    assert searched.ui.detectCancelButton.enabled
    searched.ui.detectCancelButton.click()
    finish(desktop, searched)
    assert "Cancelled" in searched.ui.detectStatusLabel.text and scene_names() == before


def test_closing_the_scene_ends_the_run_and_empties_the_section(searched, desktop, scene_names):
    import slicer

    searched.ui.candidateTable.setCurrentCell(1, 0)
    searched.ui.refineButton.click()
    slicer.mrmlScene.Clear(0)
    finish(desktop, searched)
    assert "scene was closed" in searched.ui.detectStatusLabel.text and scene_names() == []
    assert searched.ui.candidateTable.rowCount == 0
