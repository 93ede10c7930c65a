"""What is edited while another module is shown is seen on coming back: that is how segments are corrected.

Slicer tells a module that it is entered and left, and nothing of what happens in between.
"""

import numpy as np
import pytest

from Testing.panel.patients import add_ellipsoid, compared, draw, edit, finish, mask_of


def away(desktop, module, do, other="SegmentEditor"):
    """The user chooses another module, does something there, waits a second, and comes back."""
    desktop.select(other)
    do()
    desktop.wait(lambda: False, 1.2)
    desktop.select(module)
    desktop.wait(lambda: False, 0.2)


def halve(desktop, node, volume):
    """Erase the upper half of a segment's voxels."""
    mask = mask_of(node, volume)
    mask[int(np.argwhere(mask).mean(axis=0)[0]) :] = False
    edit(desktop, node, mask, volume)


def turn(patient):
    import slicer

    patient.widget.logic.getParameterNode().transform.SetMatrixTransformToParent(
        slicer.util.vtkMatrixFromArray(np.eye(4))
    )


# --- metastases -------------------------------------------------------------------------------------------------


def ml(ui, row=0):
    return float(ui.lesionTable.item(row, 3).text())


def test_the_table_of_lesions_follows_an_edit_made_elsewhere(phantom, desktop):
    lesions = draw(phantom.t1, "lesion", (24, 15, 13), (10, 5, 5))
    phantom.widget.ui.resultSelector.setCurrentNode(lesions)
    before = ml(phantom.widget.ui)
    away(desktop, "SpineMetSeg", lambda: halve(desktop, lesions, phantom.t1))
    assert 0.2 * before < ml(phantom.widget.ui) < 0.8 * before


def test_a_segmentation_without_a_source_is_still_measured_after_an_edit_made_elsewhere(phantom, desktop):
    """Loaded from a file, it knows no volume: its voxels are counted on the chosen T1."""
    lesions = draw(phantom.t1, "lesion", (24, 15, 13), (10, 5, 5))
    lesions.SetNodeReferenceID(lesions.GetReferenceImageGeometryReferenceRole(), None)
    ui = phantom.widget.ui
    ui.resultSelector.setCurrentNode(lesions)
    before = ml(ui)
    away(desktop, "SpineMetSeg", lambda: halve(desktop, lesions, phantom.t1))
    assert ui.lesionTable.rowCount == 1, ui.summaryLabel.text
    assert 0.2 * before < ml(ui) < 0.8 * before


# --- follow-up --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["metastasis", "necrosis"])
def test_a_comparison_is_out_of_date_after_an_edit_made_elsewhere(patient, necrosis, which):
    compared(patient, necrosis)
    node, volume = getattr(patient, which), patient.before if which == "metastasis" else patient.after
    away(necrosis, "SpineNecrosis", lambda: halve(necrosis, node, volume))
    assert "out of date" in patient.ui.compareSection.text and patient.ui.updateButton.enabled
    assert not patient.ui.outdatedLabel.isHidden()


def test_a_comparison_is_out_of_date_after_the_transform_was_moved_elsewhere(patient, necrosis):
    compared(patient, necrosis)
    away(necrosis, "SpineNecrosis", lambda: turn(patient), "Transforms")
    assert "out of date" in patient.ui.compareSection.text and patient.ui.updateButton.enabled


def test_a_comparison_is_out_of_date_after_its_segment_was_removed_elsewhere(patient, necrosis):
    compared(patient, necrosis)
    inner = patient.necrosis.GetSegmentation()
    away(necrosis, "SpineNecrosis", lambda: inner.RemoveSegment(inner.GetNthSegmentID(0)))
    assert "out of date" in patient.ui.compareSection.text


def test_a_comparison_that_updates_by_itself_does_so_on_coming_back(patient, necrosis):
    compared(patient, necrosis)
    told = patient.ui.verdictLabel.text
    patient.ui.autoCheckBox.checked = True
    away(necrosis, "SpineNecrosis", lambda: halve(necrosis, patient.necrosis, patient.after))
    finish(necrosis, patient.widget)
    assert patient.ui.verdictLabel.text != told and patient.ui.outdatedLabel.isHidden()


