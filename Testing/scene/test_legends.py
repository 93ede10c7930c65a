"""A legend is small, can be read, and is in one view; drawn by Slicer's own managers where anything can be drawn."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk

from Testing.scene.looks import likelihood, margin_surface, printed_model


def legend_of(node):
    return slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(node)


@pytest.mark.parametrize("make", [margin_surface, printed_model, likelihood])
def test_a_legend_is_in_one_view(scene, tmp_path, make):
    legend = legend_of(make(tmp_path))
    assert legend.GetVisibility()
    views = slicer.util.getNodesByClass("vtkMRMLAbstractViewNode")
    assert sum(legend.IsDisplayableInView(view.GetID()) for view in views) == 1


@pytest.mark.parametrize(
    ("make", "title", "unit"),
    [(margin_surface, "Margin", " mm"), (printed_model, "Distance", " mm"), (likelihood, "Likelihood", "")],
)
def test_a_legends_labels_carry_the_unit_and_its_title_is_one_word(scene, tmp_path, make, title, unit):
    """Slicer grows the font until the labels fill their box: longer labels are smaller ones."""
    legend = legend_of(make(tmp_path))
    assert legend.GetTitleText() == title
    label = legend.GetLabelFormat() % 0.4
    assert label.endswith(unit) and len(label) >= 4


@pytest.fixture
def view(scene):
    from Testing.headless.views import DrawnView, can_draw

    if not can_draw():
        pytest.skip("no graphics library to draw with (EGL or OSMesa)")
    view = DrawnView()
    yield view
    view.close()


@pytest.mark.parametrize("make", [margin_surface, printed_model])
def test_a_legend_takes_a_quarter_of_the_3d_view_at_most_and_can_be_read(view, tmp_path, make):
    from Testing.headless.views import HEIGHT, WIDTH, box_of

    legend = legend_of(make(tmp_path))
    with_it = view.picture().astype(int)
    legend.SetVisibility(False)
    changed = np.abs(view.picture().astype(int) - with_it).max(axis=2) > 20
    height, width = box_of(changed)
    assert 0.3 * HEIGHT < height < 0.75 * HEIGHT
    assert 40 < width < 0.25 * WIDTH


def test_the_model_before_is_plain_and_translucent(scene, tmp_path):
    printed_model(tmp_path)
    (before,) = [node for node in slicer.util.getNodesByClass("vtkMRMLModelNode") if "before" in node.GetName()]
    display = before.GetDisplayNode()
    assert not display.GetScalarVisibility()
    assert display.GetOpacity() < 0.6 and display.GetColor()[0] > display.GetColor()[2], "orange"


@pytest.mark.parametrize("make", [margin_surface, printed_model, likelihood])
def test_results_are_shown_without_a_warning_of_vtk(view, tmp_path, make):
    """ "Bad table range: [0, -1]" stood once in the log of every scene."""
    said = vtk.vtkStringOutputWindow()
    before = vtk.vtkOutputWindow.GetInstance()
    vtk.vtkOutputWindow.SetInstance(said)
    try:
        make(tmp_path)
        view.picture()
    finally:
        vtk.vtkOutputWindow.SetInstance(before)
    assert not said.GetOutput()
