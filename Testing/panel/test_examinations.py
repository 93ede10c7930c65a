"""Steps 7 and 8: an earlier examination, the spinal canal, and the forms a reader confirms."""

import re
import shutil

import numpy as np
import pytest


def segmentation(volume, name, **masks):
    """A segmentation with one segment a mask (k, j, i)."""
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for key, mask in masks.items():
        node.GetSegmentation().AddEmptySegment(key, key)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, key, volume)
    return node


@pytest.fixture
def lesions(phantom):
    """The phantom's upper box as a lesion now, a larger one earlier, and a canal behind it; voxels 1 x 1 x 4 mm."""
    later, earlier, canal = (np.zeros(phantom.truth.shape, bool) for _ in range(3))
    later[8:20, 10:24, 5:9] = True
    earlier[6:26, 8:28, 4:10] = True
    canal[:, 32:37, 5:9] = True
    phantom.ui = phantom.widget.ui
    phantom.later = segmentation(phantom.t1, "later", L3=later)
    phantom.earlier = segmentation(phantom.t1, "earlier", L3=earlier)
    phantom.canal = segmentation(phantom.t1, "parts", other=later, canal=canal)
    phantom.later.GetSegmentation().GetSegment("L3").SetTag("SpineOncology.Level", "L3")
    phantom.ui.resultSelector.setCurrentNode(phantom.later)
    return phantom


def test_two_examinations_give_a_table_a_sentence_and_a_report(lesions, desktop, tmp_path):
    import slicer

    ui, node = lesions.ui, lesions.widget._parameterNode
    assert "earlier examination" in ui.responseApplyButton.toolTip
    ui.earlierSelector.setCurrentNode(lesions.earlier)
    same = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "unmoved")
    ui.earlierTransformSelector.setCurrentNode(same)
    node.responseFolder = str(tmp_path / "report")
    assert ui.responseApplyButton.enabled, ui.responseApplyButton.toolTip
    ui.responseApplyButton.click()
    assert desktop.wait(lambda: not lesions.widget.panel.jobs.busy, 120)
    assert "Partial response" in ui.responseStatusLabel.text, ui.responseStatusLabel.text
    assert ui.responseTable.item(0, 0).text() == "L3" and ui.responseTable.item(0, 4).text() == "PR"
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "response.csv",
        "response.html",
        "response.json",
    ]
    (table,) = [one for one in slicer.util.getNodesByClass("vtkMRMLTableNode") if "Two exam" in one.GetName()]
    assert table.GetTable().GetValueByName(0, "Response").ToString() == "Partial response"
    assert table.GetTable().GetValueByName(0, "Level").ToString() == "L3"
    ui.responseTable.cellClicked(0, 0)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(lesions.later, "L3", lesions.t1)
    mask[8:12] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, lesions.later, "L3", lesions.t1)
    assert desktop.wait(lambda: "Out of date" in ui.responseStatusLabel.text, 10)
    assert ui.responseTable.rowCount == 0
    ui.earlierSelector.setCurrentNode(None)
    assert ui.responseTable.rowCount == 0


def test_the_canals_distance_is_measured_and_what_can_be_seen_is_proposed(lesions, desktop):
    import slicer

    from SpineLib.scene.stability import spine_lines

    ui = lesions.ui
    assert not ui.stabilityApplyButton.enabled, "no lesion is chosen"
    ui.lesionTable.setCurrentCell(0, 0)
    assert desktop.wait(lambda: ui.stabilityApplyButton.enabled, 5)
    ui.canalSelector.setCurrentNode(lesions.canal)
    assert desktop.wait(lambda: ui.canalSegmentCombo.currentText == "canal", 5)
    ui.stabilityApplyButton.click()
    told = ui.stabilityStatusLabel.text
    apart = float(re.search(r"Lesion to spinal canal: ([\d.]+) mm", told)[1])
    # The voxels' faces are 8 mm apart; a box of few coarse voxels, taken as a smooth body, bulges between its edges.
    assert apart == pytest.approx(8, abs=1.1) and "Not confirmed" in told
    assert ui.sinsLocationCombo.currentText.startswith("Mobile") and ui.bilskyCombo.currentText.startswith("0")
    assert ui.sinsPainCombo.currentText == "to be chosen"
    ui.stabilityConfirmCheckBox.click()
    (line,) = spine_lines(lesions.later)
    assert "Bilsky grade 0" in line and "Lesion to spinal canal" in line
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(lesions.later, "L3", lesions.t1)
    mask[:, 20:] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, lesions.later, "L3", lesions.t1)
    (line,) = spine_lines(lesions.later)
    assert "spinal canal" not in line, "the lesion was edited since it was measured"


