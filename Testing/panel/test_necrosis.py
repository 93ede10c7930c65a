"""The panel of the follow-up, with the real worker: register, compare, correct, report; and what goes wrong."""

import numpy as np

from Testing.panel.patients import add_ellipsoid, by_hand, compared, finish


def origin_of(node):
    """Where a volume's first voxel lies in the world, RAS mm."""
    from SpineLib.scene.nodes import ijk_to_world

    return ijk_to_world(node)[:3, 3]


def test_scans_are_chosen_by_their_names_and_the_headers_tell_what_is_done(patient):
    ui = patient.ui
    assert ui.beforeT2Selector.currentNode() is patient.before and ui.beforeT1Selector.currentNode() is None
    assert ui.afterCeT1Selector.currentNode() is patient.after and ui.afterT2Selector.currentNode() is None
    assert "✓" in ui.beforeSection.text and "metastasis" in ui.beforeSection.text
    assert "✓" in ui.afterSection.text and "ceT1" in ui.afterSection.text
    assert "✓" not in ui.registerSection.text and "✓" not in ui.compareSection.text


def test_the_model_that_uses_most_of_the_scans_is_taken_unless_the_user_chose_another(patient):
    ui, node = patient.ui, patient.widget._parameterNode
    assert node.metastasisModel == ""
    ui.beforeT1Selector.setCurrentNode(patient.after)
    assert node.metastasisModel == "bright-spots-2d"
    index = [ui.metastasisModelCombo.itemText(n) for n in range(ui.metastasisModelCombo.count)].index(
        "Bright spots 3D (test)"
    )
    ui.metastasisModelCombo.activated(index)
    assert node.metastasisModel == "bright-spots-3d"
    ui.beforeT2Selector.setCurrentNode(None)
    assert node.metastasisModel == "bright-spots-t1-2d"
    ui.beforeT2Selector.setCurrentNode(patient.before)
    assert node.metastasisModel == "bright-spots-2d" and not ui.metastasisBadgeLabel.isHidden()


def test_every_step_says_what_it_waits_for(open_necrosis, asked):
    ui = open_necrosis().ui
    for button, words in (
        (ui.beforeApplyButton, "Choose at least one scan"),
        (ui.registerApplyButton, "steps 1 and 2"),
        (ui.necrosisApplyButton, "Choose at least one scan"),
        (ui.compareApplyButton, "segmentation of the metastasis"),
        (ui.reportApplyButton, "Compare first"),
    ):
        assert not button.enabled and words in button.toolTip, button.name


def test_the_best_pair_of_scans_is_registered_until_the_user_chooses_another(patient):
    combo, node = patient.ui.pairCombo, patient.widget._parameterNode
    assert combo.currentText == "T2 before with ceT1 after" and node.pair == ""
    patient.ui.beforeT1Selector.setCurrentNode(patient.before)
    patient.ui.beforeT2Selector.setCurrentNode(None)
    assert combo.currentText == "T1 before with ceT1 after", "scans came one by one, a worse pair first"
    patient.ui.beforeT2Selector.setCurrentNode(patient.before)
    combo.activated(1)
    assert combo.currentText == "T2 before with ceT1 after" and node.pair == "T2 ceT1"
    patient.ui.afterT2Selector.setCurrentNode(patient.after)
    assert combo.currentText == "T2 before with ceT1 after"


