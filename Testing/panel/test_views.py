"""A result is seen in a layout that has what it needs; the former one comes back on request."""

import numpy as np
import pytest
import vtk


@pytest.fixture
def views(desktop):
    """The panel's views with a button, in the four-up layout."""
    import qt
    import slicer

    from SpinePanel.views import Views

    node = slicer.app.layoutManager().layoutLogic().GetLayoutNode()
    before = node.GetViewArrangement()
    node.SetViewArrangement(node.SlicerLayoutFourUpView)
    button = qt.QPushButton()
    yield Views(button), button, node
    node.SetViewArrangement(before)


def ball(centre, radius):
    import slicer

    source = vtk.vtkSphereSource()
    source.SetCenter(*centre)
    source.SetRadius(radius)
    source.Update()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "ball")
    node.SetAndObservePolyData(source.GetOutput())
    node.CreateDefaultDisplayNodes()
    return node


def camera():
    import slicer

    window = slicer.app.layoutManager().threeDWidget(0).threeDView().renderWindow()
    return window.GetRenderers().GetFirstRenderer().GetActiveCamera()


def test_a_layout_that_has_all_that_is_needed_stays(views):
    from SpinePanel.views import SLICES, SPACE

    arranged, button, node = views
    arranged.need(SLICES, SPACE)
    assert node.GetViewArrangement() == node.SlicerLayoutFourUpView and button.isHidden()


def test_a_missing_view_brings_a_layout_that_has_it_and_the_former_one_comes_back(views):
    from SpinePanel.views import CHART, SPACE

    arranged, button, node = views
    node.SetViewArrangement(node.SlicerLayoutOneUpRedSliceView)
    arranged.need(CHART)
    assert node.GetViewArrangement() == node.SlicerLayoutFourUpPlotView and not button.isHidden()
    arranged.need(SPACE)
    assert node.GetViewArrangement() == node.SlicerLayoutFourUpView, "the chart's layout has no 3-D view"
    button.click()
    assert node.GetViewArrangement() == node.SlicerLayoutOneUpRedSliceView and button.isHidden()


def test_the_3d_view_goes_near_to_what_was_made_whatever_else_is_shown(views, desktop):
    import slicer

    slicer.mrmlScene.Clear(0)
    arranged, _, _ = views
    ball((0, 0, 0), 300)
    small = ball((50, 60, 70), 10)
    arranged.lookAt(small)
    seen = camera()
    assert seen.GetFocalPoint() == pytest.approx((50, 60, 70), abs=0.5)
    # As near as the ball fits into the angle of view: radius over the sine of half of it, VTK adds next to nothing.
    assert seen.GetDistance() == pytest.approx(10 / np.sin(np.radians(seen.GetViewAngle() / 2)), rel=0.8)
    assert seen.GetDistance() < 100


def test_nothing_to_look_at_leaves_the_view_alone(views):
    import slicer

    arranged, _, _ = views
    before = camera().GetFocalPoint()
    arranged.lookAt(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode"))
    assert camera().GetFocalPoint() == before


def test_the_lesions_surfaces_are_looked_at(phantom, desktop):
    from Testing.panel.patients import draw

    node = draw(phantom.t1, "lesion", (24, 15, 13), (8, 4, 4))
    phantom.widget.ui.resultSelector.setCurrentNode(node)
    phantom.widget.ui.show3dButton.click()
    assert camera().GetFocalPoint() == pytest.approx((24, 15, 13), abs=2.5)