def test_only_a_confirmed_form_is_told_and_a_changed_answer_takes_it_back(lesions, desktop):
    from SpineLib.scene.stability import form_of, spine_lines

    ui = lesions.ui
    ui.lesionTable.setCurrentCell(0, 0)
    assert desktop.wait(lambda: ui.stabilityConfirmCheckBox.enabled, 5)
    ui.stabilityConfirmCheckBox.click()
    assert not ui.stabilityConfirmCheckBox.checked and "before you confirm" in ui.stabilityStatusLabel.text
    for combo in (ui.sinsLocationCombo, ui.sinsPainCombo, ui.sinsBoneCombo, ui.sinsAlignmentCombo,
                  ui.sinsCollapseCombo, ui.sinsPosterolateralCombo):  # fmt: skip
        combo.currentIndex = 1
        combo.activated(1)
    assert "SINS 18 of 18: unstable" in ui.stabilityStatusLabel.text and spine_lines(lesions.later) == []
    ui.stabilityConfirmCheckBox.click()
    (line,) = spine_lines(lesions.later)
    assert line.startswith("L3: SINS 18 of 18: unstable.")
    ui.bilskyCombo.currentIndex = 2
    ui.bilskyCombo.activated(2)
    assert not ui.stabilityConfirmCheckBox.checked and spine_lines(lesions.later) == []
    assert form_of(lesions.later, "L3").bilsky == "1a"


def test_a_canal_that_a_model_found_in_another_examination_is_not_measured_from(lesions, desktop):
    import slicer

    from SpineLib.scene.results import SOURCE_ROLE

    ui = lesions.ui
    lesions.canal.GetSegmentation().GetSegment("canal").SetTag("SpineOncology.FoundBy", "column-mr")
    lesions.canal.SetNodeReferenceID(SOURCE_ROLE, lesions.t1.GetID())
    ui.canalSelector.setCurrentNode(lesions.canal)
    ui.lesionTable.setCurrentCell(0, 0)
    assert desktop.wait(lambda: ui.stabilityApplyButton.enabled, 5)
    ui.stabilityApplyButton.click()
    assert "Lesion to spinal canal" in ui.stabilityStatusLabel.text, "T1 and T2 of one examination"
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "other examination")
    other.Copy(lesions.t1)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(lesions.later, "L3", lesions.t1) > 0
    ui.resultSelector.setCurrentNode(segmentation(other, "of the other", L4=mask))
    ui.lesionTable.setCurrentCell(0, 0)
    assert desktop.wait(lambda: ui.stabilityApplyButton.enabled, 5)
    ui.stabilityApplyButton.click()
    assert "no distance is told" in ui.stabilityStatusLabel.text
    assert "Lesion to spinal canal" not in ui.stabilityStatusLabel.text
    lesions.canal.GetSegmentation().GetSegment("canal").RemoveTag("SpineOncology.FoundBy")
    ui.stabilityApplyButton.click()
    assert "Lesion to spinal canal" in ui.stabilityStatusLabel.text, "what a person chose and drew is taken"


def test_the_canal_is_looked_for_where_none_is_chosen(
    open_panel, desktop, shared_data, repository, tmp_path, monkeypatch
):
    import slicer

    from SpineLib.models import catalogue
    from SpineLib.scene.nodes import volume_to_node
    from SpineLib.volume import read_volume

    path = shared_data / "mr_lumbar" / "DzZ_T2.nii.gz"
    if not path.is_file():
        pytest.skip("the shared data has no mr_lumbar/DzZ_T2.nii.gz")
    # The worker finds the model among those that come along; the panel is told that it is there.
    shutil.copytree(repository / "Resources" / "Models" / "column-mr", tmp_path / "column-mr")
    monkeypatch.setattr(catalogue, "bundled_folders", lambda: [tmp_path])
    t2 = volume_to_node(read_volume(path, "T2"), "DzZ_T2")
    bodies = read_volume(path.parent / "DzZ_T2_vb-labels.nii.gz").array
    mask = (bodies == 4) & (np.arange(bodies.shape[0])[:, None, None] % 2 == 0)
    lesions = segmentation(t2, "lesions", one=mask)
    ui = open_panel().ui
    ui.resultSelector.setCurrentNode(lesions)
    ui.lesionTable.setCurrentCell(0, 0)
    assert desktop.wait(lambda: ui.stabilityApplyButton.enabled, 5), ui.stabilityApplyButton.toolTip
    ui.stabilityApplyButton.click()
    assert desktop.wait(lambda: ui.stabilityStatusLabel.text, 120), ui.stabilityStageLabel.text
    assert "Lesion to spinal canal" in ui.stabilityStatusLabel.text
    assert "found by 'column-mr'" in ui.stabilityStatusLabel.text
    assert ui.canalSegmentCombo.currentText == "Canal" and ui.sinsLocationCombo.currentText.startswith("Mobile")
    assert not slicer.util.getNode("*spine parts*").GetDisplayNode().GetVisibility()