def test_registering_moves_the_scan_after_and_a_tick_takes_that_back(patient, necrosis):
    import slicer

    from SpineNecrosisLib.selftest import SHIFT_MM

    ui = patient.ui
    assert ui.pairCombo.currentText == "T2 before with ceT1 after"
    raw = origin_of(patient.after)
    ui.registerApplyButton.click()
    assert not ui.registerProgressBar.isHidden() and ui.registerCancelButton.enabled
    assert not ui.compareApplyButton.enabled and "A run is going on" in ui.compareApplyButton.toolTip
    finish(necrosis, patient.widget)
    transform = patient.widget._parameterNode.transform
    assert transform is not None, ui.registerStatusLabel.text
    np.testing.assert_allclose(
        slicer.util.arrayFromTransformMatrix(transform)[:3, :3] @ np.add((36, 42, 48), SHIFT_MM)
        + slicer.util.arrayFromTransformMatrix(transform)[:3, 3],
        (36, 42, 48),
        atol=1.5,  # half a voxel's longest side
    )
    assert patient.after.GetParentTransformNode() is patient.necrosis.GetParentTransformNode() is transform
    ui.moveCheckBox.checked = False
    np.testing.assert_allclose(origin_of(patient.after), raw)
    ui.moveCheckBox.checked = True
    assert patient.after.GetParentTransformNode() is transform
    assert "Estimated error" in ui.qualityLabel.text and not list(necrosis.temporary.glob("spine-oncology-*"))


def test_comparing_correcting_and_updating(patient, necrosis):
    import slicer

    from SpineLib.scene.comparison import part_of

    ui, widget = compared(patient, necrosis).ui, patient.widget
    assert "Covered, margin too small" in ui.verdictLabel.text and "100.0 % covered" in ui.verdictLabel.text
    assert "Complete:" in ui.verdictLabel.text, "the rule in words beside it"
    assert ui.measuresTable.rowCount > 15 and ui.outdatedLabel.isHidden()
    assert "✓  covered" in ui.compareSection.text
    head = widget._parameterNode.comparison
    assert part_of(head, "Surface").GetDisplayVisibility()
    assert patient.metastasis.GetDisplayNode().GetVisibility2DOutline()

    segment = patient.necrosis.GetSegmentation().GetNthSegmentID(0)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(patient.necrosis, segment, patient.after)
    mask[:, :, : mask.shape[2] // 2] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, patient.necrosis, segment, patient.after)
    assert necrosis.wait(lambda: not ui.outdatedLabel.isHidden(), 20)
    assert "out of date" in ui.compareSection.text and ui.updateButton.enabled
    assert "out of date" in ui.reportApplyButton.toolTip
    ui.updateButton.click()
    finish(necrosis, widget)
    assert widget._parameterNode.comparison is head, "an update renews the nodes that are there"
    assert "Incomplete ablation" in ui.verdictLabel.text and ui.outdatedLabel.isHidden()
    assert ui.piecesTable.rowCount >= 1
    ui.piecesTable.cellClicked(0, 0)

    ui.autoCheckBox.checked = True
    patient.widget._parameterNode.transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.eye(4)))
    told = ui.verdictLabel.text
    assert necrosis.wait(lambda: ui.verdictLabel.text != told, 60), "with the tick it updates by itself"
    assert ui.outdatedLabel.isHidden()


def test_the_report_stands_alone_and_names_nobody(patient, necrosis, tmp_path):
    patient.before.SetName("T2 before Doe^Jane")
    ui = compared(patient, necrosis).ui
    assert "Choose a folder" in ui.reportApplyButton.toolTip
    ui.folderEdit.text = str(tmp_path / "new")
    ui.reportApplyButton.click()
    finish(necrosis, patient.widget)
    assert "4 files written" in ui.reportStatusLabel.text
    html = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert "Covered, margin too small" in html and "Doe^Jane" not in html and "T2 before" in html
    assert (tmp_path / "new" / "comparison.csv").read_text().startswith("level,outcome,")
    assert ui.openButton.enabled
    import qt

    ui.copyTextButton.click()
    text = qt.QApplication.clipboard().text()
    assert text.startswith("Follow-up after ablation (T2 before, ") and "Doe" not in text
    assert text == (tmp_path / "new" / "report.txt").read_text(encoding="utf-8").strip()
    patient.asked.answer = False
    ui.reportApplyButton.click()
    assert "already" in patient.asked.questions[-1] and not patient.widget.panel.jobs.busy


