"""What the follow-up shows in the views, and that it gives them back: fading, handles, charts, landmarks, surfaces."""

import numpy as np
import pytest

from Testing.panel.patients import add_ellipsoid, by_hand, compared, finish


def composites():
    import slicer

    return [
        (one.GetBackgroundVolumeID(), one.GetForegroundVolumeID(), one.GetForegroundOpacity())
        for one in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    ]


@pytest.mark.parametrize("box", ["fadeCheckBox", "checkerCheckBox"])
def test_fade_and_checkerboard_work_a_second_time(patient, box):
    tick, before = getattr(patient.ui, box), composites()
    tick.click()
    first = composites()
    assert first != before
    tick.click()
    assert composites() == before
    tick.click()
    shown = composites()
    assert tick.checked and shown != before
    assert [one[1:] for one in shown] == [one[1:] for one in first]


def test_fading_works_in_a_second_scene(patient, necrosis):
    import slicer

    from SpineNecrosisLib.selftest import phantomNodes

    patient.ui.fadeCheckBox.click()
    slicer.mrmlScene.Clear(0)
    before, after = phantomNodes()
    necrosis.select("Data")
    necrosis.select("SpineNecrosis")
    assert not patient.ui.fadeCheckBox.checked
    patient.ui.fadeCheckBox.click()
    assert {one[:2] for one in composites()} == {(before.GetID(), after.GetID())}


@pytest.mark.parametrize("moved", [False, True])
def test_handles_stand_at_the_metastasis(patient, moved):
    """A turn about the origin, 50 mm off, would shift the metastasis by 4.6 mm for 5 degrees."""
    import slicer

    from SpineNecrosisLib.selftest import METASTASIS

    transform = by_hand(patient)
    if not moved:
        transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.eye(4)))
    patient.ui.handlesButton.click()
    matrix = slicer.util.arrayFromTransformMatrix(transform)
    centre = np.append(transform.GetCenterOfTransformation(), 1.0)
    np.testing.assert_allclose((matrix @ centre)[:3], METASTASIS[0], atol=1.5)  # half a voxel


@pytest.mark.parametrize("target", ["Metastasis", "Necrosis"])
def test_a_segmentation_that_was_loaded_is_edited_on_the_scan_of_its_step(patient, target):
    """A file of segments names no volume; without one Slicer says "Select source volume to enable editing"."""
    import slicer

    node = patient.metastasis if target == "Metastasis" else patient.necrosis
    node.SetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole(), None)
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSourceVolumeNode(None)
    getattr(patient.ui, f"edit{target}Button").click()
    assert editor.segmentationNode() is node
    assert editor.sourceVolumeNode() is (patient.before if target == "Metastasis" else patient.after)
    editor.setActiveEffectByName("Margin")
    assert editor.activeEffect() is not None


def test_the_histogram_brings_its_layout_and_show_in_the_views_the_3d_view_again(patient, necrosis):
    import slicer

    manager = slicer.app.layoutManager()
    compared(patient, necrosis)
    assert manager.threeDViewCount == 1
    patient.ui.chartButton.click()
    assert manager.plotViewCount == 1
    patient.ui.showButton.click()
    assert manager.threeDViewCount == 1, f"layout {manager.layout}"


def test_registering_again_leaves_one_registration(patient, necrosis):
    import slicer

    from SpineLib.scene.scans import is_registration

    for _ in range(2):
        patient.ui.registerApplyButton.click()
        finish(necrosis, patient.widget)
    transforms = [node for node in slicer.util.getNodesByClass("vtkMRMLLinearTransformNode") if is_registration(node)]
    assert transforms == [patient.widget._parameterNode.transform]


def test_a_transform_by_hand_outlives_a_registration(patient, necrosis):
    """What the user made is the user's: a run never removes it."""
    import slicer

    mine = by_hand(patient)
    patient.ui.registerApplyButton.click()
    finish(necrosis, patient.widget)
    assert mine.GetScene() is slicer.mrmlScene
    assert patient.widget._parameterNode.transform is not mine


def test_of_two_comparisons_one_surface_is_shown_and_the_earlier_one_can_be_chosen_again(patient, necrosis):
    from SpineLib.scene.comparison import part_of

    compared(patient, necrosis)
    first = patient.widget._parameterNode.comparison
    segment = add_ellipsoid(patient.metastasis, patient.before, "second", (24, 30, 60), (6, 6, 6))
    patient.widget._parameterNode.metastasisSegment = segment
    patient.ui.compareApplyButton.click()
    finish(necrosis, patient.widget)
    second = patient.widget._parameterNode.comparison
    assert second is not first
    assert not part_of(first, "Surface").GetDisplayVisibility() and part_of(second, "Surface").GetDisplayVisibility()
    told = patient.ui.verdictLabel.text
    patient.ui.comparisonSelector.setCurrentNode(first)
    necrosis.wait(lambda: False, 0.3)
    assert patient.ui.verdictLabel.text != told
    assert part_of(first, "Surface").GetDisplayVisibility() and not part_of(second, "Surface").GetDisplayVisibility()


def test_landmarks_before_and_after_differ_in_colour_and_name(patient):
    import slicer

    lists = []
    for which in ("before", "after"):
        points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
        getattr(patient.ui, f"{which}PointsSelector").nodeAddedByUser(points)
        points.AddControlPoint(1, 2, 3)
        lists.append(points)
    slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()
    colours = [np.array(points.GetDisplayNode().GetSelectedColor()) for points in lists]
    assert np.abs(colours[0] - colours[1]).max() > 0.3
    labels = [points.GetNthControlPointLabel(0) for points in lists]
    assert labels[0] != labels[1] and all(len(label) <= 4 for label in labels), "short, so that labels do not overlap"


@pytest.mark.parametrize("which", ["before", "after"])
def test_the_views_show_the_scan_on_which_landmarks_are_to_be_placed(patient, which):
    import slicer

    slicer.util.setSliceViewerLayers(background=patient.after if which == "before" else patient.before)
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    getattr(patient.ui, f"{which}PointsSelector").nodeAddedByUser(points)
    slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()
    assert {one[0] for one in composites()} == {getattr(patient, which).GetID()}


def test_what_a_comparison_could_not_know_is_said_again_after_loading(patient, necrosis, tmp_path):
    import slicer

    compared(patient, necrosis)
    said = patient.ui.compareStatusLabel.text
    assert "error is not known" in said
    necrosis.save_scene(tmp_path / "scene.mrb")
    slicer.mrmlScene.Clear(0)
    necrosis.select("Data")
    necrosis.open_scene(tmp_path / "scene.mrb")
    necrosis.select("SpineNecrosis")
    necrosis.wait(lambda: False, 0.3)
    assert "error is not known" in patient.ui.compareStatusLabel.text


def test_the_box_for_dicom_says_why_it_is_off(patient):
    box = patient.ui.dicomCheckBox
    assert not box.enabled
    assert "not loaded from DICOM" in box.toolTip
