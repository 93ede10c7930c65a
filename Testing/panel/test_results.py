"""Below Apply: the table, jumping, editing, comparing. One segmentation, made without a run."""

import numpy as np
import pytest


@pytest.fixture
def shown(phantom):
    """The phantom's two boxes as lesions of a segmentation that the panel lists."""
    from SpineLib.scene.nodes import volume_from_node
    from SpineLib.scene.results import add_segmentation
    from SpineLib.scene.tables import add_table, measure_segments
    from SpineLib.tasks.segmentation.lesions import find_lesions

    volume = volume_from_node(phantom.t1)
    _, labels, lesions = find_lesions(volume.with_array(phantom.truth.astype(np.float32)), 0.5)
    node, ids = add_segmentation(labels, lesions, phantom.t1, name="lesions", provenance={"model": "none"})
    phantom.table = add_table(measure_segments(node, phantom.t1), "lesions table", node)
    phantom.node, phantom.ids, phantom.ui = node, ids, phantom.widget.ui
    phantom.ui.resultSelector.setCurrentNode(node)
    return phantom


def cell(shown, row, column):
    return shown.ui.lesionTable.item(row, column).text()


def test_the_table_lists_the_segments_of_the_chosen_segmentation(shown):
    assert shown.ui.lesionTable.rowCount == 2
    assert float(cell(shown, 0, 3)) == pytest.approx(10 * 10 * 4 * 4 / 1000, abs=0.006)
    assert cell(shown, 0, 6) == "1.00"
    assert "2 segments, 2.0 ml in total" in shown.ui.summaryLabel.text


def test_a_click_on_a_lesion_makes_all_slice_views_jump_to_it(shown):
    import slicer

    shown.ui.lesionTable.cellClicked(1, 0)
    centre = [4.0 * (9 + 1), 22 + 2.5, 30 + 2.5]  # index (i, j, k) times 4, 1, 1 mm
    for name, axis in (("Yellow", 0), ("Green", 1), ("Red", 2)):
        view = slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLSliceNode")
        assert view.GetSliceToRAS().GetElement(axis, 3) == pytest.approx(centre[axis], abs=0.51)


def test_edit_opens_the_segment_editor_on_segmentation_volume_and_lesion(shown, desktop):
    import slicer

    shown.ui.lesionTable.setCurrentCell(1, 0)
    shown.ui.editButton.click()
    assert desktop.selected == "SegmentEditor"
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert editor.segmentationNode() is shown.node and editor.sourceVolumeNode() is shown.t1
    assert editor.currentSegmentID() == shown.ids[1]


def test_what_is_edited_is_shown_as_the_editors_effects_ask_about_hidden_segments(shown, desktop):
    display = shown.node.GetDisplayNode()
    shown.node.SetDisplayVisibility(False)
    display.SetSegmentVisibility(shown.ids[0], False)
    display.SetSegmentVisibility(shown.ids[1], False)
    shown.ui.lesionTable.setCurrentCell(1, 0)
    shown.ui.editButton.click()
    assert shown.node.GetDisplayVisibility() and display.GetSegmentVisibility(shown.ids[1])
    assert not display.GetSegmentVisibility(shown.ids[0]), "what the user has hidden else stays so"


def test_without_a_main_window_the_segment_editor_is_set_up_all_the_same(shown, desktop, monkeypatch):
    import slicer

    def no_main_window(module):
        raise RuntimeError("Could not find main window")

    monkeypatch.setattr(slicer.util, "selectModule", no_main_window)
    shown.ui.editButton.click()
    assert not desktop.errors
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert editor.segmentationNode() is shown.node and editor.sourceVolumeNode() is shown.t1


def test_the_table_follows_an_edit_by_itself(shown, desktop):
    import slicer

    mask = slicer.util.arrayFromSegmentBinaryLabelmap(shown.node, shown.ids[0], shown.t1)
    mask[:] = 0
    mask[10, 10, 5:10] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, shown.node, shown.ids[0], shown.t1)
    assert desktop.wait(lambda: cell(shown, 0, 3) == "0.02", 20)
    assert shown.table.GetTable().GetValueByName(0, "Volume (ml)").ToDouble() == pytest.approx(0.02)


