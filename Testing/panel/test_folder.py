"""A folder of patients from the panel, with the real worker: the list fills, a bad patient is told, one is opened."""

from __future__ import annotations

import pytest

from SpineLib.volume import Volume, write_volume
from Testing.panel.patients import finish


@pytest.fixture
def patients(phantom, tmp_path):
    """Two patients as the phantom's, and one whose T2 is no image."""
    from SpineLib.scene.nodes import volume_from_node

    for number in (1, 2, 3):
        anat = tmp_path / "bids" / f"sub-00{number}" / "anat"
        anat.mkdir(parents=True)
        for node, suffix in ((phantom.t1, "T1w"), (phantom.t2, "T2w")):
            volume = volume_from_node(node, suffix)
            write_volume(
                Volume(volume.array, volume.spacing, volume.origin, volume.direction),
                anat / f"sub-00{number}_{suffix}.nii.gz",
            )
    (tmp_path / "bids" / "sub-002" / "anat" / "sub-002_T2w.nii.gz").write_text("broken")
    return tmp_path


def test_the_list_fills_and_a_finished_patient_is_opened(phantom, patients, desktop):
    import slicer

    widget, ui = phantom.widget, phantom.widget.ui
    assert "Choose the folder of patients" in ui.batchApplyButton.toolTip
    ui.patientsEdit.text = str(patients / "bids")
    ui.patientsOutputEdit.text = str(patients / "out")
    assert desktop.wait(lambda: ui.batchApplyButton.enabled, 10), ui.batchApplyButton.toolTip
    ui.batchApplyButton.click()
    filled = []
    assert desktop.wait(lambda: filled.append(ui.batchTable.rowCount) or not widget.panel.jobs.busy, 300)
    assert ui.batchTable.rowCount == 3 and [ui.batchTable.item(row, 3).text() for row in range(3)] == [
        "done",
        "failed",
        "done",
    ]
    assert "2 of 3 patients segmented" in ui.batchStatusLabel.text
    assert (patients / "out" / "summary.csv").is_file()
    ui.batchTable.setCurrentCell(1, 0)
    widget.panel.update()
    assert not ui.openCaseButton.enabled and "T2" in ui.openCaseButton.toolTip
    ui.batchTable.setCurrentCell(2, 0)
    widget.panel.update()
    before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
    ui.openCaseButton.click()
    assert "sub-003 was opened" in ui.batchStatusLabel.text
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == before + 2
    result = widget._parameterNode.result
    assert result.GetName() == "sub-003 lesions"
    assert desktop.wait(lambda: ui.lesionTable.rowCount == int(ui.batchTable.item(2, 1).text()), 20)
    ui.batchApplyButton.click()
    finish(desktop, widget)
    assert [ui.batchTable.item(row, 3).text() for row in range(3)] == ["kept", "failed", "kept"]
