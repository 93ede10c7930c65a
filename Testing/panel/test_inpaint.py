"""The panel of the repair, with the real worker: repair, correct, build, export; and what goes wrong."""

import numpy as np
import pytest

SCENE_NODES = ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLTableNode", "vtkMRMLModelNode",
               "vtkMRMLMarkupsROINode")  # fmt: skip


def finish(inpaint, widget):
    assert inpaint.wait(lambda: not widget.panel.jobs.busy, 180)


def names():
    import slicer

    nodes = [node for kind in SCENE_NODES for node in slicer.util.getNodesByClass(kind)]
    return sorted(node.GetName() for node in nodes if not node.GetHideFromEditors())


def choose(damaged, method):
    from SpineInpaintLib.repair import METHODS

    damaged.ui.methodCombo.currentIndex = list(METHODS).index(method)
    damaged.ui.methodCombo.activated(damaged.ui.methodCombo.currentIndex)


def voxels(node, damaged, number=0):
    """Mask of a segmentation's n-th segment on the CT."""
    import slicer

    segment = node.GetSegmentation().GetNthSegmentID(number)
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, damaged.ct).copy()


def put(mask, node, damaged, number=0):
    import slicer

    segment = node.GetSegmentation().GetNthSegmentID(number)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, segment, damaged.ct)


@pytest.fixture
def repaired(damaged):
    """The phantom with a repaired vertebra, drawn by hand: before, and with the hole filled."""
    pytest.importorskip("manifold3d", reason="manifold3d is not installed")
    import slicer

    from SpineLib.scene.repair import PART

    before = voxels(damaged.vertebrae, damaged, 1) > 0
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "L3 repaired")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(damaged.ct)
    whole = before | (voxels(damaged.lesion, damaged) > 0)
    for number, (part, mask) in enumerate((("repaired", whole), ("before", before))):
        segment = node.GetSegmentation().AddEmptySegment("", f"L3 {part}")
        node.GetSegmentation().GetSegment(segment).SetTag(PART, part)
        put(mask, node, damaged, number)
    damaged.ui.repairedSelector.setCurrentNode(node)
    return damaged


@pytest.fixture
def built(repaired, inpaint):
    repaired.ui.modelApplyButton.click()
    finish(inpaint, repaired.widget)
    assert repaired.node.model is not None, repaired.ui.modelStatusLabel.text
    return repaired


def test_ct_and_vertebrae_are_chosen_by_themselves_and_the_headers_tell_what_is_done(damaged):
    ui = damaged.ui
    assert ui.ctSelector.currentNode() is damaged.ct and ui.vertebraeSelector.currentNode() is damaged.vertebrae
    assert "✓  52 × 56 × 60, 1.5 mm" in ui.ctSection.text
    assert "✓  L2 to L3" in ui.vertebraeSection.text
    assert "✓  Lesion" in ui.lesionSection.text
    assert "✓" not in ui.repairSection.text and "✓" not in ui.modelSection.text


def test_every_step_says_what_it_waits_for(open_inpaint):
    ui = open_inpaint().ui
    assert ui.repairOutdatedLabel.isHidden() and ui.modelOutdatedLabel.isHidden() and ui.gateLabel.isHidden()
    for button, words in (
        (ui.vertebraeApplyButton, "Choose a CT first"),
        (ui.lesionApplyButton, "Choose a CT first"),
        (ui.repairApplyButton, "segmentation of the vertebrae in step 1"),
        (ui.modelApplyButton, "Repair the vertebra in step 3"),
        (ui.exportButton, "Repair the vertebra in step 3"),
    ):
        assert not button.enabled and words in button.toolTip, button.name


def test_an_image_that_is_no_ct_is_refused_where_it_is_chosen(damaged, is_red):
    import slicer

    mr = np.random.default_rng(0).integers(0, 600, (20, 20, 20)).astype(np.int16)
    damaged.ui.ctSelector.setCurrentNode(slicer.util.addVolumeFromArray(mr, name="T1"))
    assert "Hounsfield units" in damaged.ui.ctStatusLabel.text and "✓" not in damaged.ui.ctSection.text
    assert is_red(damaged.ui.ctStatusLabel)
    assert "Hounsfield units" in damaged.ui.vertebraeApplyButton.toolTip