def test_a_removed_segment_leaves_the_table(shown, desktop):
    shown.node.GetSegmentation().RemoveSegment(shown.ids[0])
    assert desktop.wait(lambda: shown.ui.lesionTable.rowCount == 1, 20)
    assert "1 segment," in shown.ui.summaryLabel.text


def test_update_table_measures_at_once(shown):
    shown.node.GetSegmentation().GetSegment(shown.ids[0]).SetName("Vertebra L3")
    shown.ui.updateButton.click()
    assert cell(shown, 0, 0) == "Vertebra L3"


def test_an_emptied_segment_has_no_measures(shown):
    import slicer

    empty = np.zeros(shown.truth.shape, np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(empty, shown.node, shown.ids[0], shown.t1)
    shown.ui.updateButton.click()
    assert [cell(shown, 0, column) for column in range(3, 7)] == ["", "", "", ""]
    shown.ui.lesionTable.cellClicked(0, 0)


def test_comparison_with_another_segmentation_gives_dice_tpr_and_tnr(shown):
    import slicer

    reference = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "reader 1")
    reference.SetReferenceImageGeometryParameterFromVolumeNode(shown.t1)
    half = shown.truth.astype(np.uint8)
    half[30:] = 0  # the reader saw the first lesion only
    segment = reference.GetSegmentation().AddEmptySegment("reader", "seen")
    slicer.util.updateSegmentBinaryLabelmapFromArray(half, reference, segment, shown.t1)
    assert not shown.ui.compareButton.enabled
    shown.ui.referenceSelector.setCurrentNode(reference)
    assert [shown.ui.referenceSegmentCombo.itemText(n) for n in range(2)] == ["All segments", "seen"]
    shown.ui.compareButton.click()
    both, first = shown.truth.sum(), half.sum()
    assert shown.ui.compareStatusLabel.text.startswith(f"Dice {200 * first / (both + first):.1f} %, TPR 100.0 %")
    shown.ui.comparedSegmentCombo.currentIndex = 1
    shown.ui.compareButton.click()
    assert shown.ui.compareStatusLabel.text.startswith("Dice 100.0 %, TPR 100.0 %, TNR 100.00 %")


def test_each_lesion_beside_the_reference_is_a_line_of_the_panel_and_of_a_table_node(shown):
    import slicer

    reference = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "reader 1")
    reference.SetReferenceImageGeometryParameterFromVolumeNode(shown.t1)
    first = shown.truth.astype(np.uint8)
    first[30:] = 0
    shifted = np.roll(first, 1, axis=1)  # one voxel of 1 mm
    elsewhere = np.zeros_like(first)
    elsewhere[40:44, 2:6, 2:4] = 1
    for name, mask in (("upper", shifted), ("elsewhere", elsewhere)):
        segment = reference.GetSegmentation().AddEmptySegment(name, name)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, reference, segment, shown.t1)
    shown.ui.referenceSelector.setCurrentNode(reference)
    assert shown.ui.agreementTable.isHidden()
    shown.ui.compareButton.click()
    table = shown.ui.agreementTable
    assert "1 of 2 lesions found, 1 not in the reference" in shown.ui.compareStatusLabel.text
    assert [table.item(row, 0).text() for row in range(3)] == [
        "upper / Lesion 1",
        "elsewhere – not found",
        "Lesion 2 – not in the reference",
    ]
    dice = 2 * (first * shifted).sum() / (first.sum() + shifted.sum())
    assert float(table.item(0, 1).text()) == pytest.approx(100 * dice, abs=0.06)
    assert 0 < float(table.item(0, 3).text()) < 1 and float(table.item(0, 4).text()) == pytest.approx(1, abs=0.1)
    (node,) = [one for one in slicer.util.getNodesByClass("vtkMRMLTableNode") if "beside reader 1" in one.GetName()]
    inner = node.GetTable()
    assert inner.GetNumberOfRows() == 4 and inner.GetValueByName(0, "Reference").ToString() == "All lesions"
    assert inner.GetValueByName(1, "Dice (%)").ToDouble() == pytest.approx(100 * dice, rel=1e-6)
    table.cellClicked(0, 0)
    shown.ui.compareButton.click()
    assert len([one for one in slicer.util.getNodesByClass("vtkMRMLTableNode") if "beside" in one.GetName()]) == 1