def test_doubts_about_the_scans_are_asked_once_and_a_no_starts_nothing(patient, necrosis):
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    for volume, number, date in ((patient.before, "1", "20240202"), (patient.after, "2", "20240101")):
        person = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), f"P{number}")
        hierarchy.SetItemAttribute(person, "DICOM.PatientID", number)
        study = hierarchy.CreateStudyItem(person, "Study")
        hierarchy.SetItemAttribute(study, "DICOM.StudyDate", date)
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
    patient.asked.answer = False
    patient.ui.registerApplyButton.click()
    assert len(patient.asked.questions) == 1 and "different patient IDs" in patient.asked.questions[0]
    assert not patient.widget.panel.jobs.busy
    patient.asked.answer = True
    patient.ui.registerApplyButton.click()
    assert len(patient.asked.questions) == 3 and "later one" in patient.asked.questions[2]
    patient.ui.registerCancelButton.click()
    finish(necrosis, patient.widget)
    patient.ui.registerApplyButton.click()
    assert len(patient.asked.questions) == 3
    patient.ui.registerCancelButton.click()
    finish(necrosis, patient.widget)
    assert patient.widget._parameterNode.transform is None
    assert "Cancelled" in patient.ui.registerStatusLabel.text


def test_of_several_segments_one_has_to_be_chosen(patient):
    ui = patient.ui
    add_ellipsoid(patient.metastasis, patient.before, "second", (20, 20, 20), (5, 5, 5))
    patient.widget.panel.update()
    assert patient.widget._parameterNode.metastasisSegment, "the choice that was there stays"
    patient.widget._parameterNode.metastasisSegment = ""
    assert "holds 2 segments: choose the treated metastasis" in ui.compareApplyButton.toolTip
    texts = [ui.metastasisSegmentCombo.itemText(n) for n in range(ui.metastasisSegmentCombo.count)]
    assert texts == ["Choose one of 2", "All segments together", "metastasis", "second"]
    ui.metastasisSegmentCombo.currentIndex = 3
    ui.metastasisSegmentCombo.activated(3)
    assert ui.compareApplyButton.enabled
    assert "second" in ui.beforeSection.text


