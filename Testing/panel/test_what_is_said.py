"""What a step says is about what is chosen: it goes when something else is, and when the scene is closed."""

from Testing.panel.patients import compared, edit, finish, mask_of


def reported(patient, desktop, folder):
    ui = compared(patient, desktop).ui
    ui.folderEdit.text = str(folder)
    ui.reportApplyButton.click()
    finish(desktop, patient.widget)
    assert "✓  written" in ui.reportSection.text and ui.openButton.enabled
    return ui


def nothing_is_written(ui):
    return "written" not in ui.reportSection.text + ui.reportStatusLabel.text and not ui.openButton.enabled


def test_a_report_of_an_earlier_state_does_not_count_for_the_renewed_comparison(patient, necrosis, tmp_path):
    ui = reported(patient, necrosis, tmp_path)
    mask = mask_of(patient.necrosis, patient.after)
    mask[:, :, : mask.shape[2] // 2] = False
    edit(necrosis, patient.necrosis, mask, patient.after)
    assert necrosis.wait(lambda: not ui.outdatedLabel.isHidden(), 20)
    assert "written" not in ui.reportSection.text
    ui.updateButton.click()
    finish(necrosis, patient.widget)
    assert necrosis.wait(lambda: nothing_is_written(ui), 2)


def test_the_report_of_a_closed_scene_is_not_offered_in_the_next_one(patient, necrosis, tmp_path):
    import slicer

    ui = reported(patient, necrosis, tmp_path)
    slicer.mrmlScene.Clear(0)
    assert necrosis.wait(lambda: nothing_is_written(ui), 2)


def test_a_sentence_about_a_registration_goes_with_it(patient, necrosis):
    patient.ui.registerApplyButton.click()
    finish(necrosis, patient.widget)
    assert patient.ui.registerStatusLabel.text
    patient.ui.transformSelector.setCurrentNode(None)
    assert not patient.ui.registerStatusLabel.text