def test_a_rejected_lesion_is_hidden_and_leaves_table_node_total_and_comparison_but_is_not_lost(shown, desktop):
    ui, display = shown.ui, shown.node.GetDisplayNode()
    assert not ui.rejectButton.enabled, "nothing is chosen"
    ui.lesionTable.setCurrentCell(1, 0)
    ui.rejectButton.click()
    assert cell(shown, 1, 2) == "✗" and ui.lesionTable.rowCount == 2
    assert not display.GetSegmentVisibility(shown.ids[1]) and display.GetSegmentVisibility(shown.ids[0])
    assert shown.table.GetTable().GetNumberOfRows() == 1
    assert "1 segment," in ui.summaryLabel.text and "1 rejected" in ui.summaryLabel.text
    assert desktop.wait(lambda: "1 reviewed" in ui.resultsSection.text, 5)
    ui.referenceSelector.setCurrentNode(shown.node)
    ui.compareButton.click()
    assert "1 of 1 lesion found" in ui.compareStatusLabel.text
    ui.rejectButton.click()
    assert cell(shown, 1, 2) == "" and display.GetSegmentVisibility(shown.ids[1]), "the same again takes it back"
    assert shown.table.GetTable().GetNumberOfRows() == 2 and not ui.compareStatusLabel.text
    assert shown.node.GetSegmentation().GetNumberOfSegments() == 2


def test_the_keyboard_goes_through_the_lesions_and_notes_what_the_reader_thinks(shown, desktop):
    import slicer

    table = shown.ui.lesionTable
    shown.widget.panel.ui.resultsSection.collapsed = False
    desktop.show(500, 900)
    table.setFocus()
    table.setCurrentCell(0, 0)
    desktop.press(table, "Down")
    assert table.currentRow() == 1
    view = slicer.mrmlScene.GetSingletonNode("Green", "vtkMRMLSliceNode")
    assert view.GetSliceToRAS().GetElement(1, 3) == pytest.approx(24.5, abs=0.51), "the views follow"
    for key, mark in (("A", "✓"), ("U", "?"), ("R", "✗")):
        desktop.press(table, key)
        assert cell(shown, 1, 2) == mark
    assert not shown.node.GetDisplayNode().GetSegmentVisibility(shown.ids[1])
    desktop.press(table, "Space")
    assert shown.node.GetDisplayNode().GetSegmentVisibility(shown.ids[1]), "seen again, though rejected"
    desktop.press(table, "Up")
    assert table.currentRow() == 0


def test_the_tick_before_a_lesion_hides_and_shows_it(shown):
    import qt

    item = shown.ui.lesionTable.item(0, 0)
    assert int(item.checkState()) == int(qt.Qt.Checked)
    item.setCheckState(qt.Qt.Unchecked)
    assert not shown.node.GetDisplayNode().GetSegmentVisibility(shown.ids[0])


def test_a_lesion_chosen_in_one_segmentation_is_not_chosen_in_another_with_the_same_ids(shown):
    import slicer

    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "of another reader")
    other.CreateDefaultDisplayNodes()
    other.GetSegmentation().DeepCopy(shown.node.GetSegmentation())
    shown.ui.referenceSelector.setCurrentNode(shown.node)
    shown.ui.lesionTable.setCurrentCell(1, 0)
    for combo in (shown.ui.comparedSegmentCombo, shown.ui.referenceSegmentCombo):
        combo.currentIndex = 2
        combo.activated(2)
    shown.ui.resultSelector.setCurrentNode(other)
    assert shown.widget.panel.results._table.current() is None
    assert shown.ui.comparedSegmentCombo.currentText == "All segments"
    assert shown.ui.referenceSegmentCombo.currentText == "Lesion 2", "the reference is the same one"


