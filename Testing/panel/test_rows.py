"""A chosen row follows its thing, not its number, and every list shows what is there now."""

import numpy as np
import pytest

from Testing.panel.patients import add_ellipsoid, draw, edit, ellipsoid, finish, mask_of


@pytest.fixture
def searched(phantom):
    """Three places: the middle one, at 0.4, is listed only at a low threshold."""
    from SpineLib.scene.detection import add_candidates, add_likelihood, list_candidates
    from SpineLib.scene.nodes import volume_from_node

    volume = volume_from_node(phantom.t2)
    array = np.zeros(volume.shape, np.float32)
    array[4:12, 8:22, 4:10] = 0.9
    array[18:26, 8:22, 4:10] = 0.4
    array[34:42, 8:22, 4:10] = 0.8
    node = add_likelihood(volume.with_array(array), phantom.t2, "likelihood", {"task": "detect"})
    points = add_candidates(list_candidates(node, 0.5), node, "candidates")
    parameters = phantom.widget._parameterNode
    modifying = parameters.StartModify()
    parameters.likelihood, parameters.candidates, parameters.candidateThreshold = node, points, 0.5
    parameters.EndModify(modifying)
    phantom.ui, phantom.table = phantom.widget.ui, phantom.widget.ui.candidateTable
    return phantom


def probability(searched):
    row = searched.table.currentRow()
    return searched.table.item(row, 1).text() if row >= 0 else ""


def test_the_chosen_candidate_stays_chosen_when_others_come_and_go(searched):
    assert searched.table.rowCount == 2
    searched.table.setCurrentCell(1, 0)
    chosen = probability(searched)
    searched.ui.candidateSlider.value = 0.3
    assert searched.table.rowCount == 3 and probability(searched) == chosen, "it is the third one now"
    searched.ui.candidateSlider.value = 0.5
    assert searched.table.rowCount == 2 and probability(searched) == chosen


def test_a_candidate_that_goes_takes_its_choice_with_it(searched):
    searched.ui.candidateSlider.value = 0.3
    searched.table.setCurrentCell(1, 0)
    assert searched.ui.segmentCandidateButton.enabled
    searched.ui.candidateSlider.value = 0.5
    assert searched.table.currentRow() == -1 and not searched.ui.segmentCandidateButton.enabled


@pytest.fixture
def listed(phantom):
    """Three lesions drawn by hand, listed."""
    node = draw(phantom.t1, "upper", (24, 15, 40), (8, 4, 4))
    for name, place in (("middle", (24, 15, 25)), ("lower", (24, 15, 10))):
        add_ellipsoid(node, phantom.t1, name, place, (8, 4, 4))
    phantom.widget.ui.resultSelector.setCurrentNode(node)
    phantom.node, phantom.ui, phantom.table = node, phantom.widget.ui, phantom.widget.ui.lesionTable
    return phantom


def remove(listed, number):
    inner = listed.node.GetSegmentation()
    inner.RemoveSegment(inner.GetNthSegmentID(number))


def chosen_lesion(listed):
    row = listed.table.currentRow()
    return listed.table.item(row, 0).text() if row >= 0 else None


def test_the_chosen_lesion_stays_chosen_when_another_is_removed(listed, desktop):
    listed.table.setCurrentCell(2, 0)
    remove(listed, 0)
    assert desktop.wait(lambda: listed.table.rowCount == 2, 20)
    assert chosen_lesion(listed) == "lower"


def test_after_the_chosen_lesion_was_removed_none_is_chosen(listed, desktop):
    import slicer

    listed.table.setCurrentCell(1, 0)
    remove(listed, 1)
    assert desktop.wait(lambda: listed.table.rowCount == 2, 20)
    assert chosen_lesion(listed) is None
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setCurrentSegmentID("")
    listed.ui.editButton.click()
    assert not editor.currentSegmentID(), "the next one is not what was chosen"


def test_the_chosen_vertebra_stays_chosen_when_another_is_removed(damaged, inpaint):
    import slicer

    inner = damaged.vertebrae.GetSegmentation()
    lower = inner.GetNthSegmentID(1)
    damaged.ui.vertebraeTable.setCurrentCell(1, 0)
    inner.RemoveSegment(inner.GetNthSegmentID(0))
    assert inpaint.wait(lambda: damaged.ui.vertebraeTable.rowCount == 1, 20)
    damaged.ui.editVertebraeButton.click()
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert editor.currentSegmentID() in (lower, "", None), "never another one than was chosen"


