"""A run goes on while another module is shown; its end there brings the same result, sentence and display."""

import numpy as np
import pytest

from Testing.panel.patients import by_hand, edit, finish, mask_of


def ends_elsewhere(desktop, widget, button, module):
    """Start a run by its button, choose another module at once, come back when it has ended."""
    button.click()
    desktop.select("Data")
    finish(desktop, widget)
    desktop.select(module)
    desktop.wait(lambda: False, 0.2)


def good(label):
    """Whether a sentence was said that is no error."""
    return bool(label.text) and "color" not in label.styleSheet and "could not" not in label.text


def test_a_repair_that_ends_elsewhere_is_reported_and_shown(damaged, inpaint):
    from SpineLib.scene.repair import part_segment

    damaged.node.method = "templates"
    ends_elsewhere(inpaint, damaged.widget, damaged.ui.repairApplyButton, "SpineInpaint")
    assert damaged.ui.repairStatusLabel.text.startswith("Repaired: "), damaged.ui.repairStatusLabel.text
    assert "✓  L3" in damaged.ui.repairSection.text
    node = damaged.widget._parameterNode.repaired
    assert node.GetDisplayNode().GetVisibility2DOutline() and not node.GetDisplayNode().GetVisibility2DFill()
    assert all(node.GetDisplayNode().GetSegmentVisibility(part_segment(node, part)) for part in ("repaired", "before"))


def test_a_model_that_is_built_elsewhere_is_reported_and_shown(damaged, inpaint):
    pytest.importorskip("manifold3d", reason="manifold3d is not installed")
    damaged.ui.repairedSelector.setCurrentNode(damaged.vertebrae)
    damaged.vertebrae.GetSegmentation().RemoveSegment(damaged.vertebrae.GetSegmentation().GetNthSegmentID(0))
    ends_elsewhere(inpaint, damaged.widget, damaged.ui.modelApplyButton, "SpineInpaint")
    assert damaged.widget._parameterNode.model is not None, damaged.ui.modelStatusLabel.text
    assert "model prints" in damaged.ui.modelStatusLabel.text or "would not print" in damaged.ui.modelStatusLabel.text
    assert damaged.ui.checksTable.rowCount > 5 and damaged.ui.modelOutdatedLabel.isHidden()


def test_a_registration_that_ends_elsewhere_moves_the_scan_after(patient, necrosis):
    ends_elsewhere(necrosis, patient.widget, patient.ui.registerApplyButton, "SpineNecrosis")
    transform = patient.widget._parameterNode.transform
    assert transform is not None and good(patient.ui.registerStatusLabel), patient.ui.registerStatusLabel.text
    assert patient.after.GetParentTransformNode() is patient.necrosis.GetParentTransformNode() is transform
    assert "Estimated error" in patient.ui.qualityLabel.text


def test_a_comparison_that_ends_elsewhere_is_shown(patient, necrosis):
    import slicer

    from SpineLib.scene.comparison import part_of

    by_hand(patient)
    ends_elsewhere(necrosis, patient.widget, patient.ui.compareApplyButton, "SpineNecrosis")
    head = patient.widget._parameterNode.comparison
    assert head is not None and "✓  covered" in patient.ui.compareSection.text
    assert part_of(head, "Surface").GetDisplayVisibility()
    for node in (patient.metastasis, patient.necrosis):
        assert node.GetDisplayNode() is not None and node.GetDisplayNode().GetVisibility2DOutline()
        assert not node.GetDisplayNode().GetVisibility2DFill()
    red = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceCompositeNode")
    assert red.GetBackgroundVolumeID() == patient.before.GetID()


def test_a_comparison_whose_segment_is_edited_while_it_runs_elsewhere_is_out_of_date(patient, necrosis):
    by_hand(patient)
    patient.ui.compareApplyButton.click()
    necrosis.select("SegmentEditor")
    assert necrosis.wait(lambda: patient.widget.panel.jobs.worker.session.state == "running", 90)
    mask = mask_of(patient.necrosis, patient.after)
    mask[: int(np.argwhere(mask).mean(axis=0)[0])] = False
    edit(necrosis, patient.necrosis, mask, patient.after)
    finish(necrosis, patient.widget)
    necrosis.select("SpineNecrosis")
    assert necrosis.wait(lambda: "out of date" in patient.ui.compareSection.text, 3), patient.ui.verdictLabel.text


def test_a_report_that_is_written_elsewhere_is_reported(patient, necrosis, tmp_path):
    by_hand(patient)
    patient.ui.compareApplyButton.click()
    finish(necrosis, patient.widget)
    patient.ui.folderEdit.text = str(tmp_path / "report")
    ends_elsewhere(necrosis, patient.widget, patient.ui.reportApplyButton, "SpineNecrosis")
    assert "4 files written" in patient.ui.reportStatusLabel.text and patient.ui.openButton.enabled


def test_a_scene_closed_elsewhere_ends_the_run(damaged, inpaint):
    import slicer

    damaged.node.method = "templates"
    damaged.ui.repairApplyButton.click()
    inpaint.select("Data")
    slicer.mrmlScene.Clear(0)
    finish(inpaint, damaged.widget)
    inpaint.select("SpineInpaint")
    assert "scene was closed" in damaged.ui.repairStatusLabel.text
    assert damaged.ui.vertebraeTable.rowCount == 0 and damaged.widget._parameterNode.repaired is None


def test_a_module_left_while_a_message_is_shown_keeps_it(patient, necrosis):
    """The reason why a run failed is what the user comes back for."""
    patient.widget.panel.error(patient.widget.panel.compare.widgets, "The disk is full: free some space.")
    necrosis.select("Data")
    necrosis.select("SpineNecrosis")
    assert patient.ui.compareStatusLabel.text == "The disk is full: free some space."