def test_an_empty_segment_is_one_red_sentence(patient, necrosis, is_red):
    import slicer

    segment = patient.necrosis.GetSegmentation().GetNthSegmentID(0)
    empty = np.zeros(slicer.util.arrayFromVolume(patient.after).shape, np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(empty, patient.necrosis, segment, patient.after)
    patient.ui.compareApplyButton.click()
    finish(necrosis, patient.widget)
    assert "necrosis is empty" in patient.ui.compareStatusLabel.text
    assert is_red(patient.ui.compareStatusLabel)


def test_one_volume_before_and_after_is_refused(patient):
    patient.ui.afterT2Selector.setCurrentNode(patient.before)
    assert "both as before and as after" in patient.ui.afterStatusLabel.text
    assert not patient.ui.registerApplyButton.enabled
    assert "same volume" in patient.ui.registerApplyButton.toolTip


def test_deleted_nodes_are_no_longer_chosen_and_a_closed_scene_empties_the_panel(patient, necrosis):
    import slicer

    slicer.mrmlScene.RemoveNode(patient.necrosis)
    assert patient.widget._parameterNode.necrosis is None
    assert "segmentation of the necrosis" in patient.ui.compareApplyButton.toolTip
    patient.ui.registerApplyButton.click()
    slicer.mrmlScene.Clear(0)
    finish(necrosis, patient.widget)
    assert "scene was closed" in patient.ui.registerStatusLabel.text
    assert not slicer.util.getNodesByClass("vtkMRMLLinearTransformNode")
    assert patient.ui.beforeT2Selector.currentNode() is None and "✓" not in patient.ui.beforeSection.text


def composites():
    import slicer

    return [
        (one.GetBackgroundVolumeID(), one.GetForegroundVolumeID(), one.GetForegroundOpacity())
        for one in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    ]


def test_fading_and_checkerboard_give_the_views_back_as_they_were(patient):
    import slicer

    ui, before = patient.ui, composites()
    count = slicer.mrmlScene.GetNumberOfNodes()
    ui.fadeCheckBox.click()
    ui.fadeSlider.value = 0.25
    assert set(composites()) == {(patient.before.GetID(), patient.after.GetID(), 0.25)}
    ui.checkerCheckBox.click()
    assert ui.checkerCheckBox.checked and not ui.fadeCheckBox.checked
    (board,) = {one[0] for one in composites()}
    assert "Checkerboard" in slicer.mrmlScene.GetNodeByID(board).GetName()
    ui.checkerCheckBox.click()
    assert composites() == before and slicer.mrmlScene.GetNumberOfNodes() == count


def test_handles_come_and_go_and_a_transform_by_hand_counts(patient):
    transform = by_hand(patient)
    ui = patient.ui
    assert "by hand" in ui.qualityLabel.text and "✓  own transform" in ui.registerSection.text
    ui.handlesButton.click()
    display = transform.GetDisplayNode()
    assert display.GetEditorVisibility() and not display.GetEditorScalingEnabled()
    ui.handlesButton.click()
    assert not display.GetEditorVisibility()


def test_a_new_region_lies_around_the_metastasis_and_new_points_are_placed_at_once(patient):
    import slicer

    from SpineLib.scene.registration import region_of_roi
    from SpineNecrosisLib.selftest import METASTASIS

    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    patient.ui.roiSelector.nodeAddedByUser(roi)
    np.testing.assert_allclose(np.array(region_of_roi(roi)["centre_lps_mm"]) * (-1, -1, 1), METASTASIS[0], atol=1.5)
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    patient.ui.beforePointsSelector.nodeAddedByUser(points)
    assert slicer.modules.markups.logic().GetActiveListID() == points.GetID()
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    assert interaction.GetPlaceModePersistence()
    interaction.SwitchToViewTransformMode()


def test_the_simulated_patient_is_in_sample_data(open_necrosis):
    import slicer

    slicer.app.startupCompleted()
    names = [source.sampleName for source in slicer.modules.sampleDataSources["Spine Oncology"]]
    assert "Simulated spine before and after RFA" in names


def test_the_modules_own_test_passes(open_necrosis):
    """Both segmentations by tiny models, registration and comparison from a script."""
    import slicer

    slicer.selfTests["SpineNecrosis"]()
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 2


def test_no_text_is_cut_off_at_the_width_slicer_gives(patient, necrosis):
    from PySide6 import QtWidgets

    widget, ui = patient.widget, patient.ui
    for name in ("report", "log"):
        getattr(ui, f"{name}Section").collapsed = False
    necrosis.show(400, 2200)
    necrosis.wait(lambda: False, 0.1)
    assert widget.parent._object.minimumSizeHint().width() <= 400
    for kind in (QtWidgets.QLabel, QtWidgets.QPushButton, QtWidgets.QCheckBox):
        for child in widget.parent._object.findChildren(kind):
            if child.isVisible() and type(child) is kind and not (kind is QtWidgets.QLabel and child.wordWrap()):
                assert child.width() >= child.minimumSizeHint().width(), child.objectName()
    silent = [
        name
        for name, one in vars(ui).items()
        if name.endswith(("Button", "Combo", "Selector", "Slider", "Table", "CheckBox", "Edit"))
        and isinstance(one._object, QtWidgets.QWidget)
        and not one.toolTip
    ]
    assert not silent


def test_metastases_and_necrosis_are_shown_as_surfaces_and_taken_away_again(patient):
    from SpineLib.scene.views import are_surfaces_shown

    ui = patient.ui
    for selector, button in (
        (ui.metastasisSelector, ui.metastasisShow3dButton),
        (ui.necrosisSelector, ui.necrosisShow3dButton),
    ):
        node = selector.currentNode()
        assert button.enabled is (node is not None)
        if node is not None:
            button.click()
            assert are_surfaces_shown(node)
            button.click()
            assert not are_surfaces_shown(node)
    assert ui.metastasisSelector.currentNode() is not None