def test_a_segmentation_whose_volume_is_gone_is_measured_all_the_same_and_can_be_edited(shown):
    import slicer

    slicer.mrmlScene.RemoveNode(shown.t1)
    slicer.mrmlScene.RemoveNode(shown.t2)
    shown.ui.updateButton.click()
    assert "not in the scene" in shown.ui.summaryLabel.text and shown.ui.lesionTable.rowCount == 2
    assert float(cell(shown, 0, 3)) == pytest.approx(10 * 10 * 4 * 4 / 1000, abs=0.006)
    shown.ui.editButton.click()


def test_a_deleted_segmentation_empties_the_table(shown):
    import slicer

    slicer.mrmlScene.RemoveNode(shown.node)
    assert shown.ui.lesionTable.rowCount == 0
    assert not shown.ui.editButton.enabled and shown.ui.summaryLabel.text == "No lesions to list yet."


def test_the_chosen_lesion_stays_chosen_when_another_one_before_it_goes(shown, desktop):
    shown.ui.lesionTable.setCurrentCell(1, 0)
    shown.node.GetSegmentation().RemoveSegment(shown.ids[0])
    assert desktop.wait(lambda: shown.ui.lesionTable.rowCount == 1, 20)
    assert shown.widget.panel.results._table.current().segment_id == shown.ids[1]
    shown.node.GetSegmentation().RemoveSegment(shown.ids[1])
    assert desktop.wait(lambda: shown.ui.lesionTable.rowCount == 0, 20)
    assert shown.widget.panel.results._table.current() is None


def test_a_removed_lesion_leaves_nothing_chosen_in_its_place(shown, desktop):
    import slicer

    shown.ui.lesionTable.setCurrentCell(0, 0)
    shown.node.GetSegmentation().RemoveSegment(shown.ids[0])
    assert desktop.wait(lambda: shown.ui.lesionTable.rowCount == 1, 20)
    assert shown.widget.panel.results._table.current() is None
    shown.ui.editButton.click()
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert editor.currentSegmentID() != shown.ids[1]


def test_a_comparison_goes_when_what_it_was_made_of_is_edited_or_others_are_chosen(shown, desktop):
    import slicer

    ui = shown.ui
    ui.referenceSelector.setCurrentNode(shown.node)
    ui.compareButton.click()
    assert "Dice 100.0 %" in ui.compareStatusLabel.text
    ui.comparedSegmentCombo.currentIndex = 1
    ui.comparedSegmentCombo.activated(1)
    assert not ui.compareStatusLabel.text, "the other lesion's figure would stand beside this one's name"
    ui.compareButton.click()
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(shown.node, shown.ids[0], shown.t1)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask * 0, shown.node, shown.ids[0], shown.t1)
    assert not ui.compareStatusLabel.text


def test_what_can_be_compared_follows_segments_that_come_go_and_are_renamed(shown, desktop):
    ui, inner = shown.ui, shown.node.GetSegmentation()
    ui.referenceSelector.setCurrentNode(shown.node)

    def names(combo):
        return [combo.itemText(n) for n in range(combo.count)]

    inner.GetSegment(shown.ids[1]).SetName("Vertebra")
    inner.RemoveSegment(shown.ids[0])
    assert desktop.wait(lambda: names(ui.comparedSegmentCombo) == ["All segments", "Vertebra"], 20)
    assert names(ui.referenceSegmentCombo) == ["All segments", "Vertebra"]


def test_the_lesions_are_shown_as_surfaces_and_taken_away_again(shown):
    display = shown.node.GetDisplayNode()
    shown.ui.show3dButton.click()
    assert shown.node.GetSegmentation().ContainsRepresentation("Closed surface") and display.GetVisibility3D()
    shown.ui.show3dButton.click()
    assert not display.GetVisibility3D()


def test_after_the_scene_was_closed_nothing_of_it_stands_there(shown):
    import slicer

    slicer.mrmlScene.Clear(0)
    assert shown.ui.lesionTable.rowCount == 0
    assert shown.ui.summaryLabel.text == "No lesions to list yet."
    assert shown.ui.resultsSection.text == "3  Lesions"