def test_a_large_ct_is_looked_at_in_part_with_the_same_answer(damaged, monkeypatch):
    import slicer

    from SpineInpaintLib import ctcheck

    monkeypatch.setattr(ctcheck, "_MANY", 5000)
    metal = slicer.util.arrayFromVolume(damaged.ct).copy()
    metal[10:30, 30:40, 30:40] = 3500
    matrix = slicer.util.arrayFromVTKMatrix(matrix_of(damaged.ct))
    twin = slicer.util.addVolumeFromArray(metal, matrix, "CT with a screw")
    damaged.ui.ctSelector.setCurrentNode(twin)
    assert "✓  52 × 56 × 60, 1.5 mm" in damaged.ui.ctSection.text
    assert "6.8 ml denser" in damaged.ui.ctStatusLabel.text, "20 x 10 x 10 voxels of 1.5 mm"


def matrix_of(volume):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix


def test_the_vertebrae_are_listed_from_the_top_and_a_click_shows_one(damaged):
    import slicer

    from SpineInpaintLib.selftest import LEVELS

    table = damaged.ui.vertebraeTable
    assert [table.item(row, 0).text() for row in range(table.rowCount)] == ["L2", "L3"]
    assert float(table.item(0, 1).text()) > float(table.item(1, 1).text()) > 10
    table.cellClicked(1, 0)
    red = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    assert red.GetSliceToRAS().GetElement(2, 3) == pytest.approx(LEVELS["L3"][2], abs=3)


def test_a_vertebra_renamed_or_edited_is_listed_anew(damaged, inpaint):
    segmentation = damaged.vertebrae.GetSegmentation()
    segmentation.GetNthSegment(0).SetName("vertebrae_L1")
    assert inpaint.wait(lambda: "L1 to L3" in damaged.ui.vertebraeSection.text, 10)
    assert damaged.ui.vertebraeTable.item(0, 0).text() == "L1"


def test_segments_renamed_reordered_and_removed_keep_their_own_rows_and_no_other_segmentations_row_is_chosen(
    damaged, inpaint
):
    import slicer

    table, inner = damaged.ui.vertebraeTable, damaged.vertebrae.GetSegmentation()
    first, second = inner.GetNthSegmentID(0), inner.GetNthSegmentID(1)
    ml = {table.item(row, 0).text(): table.item(row, 1).text() for row in range(2)}
    table.setCurrentCell(1, 0)
    inner.SetSegmentIndex(second, 0)
    inner.GetSegment(second).SetName("L4")
    assert inpaint.wait(lambda: table.item(1, 0).text() == "L4", 10)
    assert [table.item(row, 1).text() for row in range(2)] == [ml["L2"], ml["L3"]]
    assert table.currentRow() == 1, "the same segment is still chosen"
    copy = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "copy")
    copy.Copy(damaged.vertebrae)
    copy.SetName("copy")
    damaged.ui.vertebraeSelector.setCurrentNode(copy)
    assert inpaint.wait(lambda: table.rowCount == 2, 10) and table.currentRow() == -1
    damaged.ui.vertebraeSelector.setCurrentNode(damaged.vertebrae)
    table.setCurrentCell(0, 0)
    inner.RemoveSegment(first)
    assert inpaint.wait(lambda: table.rowCount == 1, 10)
    assert table.item(0, 0).text() == "L4" and table.item(0, 1).text() == ml["L3"] and table.currentRow() == -1


def test_the_vertebra_with_the_lesion_is_chosen_unless_the_user_chose_another(damaged):
    import slicer

    from SpineInpaintLib.selftest import LEVELS

    ui = damaged.ui
    assert ui.vertebraCombo.currentText == "L3"
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "upper")
    roi.SetSize(10, 10, 10)
    roi.SetCenter(*LEVELS["L2"])
    ui.roiSelector.setCurrentNode(roi)
    assert ui.vertebraCombo.currentText == "L2" and "✓  upper" in ui.lesionSection.text
    ui.vertebraCombo.currentIndex = 1
    ui.vertebraCombo.activated(1)
    ui.roiSelector.setCurrentNode(None)
    ui.roiSelector.setCurrentNode(roi)
    assert ui.vertebraCombo.currentText == "L3"


