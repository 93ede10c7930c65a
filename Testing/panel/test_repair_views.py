"""What the repair shows: the model fills the 3-D view, outlines are not covered, sentences are about what is chosen."""

import numpy as np
import pytest

from Testing.panel.patients import finish


def repaired(damaged, inpaint):
    damaged.node.method = "templates"
    damaged.ui.repairApplyButton.click()
    finish(inpaint, damaged.widget)
    assert "✓  L3" in damaged.ui.repairSection.text, damaged.ui.repairStatusLabel.text


def add_roi(centre, size=20):
    import slicer

    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Lesion 1 (CT)")
    roi.CreateDefaultDisplayNodes()
    roi.SetCenter(*centre)
    roi.SetSize(size, size, size)
    return roi


@pytest.fixture
def built(damaged, inpaint):
    """Repaired with the lesion as a box, as a search gives it, and built."""
    from SpineInpaintLib.selftest import LESION

    pytest.importorskip("manifold3d", reason="manifold3d is not installed")
    damaged.roi = add_roi(LESION)
    damaged.ui.roiSelector.setCurrentNode(damaged.roi)
    repaired(damaged, inpaint)
    damaged.ui.modelApplyButton.click()
    finish(inpaint, damaged.widget)
    assert damaged.node.model is not None, damaged.ui.modelStatusLabel.text
    return damaged


def test_after_build_the_model_fills_the_3d_view(built):
    import slicer

    from SpineLib.scene.printmodel import part_of

    bounds = np.zeros(6)
    part_of(built.node.model, "Model").GetRASBounds(bounds)
    size = np.linalg.norm(bounds[1::2] - bounds[::2])
    view = slicer.app.layoutManager().threeDWidget(0).threeDView()
    camera = view.renderWindow().GetRenderers().GetFirstRenderer().GetActiveCamera()
    seen = 2 * camera.GetDistance() * np.tan(np.radians(camera.GetViewAngle() / 2))
    assert size / 2 < seen < 2.5 * size, f"{size:.0f} mm in a view of {seen:.0f} mm"
    assert np.allclose(camera.GetFocalPoint(), (bounds[1::2] + bounds[::2]) / 2, atol=size / 4)


def test_after_build_the_lesions_box_does_not_stand_over_the_model(built):
    display = built.roi.GetDisplayNode()
    assert not (display.GetVisibility() and display.GetVisibility3D())


def test_show_in_the_views_leaves_nothing_filled_over_the_outlines(damaged, inpaint):
    import slicer

    repaired(damaged, inpaint)
    damaged.ui.showRepairButton.click()
    for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        display = node.GetDisplayNode()
        filled = display is not None and display.GetVisibility() and display.GetVisibility2D()
        assert not filled or not display.GetVisibility2DFill(), node.GetName()


def test_the_sentence_about_a_former_result_goes_when_another_segmentation_is_chosen(damaged, inpaint):
    import slicer

    status = damaged.widget.panel.vertebrae
    (getattr(status, "widgets", None) or status.step).say("5 vertebrae found.")
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "another")
    damaged.ui.vertebraeSelector.setCurrentNode(other)
    inpaint.wait(lambda: False, 0.3)
    assert "5 vertebrae found" not in damaged.ui.vertebraeStatusLabel.text


def column(table, number):
    return [table.item(row, number).text() for row in range(table.rowCount)]


def test_a_vertebra_is_cut_off_or_not_however_its_segmentation_came_into_the_scene(damaged, inpaint, tmp_path):
    """Drawn here, or loaded from the file that was saved of it, with its image in the scene."""
    import slicer

    from Testing.panel.patients import edit, mask_of

    mask = mask_of(damaged.vertebrae, damaged.ct)
    mask[-1, 20:30, 20:30] = True  # it reaches the image's edge
    edit(inpaint, damaged.vertebrae, mask, damaged.ct)
    assert inpaint.wait(lambda: "cut off?" in column(damaged.ui.vertebraeTable, 2)[0], 5)
    drawn = [column(damaged.ui.vertebraeTable, number) for number in range(3)]
    path = tmp_path / "vertebrae.seg.nrrd"
    assert slicer.util.saveNode(damaged.vertebrae, str(path))
    loaded = slicer.util.loadSegmentation(str(path))
    damaged.ui.vertebraeSelector.setCurrentNode(loaded)
    inpaint.wait(lambda: False, 1.2)
    assert [column(damaged.ui.vertebraeTable, number) for number in range(3)] == drawn


def test_a_warping_transform_over_the_vertebrae_is_told_in_good_english(damaged, inpaint):
    import slicer
    import vtk

    warp = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    spline = vtk.vtkThinPlateSplineTransform()
    ends = []
    for shift in (0, 3):
        points = vtk.vtkPoints()
        for n, corner in enumerate(np.ndindex(2, 2, 2)):
            points.InsertNextPoint(*(40.0 * np.array(corner) + (shift if n == 7 else 0)))
        ends.append(points)
    spline.SetSourceLandmarks(ends[0])
    spline.SetTargetLandmarks(ends[1])
    spline.SetBasisToR()
    warp.SetAndObserveTransformToParent(spline)
    damaged.vertebrae.SetAndObserveTransformNodeID(warp.GetID())
    inpaint.select("Data")
    inpaint.select("SpineInpaint")
    inpaint.wait(lambda: False, 1.2)
    said = " ".join((damaged.ui.vertebraeStatusLabel.text, damaged.ui.repairApplyButton.toolTip))
    assert "warping transform" in said and "vertebrae lies" not in said, said