# --- lists that offer segments ----------------------------------------------------------------------------------


def texts(combo):
    return [combo.itemText(n) for n in range(combo.count)]


@pytest.fixture
def compared_lists(listed):
    listed.reference = draw(listed.t1, "by a reader", (24, 15, 40), (8, 4, 4))
    listed.ui.referenceSelector.setCurrentNode(listed.reference)
    return listed


def test_the_lists_of_compare_follow_added_renamed_and_removed_segments(compared_lists, desktop):
    ui, reference = compared_lists.ui, compared_lists.reference
    add_ellipsoid(reference, compared_lists.t1, "seen too", (24, 15, 10), (8, 4, 4))
    assert desktop.wait(lambda: "seen too" in texts(ui.referenceSegmentCombo), 3)
    compared_lists.node.GetSegmentation().GetNthSegment(0).SetName("L2")
    assert desktop.wait(lambda: "L2" in texts(ui.comparedSegmentCombo), 3)
    remove(compared_lists, 1)
    assert desktop.wait(lambda: "middle" not in texts(ui.comparedSegmentCombo), 3)


def test_the_dice_of_other_segments_does_not_stay(compared_lists, desktop):
    ui = compared_lists.ui
    ui.compareButton.click()
    assert "Dice" in ui.compareStatusLabel.text
    ui.comparedSegmentCombo.currentIndex = 1
    ui.comparedSegmentCombo.activated(1)
    assert "Dice" not in ui.compareStatusLabel.text
    ui.compareButton.click()
    assert "Dice 100.0 %" in ui.compareStatusLabel.text


def test_the_dice_of_a_reference_that_was_edited_does_not_stay(compared_lists, desktop):
    ui = compared_lists.ui
    ui.compareButton.click()
    edit(desktop, compared_lists.reference, ellipsoid(compared_lists.t1, (24, 15, 10), (8, 4, 4)), compared_lists.t1)
    assert desktop.wait(lambda: "Dice" not in ui.compareStatusLabel.text, 3)


def test_a_segment_removed_while_the_panel_is_shown_is_not_offered_any_more(patient, necrosis):
    add_ellipsoid(patient.metastasis, patient.before, "second", (20, 20, 20), (5, 5, 5))
    combo = patient.ui.metastasisSegmentCombo
    assert necrosis.wait(lambda: "second" in texts(combo), 3)
    inner = patient.metastasis.GetSegmentation()
    inner.RemoveSegment(inner.GetNthSegmentID(1))
    assert necrosis.wait(lambda: "second" not in texts(combo), 3)


# --- sentences about what is there ------------------------------------------------------------------------------


def named_volume(name):
    """The volume in a segment's name, ml; None where it has none."""
    return float(name.split("(")[1].split(" ml")[0]) if " ml)" in name else None


def test_the_name_of_an_edited_lesion_tells_no_stale_volume(phantom, desktop):
    phantom.widget.ui.segmentApplyButton.click()
    finish(desktop, phantom.widget)
    node = phantom.widget._parameterNode.result
    segment = node.GetSegmentation().GetNthSegment(0)
    mask = mask_of(node, phantom.t1)
    few = np.zeros_like(mask)
    few[tuple(np.argwhere(mask)[0])] = True
    edit(desktop, node, few, phantom.t1)
    desktop.wait(lambda: False, 1.5)
    assert named_volume(segment.GetName()) in (None, pytest.approx(0.004, abs=0.01))


def test_a_run_whose_images_were_deleted_does_not_speak_of_lesions_over_an_empty_table(phantom, desktop):
    import slicer

    ui = phantom.widget.ui
    ui.segmentApplyButton.click()
    for node in (phantom.t1, phantom.t2):
        slicer.mrmlScene.RemoveNode(node)
    finish(desktop, phantom.widget)
    desktop.wait(lambda: False, 0.3)
    found = ui.segmentStatusLabel.text.startswith(("1 ", "2 ", "3 "))
    assert not found or ui.lesionTable.rowCount or "not in the scene" in ui.summaryLabel.text, (
        ui.segmentStatusLabel.text
    )


def test_after_the_scene_was_closed_no_sentence_speaks_of_segments(listed):
    import slicer

    assert "3 segments" in listed.ui.summaryLabel.text
    slicer.mrmlScene.Clear(0)
    assert listed.table.rowCount == 0 and "segments" not in listed.ui.summaryLabel.text