def test_a_method_whose_model_is_missing_says_so_and_is_not_chosen_at_first(damaged):
    assert damaged.node.method == "templates" and damaged.ui.methodBadgeLabel.isHidden()
    choose(damaged, "wgan-gp")
    assert not damaged.ui.repairApplyButton.enabled
    assert "WGAN-GP, as published" in damaged.ui.repairApplyButton.toolTip
    choose(damaged, "templates")
    assert damaged.ui.repairApplyButton.enabled


def test_without_models_segmenting_and_detecting_say_what_to_do(damaged):
    ui = damaged.ui
    assert "choose a segmentation below" in ui.vertebraeApplyButton.toolTip
    assert "draw the lesion" in ui.lesionApplyButton.toolTip
    assert ui.vertebraeModelCombo.currentText == "No model is installed" and ui.vertebraeBadgeLabel.isHidden()


def test_a_repair_brings_one_segmentation_and_knows_when_it_is_out_of_date(damaged, inpaint):
    from SpineLib.scene.repair import part_segment

    before = names()
    masks = [voxels(node, damaged) for node in (damaged.vertebrae, damaged.lesion)]
    choose(damaged, "templates")
    ui = damaged.ui
    ui.repairApplyButton.click()
    assert not ui.repairProgressBar.isHidden() and ui.repairCancelButton.enabled and ui.previewLabel.isHidden()
    assert not ui.modelApplyButton.enabled and "A run is going on" in ui.modelApplyButton.toolTip
    ui.repairApplyButton.click()
    inpaint.wait(lambda: not damaged.widget.panel.jobs.busy, 180)
    assert ui.previewLabel.isHidden(), "the scene shows the result; a GAN's preview has its own test"
    assert ui.repairStatusLabel.text.startswith("Repaired: "), ui.repairStatusLabel.text
    assert "added" in ui.repairStatusLabel.text and "✓  L3" in ui.repairSection.text
    assert len(names()) == len(before) + 1
    for node, mask in zip((damaged.vertebrae, damaged.lesion), masks):
        np.testing.assert_array_equal(voxels(node, damaged), mask)
    node = damaged.node.repaired
    for part in ("repaired", "before"):
        assert node.GetDisplayNode().GetSegmentVisibility(part_segment(node, part))
    assert node.GetDisplayNode().GetVisibility2DOutline()
    assert ui.repairOutdatedLabel.isHidden() and not list(inpaint.temporary.glob("spine-oncology-*"))

    edited = masks[1].copy()
    edited[:28] = 0
    put(edited, damaged.lesion, damaged)
    assert inpaint.wait(lambda: not ui.repairOutdatedLabel.isHidden(), 20)
    assert inpaint.wait(lambda: "out of date" in ui.repairSection.text, 5)
    put(masks[1], damaged.lesion, damaged)
    assert inpaint.wait(lambda: ui.repairOutdatedLabel.isHidden(), 20), "what is back is true again"


def test_cancel_leaves_the_scene_as_it_was(damaged, inpaint):
    before = names()
    choose(damaged, "templates")
    damaged.ui.repairApplyButton.click()
    session = damaged.widget.panel.jobs.worker.session
    assert inpaint.wait(lambda: session.state == "running", 90)
    damaged.ui.repairCancelButton.click()
    finish(inpaint, damaged.widget)
    assert "Cancelled" in damaged.ui.repairStatusLabel.text and names() == before
    assert damaged.ui.previewLabel.isHidden() and damaged.ui.repairApplyButton.enabled