def test_a_comparison_stays_up_to_date_after_a_stay_elsewhere_without_an_edit(patient, necrosis):
    compared(patient, necrosis)
    away(necrosis, "SpineNecrosis", lambda: None)
    assert "✓  covered" in patient.ui.compareSection.text and patient.ui.outdatedLabel.isHidden()


def test_a_comparison_stays_up_to_date_when_a_segment_is_only_renamed_elsewhere(patient, necrosis):
    compared(patient, necrosis)
    away(
        necrosis, "SpineNecrosis", lambda: patient.necrosis.GetSegmentation().GetNthSegment(0).SetName("zone, checked")
    )
    assert "✓  covered" in patient.ui.compareSection.text
    assert "zone, checked" in patient.ui.necrosisSection.text


def test_a_comparison_deleted_elsewhere_is_gone(patient, necrosis):
    import slicer

    compared(patient, necrosis)
    away(
        necrosis,
        "SpineNecrosis",
        lambda: slicer.mrmlScene.RemoveNode(patient.widget.logic.getParameterNode().comparison),
    )
    assert patient.ui.measuresTable.rowCount == 0 and "✓" not in patient.ui.compareSection.text


def test_a_segment_added_elsewhere_is_offered(patient, necrosis):
    away(
        necrosis,
        "SpineNecrosis",
        lambda: add_ellipsoid(patient.metastasis, patient.before, "second", (20, 20, 20), (5, 5, 5)),
    )
    combo = patient.ui.metastasisSegmentCombo
    assert "second" in [combo.itemText(n) for n in range(combo.count)]


# --- repair -----------------------------------------------------------------------------------------------------


def repaired(damaged, inpaint):
    damaged.node.method = "templates"
    damaged.ui.repairApplyButton.click()
    finish(inpaint, damaged.widget)
    assert "✓  L3" in damaged.ui.repairSection.text, damaged.ui.repairStatusLabel.text


def test_a_repair_is_out_of_date_after_the_lesion_was_edited_elsewhere(damaged, inpaint):
    repaired(damaged, inpaint)
    away(inpaint, "SpineInpaint", lambda: halve(inpaint, damaged.lesion, damaged.ct))
    assert inpaint.wait(lambda: "out of date" in damaged.ui.repairSection.text, 3)
    assert not damaged.ui.repairOutdatedLabel.isHidden()


def test_a_repair_is_out_of_date_after_the_vertebra_was_edited_elsewhere(damaged, inpaint):
    repaired(damaged, inpaint)
    mask = mask_of(damaged.vertebrae, damaged.ct, 1)
    mask[: int(np.argwhere(mask).mean(axis=0)[0])] = False
    away(inpaint, "SpineInpaint", lambda: edit(inpaint, damaged.vertebrae, mask, damaged.ct, 1))
    assert inpaint.wait(lambda: "out of date" in damaged.ui.repairSection.text, 3)


def test_a_model_is_out_of_date_after_the_repaired_vertebra_was_edited_elsewhere(damaged, inpaint):
    pytest.importorskip("manifold3d", reason="manifold3d is not installed")
    repaired(damaged, inpaint)
    damaged.ui.modelApplyButton.click()
    finish(inpaint, damaged.widget)
    assert "✓  prints" in damaged.ui.modelSection.text
    away(inpaint, "SpineInpaint", lambda: halve(inpaint, damaged.node.repaired, damaged.ct))
    assert inpaint.wait(lambda: "out of date" in damaged.ui.modelSection.text, 3)
    assert not damaged.ui.exportButton.enabled, "what is exported would not be what was edited"


def test_the_table_of_vertebrae_follows_an_edit_made_elsewhere(damaged, inpaint):
    before = float(damaged.ui.vertebraeTable.item(0, 1).text())
    away(inpaint, "SpineInpaint", lambda: halve(inpaint, damaged.vertebrae, damaged.ct))
    assert 0.2 * before < float(damaged.ui.vertebraeTable.item(0, 1).text()) < 0.8 * before


def test_voxels_of_the_ct_changed_elsewhere_are_looked_at_anew(damaged, inpaint):
    import slicer

    def metal():
        slicer.util.arrayFromVolume(damaged.ct)[10:30, 30:40, 30:40] = 3500
        slicer.util.arrayFromVolumeModified(damaged.ct)

    away(inpaint, "SpineInpaint", metal, "Volumes")
    assert "denser" in damaged.ui.ctStatusLabel.text