def test_building_shows_models_checks_and_figures_and_every_format_is_written_in_millimetres(
    built, inpaint, tmp_path, monkeypatch
):
    import vtk

    from SpineInpaintLib.selftest import LEVELS
    from SpineLib.mesh.formats import formats
    from SpineLib.scene.printmodel import part_of

    ui, head = built.ui, built.node.model
    assert "The model prints." in ui.modelStatusLabel.text and "✓  prints" in ui.modelSection.text
    assert "Prints" in ui.gateLabel.text
    rows = [[ui.checksTable.item(row, n).text() for n in range(4)] for row in range(ui.checksTable.rowCount)]
    assert {row[1] for row in rows} == {"✓"}
    assert {"watertight", "manifold", "smallest wall"} <= {row[0] for row in rows}
    assert ui.checksTable.item(0, 0).toolTip(), "each check has its sentence"
    figures = {ui.measuresTable.item(row, 0).text() for row in range(ui.measuresTable.rowCount)}
    assert {"Added", "Vertebra before", "Mask of the vertebra", "Model"} <= figures
    model, before = part_of(head, "Model"), part_of(head, "Before")
    assert model.GetDisplayNode().GetActiveScalarName() == "distance_mm" and before is not None
    ui.paintCombo.currentIndex = 1
    ui.paintCombo.activated(1)
    assert model.GetDisplayNode().GetActiveScalarName() == "thickness_mm"

    monkeypatch.setattr(built.widget.panel.model, "_askPath", lambda *_: str(tmp_path / "out"))
    assert ui.exportLabel.text == "In LPS coordinates and millimetres."
    for number, ending in enumerate(formats()):
        ui.formatCombo.currentIndex = number
        ui.formatCombo.activated(number)
        ui.exportButton.click()
        finish(inpaint, built.widget)
        assert f"out{ending} was written" in ui.modelStatusLabel.text and "LPS" in ui.modelStatusLabel.text
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(f"out{ending}" for ending in formats())
    reader = vtk.vtkSTLReader()
    reader.SetFileName(str(tmp_path / "out.stl"))
    reader.Update()
    x, y, z = reader.GetOutput().GetCenter()
    assert (x, z) == pytest.approx((-LEVELS["L3"][0], LEVELS["L3"][2]), abs=1.5) and y < 0


def test_while_the_gate_refuses_nothing_can_be_exported_and_the_reason_is_said(repaired, inpaint):
    from SpineLib.scene.printmodel import part_of

    ui = repaired.ui
    for box in (ui.buildXSpinBox, ui.buildYSpinBox, ui.buildZSpinBox):
        box.value = 30
    ui.modelApplyButton.click()
    finish(inpaint, repaired.widget)
    assert "would not print" in ui.modelStatusLabel.text and "does not print" in ui.modelSection.text
    assert not ui.exportButton.enabled and "print gate refuses" in ui.exportButton.toolTip
    assert "Does not print" in ui.gateLabel.text
    failed = [row for row in range(ui.checksTable.rowCount) if ui.checksTable.item(row, 1).text() == "✗"]
    assert len(failed) == 1
    assert part_of(repaired.node.model, "Model") is not None, "the refused model is shown all the same"


def test_thin_walls_are_thickened_unless_the_user_wants_them_refused(repaired, inpaint):
    from SpineLib.mesh.model import ModelSettings

    ui, step = repaired.ui, repaired.widget.panel.model
    assert ui.thickenCheckBox.checked and step.settings()["thickening"] == ModelSettings().thickening
    ui.thickenCheckBox.checked = False
    assert inpaint.wait(lambda: step.settings()["thickening"] == 0.0, 20)


def test_another_setting_or_a_corrected_vertebra_makes_the_model_out_of_date(built, inpaint):
    ui, head = built.ui, built.node.model
    ui.scaleSlider.value = 50
    assert inpaint.wait(lambda: not ui.modelOutdatedLabel.isHidden(), 20)
    assert not ui.exportButton.enabled and "out of date" in ui.exportButton.toolTip
    ui.scaleSlider.value = 100
    assert inpaint.wait(lambda: ui.modelOutdatedLabel.isHidden() and ui.exportButton.enabled, 20)
    mask = voxels(built.node.repaired, built)
    mask[:22] = 0
    put(mask, built.node.repaired, built)
    assert inpaint.wait(lambda: not ui.modelOutdatedLabel.isHidden(), 20)
    ui.modelApplyButton.click()
    finish(inpaint, built.widget)
    assert built.node.model is head, "the nodes that are there are filled anew"
    assert ui.modelOutdatedLabel.isHidden()


def test_a_saved_scene_comes_back_with_all_that_was_chosen_and_made(built, inpaint, tmp_path):
    import slicer

    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(0)
    assert built.ui.checksTable.rowCount == 0 and "✓" not in built.ui.repairSection.text
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    inpaint.select("Data")
    inpaint.select("SpineInpaint")
    ui, node = built.ui, built.widget._parameterNode
    assert node.repaired is not None and node.model is not None and node.scale == 100
    assert inpaint.wait(lambda: "✓  prints" in ui.modelSection.text and "✓  L3" in ui.repairSection.text, 20)
    assert ui.checksTable.rowCount > 5 and ui.repairOutdatedLabel.isHidden() and ui.modelOutdatedLabel.isHidden()
    assert ui.exportButton.enabled


def test_drawing_a_lesion_begins_with_an_empty_segment_in_the_editor(damaged):
    import slicer

    damaged.ui.drawLesionButton.click()
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert damaged.node.lesion is not damaged.lesion
    assert editor.segmentationNode() is damaged.node.lesion and editor.currentSegmentID() == damaged.node.lesionSegment
    assert editor.sourceVolumeNode() is damaged.ct
    damaged.ui.repairApplyButton.click()


def test_deleted_nodes_are_no_longer_chosen_and_a_closed_scene_empties_the_panel(damaged, inpaint):
    import slicer

    slicer.mrmlScene.RemoveNode(damaged.lesion)
    assert damaged.node.lesion is None and "Mark the lesion in step 2" in damaged.ui.repairApplyButton.toolTip
    slicer.mrmlScene.Clear(0)
    ui = damaged.ui
    assert ui.ctSelector.currentNode() is None and ui.vertebraeTable.rowCount == 0
    assert "✓" not in ui.ctSection.text and "✓" not in ui.vertebraeSection.text


def test_closing_the_scene_cancels_the_run(damaged, inpaint):
    import slicer

    choose(damaged, "templates")
    damaged.ui.repairApplyButton.click()
    slicer.mrmlScene.Clear(0)
    finish(inpaint, damaged.widget)
    assert "scene was closed" in damaged.ui.repairStatusLabel.text and names() == []


def test_segments_that_are_only_counted_get_no_level_and_that_is_said(damaged, inpaint):
    from SpineLib.scene.masks import segment_ids

    ids, inner = segment_ids(damaged.vertebrae), damaged.vertebrae.GetSegmentation()
    for number, segment_id in enumerate(ids):
        inner.GetSegment(segment_id).SetName(f"Segment_{len(ids) - number}")  # from below
        inner.GetSegment(segment_id).SetTerminology("")
    said = damaged.ui.vertebraeStatusLabel
    assert inpaint.wait(lambda: "Nothing tells for certain how the vertebrae are numbered" in said.text, 10), said.text
    assert {one.number for one in damaged.widget.panel.vertebrae.found.segments} == {
        100 + n for n in range(1, len(ids) + 1)
    }


def test_the_user_says_whose_numbers_the_segments_have_and_the_scene_keeps_it(damaged, inpaint):
    from SpineLib.scene.masks import segment_ids

    ids, inner = segment_ids(damaged.vertebrae), damaged.vertebrae.GetSegmentation()
    for number, segment_id in enumerate(ids):
        inner.GetSegment(segment_id).SetName(f"Segment_{len(ids) - number}")  # from below
        inner.GetSegment(segment_id).SetTerminology("")
    combo = damaged.ui.numbersCombo
    titles = [combo.itemText(row) for row in range(combo.count)]
    assert titles[0] == "Told by their order" and combo.currentIndex == 0
    combo.currentIndex = titles.index("From below, 1 is L5")
    combo.activated(combo.currentIndex)
    found = damaged.widget.panel.vertebrae.found.segments
    assert [one.name for one in found] == [f"L{5 - n}" for n in range(len(ids))][::-1]
    damaged.widget.exit()
    damaged.widget.enter()
    assert combo.itemText(combo.currentIndex) == "From below, 1 is L5"
    combo.currentIndex = 0
    combo.activated(0)
    assert damaged.vertebrae.GetAttribute("SpineOncology.Numbers") is None
    assert all(one.number > 99 for one in damaged.widget.panel.vertebrae.found.segments)


def test_the_vertebrae_are_shown_as_surfaces_and_taken_away_again(damaged):
    from SpineLib.scene.views import are_surfaces_shown

    button = damaged.ui.vertebraeShow3dButton
    assert button.enabled
    button.click()
    assert are_surfaces_shown(damaged.vertebrae)
    button.click()
    assert not are_surfaces_shown(damaged.vertebrae)
