"""Comparison in the scene: masks out, tables, painted surface and chart in; true only of what was compared."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer
from vtk.util.numpy_support import vtk_to_numpy

from SpineLib.errors import SpineError
from SpineLib.jobs.registry import run_job
from SpineLib.metrics.ablation import MEASURES, OVERLAP
from SpineLib.metrics.measure import Measure
from SpineLib.scene import comparison as com
from SpineLib.scene.comparisonnodes import PARTS, margin_colour_node
from SpineLib.scene.nodes import RAS_LPS, volume_from_node
from SpineLib.scene.registration import REGISTRATION
from SpineLib.scene.scans import put_under
from SpineLib.scene.segmentvolumes import segments_volume
from SpineLib.scene.views import show_outlines
from Testing.scene.ablation import CENTRE, ORDERS, make_case, rigid
from Testing.scene.grids import add_transform, rotation, warp

#: Of the scale where no margin lies further out.
RANGE_MM = (-5.0, 10.0)


@pytest.fixture
def case(scene):
    """(metastasis, necrosis, transform, before, after): balls of 5 and 8 mm, the second scan moved by :func:`rigid`."""
    return make_case()


def pair(case, settings=None):
    (metastasis, one), (necrosis, other), transform = case[:3]
    return com.collect_pair((metastasis, [one]), (necrosis, [other]), transform, settings)


def compared(case, folder, existing=None):
    what = pair(case)
    return com.import_comparison(folder, run_job("compare", what.parameters(folder), folder), what, existing=existing)


@pytest.mark.parametrize(("order", "signs"), ORDERS)
@pytest.mark.parametrize("moved", [False, True])
def test_the_same_margin_whatever_the_axis_order_and_whether_the_necrosis_is_shown_moved(
    scene, tmp_path, order, signs, moved
):
    case = make_case(order, signs)
    if moved:
        put_under(case[2], [case[1][0], case[4]])
    result = compared(case, tmp_path)
    distance = result.comparison["distance"]
    assert distance["mean_mm"] == pytest.approx(3.0, abs=0.25)  # radii of 5 and 8 mm, voxels of 1 to 1.5 mm
    assert result.comparison["verdict"]["outcome"] == "covered"
    points = vtk_to_numpy(com.part_of(result.head, "Surface").GetPolyData().GetPoints().GetData())
    np.testing.assert_allclose(points.mean(axis=0), CENTRE, atol=0.3)


def test_a_transform_that_is_ignored_would_show(case, tmp_path):
    """The test above would be worth nothing if the shift did not matter."""
    what = com.collect_pair((case[0][0], None), (case[1][0], None))
    answer = run_job("compare", what.parameters(tmp_path), tmp_path)
    assert answer["comparison"]["distance"]["minimum_mm"] < -1


def test_scans_under_a_common_parent_give_the_same(case, tmp_path):
    metastasis, necrosis, transform, before, after = case
    tilted = add_transform(rotation((0, 20, 10)))
    for node in (metastasis[0], before, necrosis[0], after, transform):
        node.SetAndObserveTransformNodeID(tilted.GetID())
    result = compared(case, tmp_path)
    assert result.comparison["distance"]["mean_mm"] == pytest.approx(3.0, abs=0.25)
    points = vtk_to_numpy(com.part_of(result.head, "Surface").GetPolyData().GetPoints().GetData())
    np.testing.assert_allclose(points.mean(axis=0), rotation((0, 20, 10))[:3, :3] @ CENTRE, atol=0.3)


def test_all_parts_come_with_their_contents(case, tmp_path):
    result = compared(case, tmp_path)
    head = result.head
    for part, kind in PARTS.items():
        assert com.part_of(head, part).IsA(kind), part
    table = head.GetTable()
    rows = {table.GetValue(n, 0).ToString(): table.GetValue(n, 1).ToDouble() for n in range(table.GetNumberOfRows())}
    assert rows["Covered (completeness)"] == pytest.approx(100, abs=0.1)
    assert rows["Metastasis"] == pytest.approx(4 / 3 * np.pi * 5**3 / 1000, rel=0.1)
    shares = com.part_of(head, "Histogram").GetTable().GetColumnByName("Share of the surface (%)")
    assert vtk_to_numpy(shares).sum() == pytest.approx(100, abs=0.01)
    chart = com.part_of(head, "Chart")
    assert chart.GetNthPlotSeriesNode(0).GetTableNode() is com.part_of(head, "Histogram")
    model = com.part_of(head, "Surface")
    display = model.GetDisplayNode()
    assert display.GetActiveScalarName() == "margin_mm" and display.GetScalarVisibility()
    assert tuple(display.GetScalarRange()) == RANGE_MM
    assert display.GetColorNode() is margin_colour_node(RANGE_MM)
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(model)
    assert legend.GetVisibility() and legend.GetTitleText() == "Margin" and "mm" in legend.GetLabelFormat()
    assert com.comparison_of(head) == json.loads(json.dumps(result.comparison))


def test_a_new_measure_is_a_row_of_the_table(case, tmp_path, monkeypatch):
    """As it is a column of tables for programs, and stands on the page and in the shell (metrics/test_measures.py)."""
    share = Measure(
        "twice", "Covered twice", "%", 2, of=lambda one: 2 * one.common_ml / one.metastasis_ml, group=OVERLAP
    )
    monkeypatch.setitem(MEASURES, "twice", share)
    table = compared(case, tmp_path).head.GetTable()
    rows = [[table.GetValue(n, column).ToString() for column in range(3)] for n in range(table.GetNumberOfRows())]
    covered = next(float(value) for name, value, _ in rows if name == "Covered (completeness)")
    (found,) = [(float(value), unit) for name, value, unit in rows if name == "Covered twice"]
    assert found == (pytest.approx(2 * covered, rel=1e-5), "%")


def test_tumour_outside_the_necrosis_is_orange_and_covered_tumour_is_not(scene):
    node = margin_colour_node(RANGE_MM)
    assert node is margin_colour_node(RANGE_MM) and node is not margin_colour_node((-20.0, 10.0))

    def colour(mm):
        values = [0.0] * 4
        share = (mm - RANGE_MM[0]) / (RANGE_MM[1] - RANGE_MM[0])
        node.GetColor(int(share * node.GetNumberOfColors()), values)
        return values[:3]

    below, above = colour(-0.05), colour(0.05)
    assert below[0] > 2 * below[1] and above[1] > 0.8


def test_a_comparison_is_current_until_mask_transform_or_setting_change_and_again_when_they_are_back(case, tmp_path):
    (metastasis, _), (necrosis, segment), transform, _, after = case
    head = compared(case, tmp_path).head
    assert com.is_current(head, pair(case))
    metastasis.GetSegmentation().GetNthSegment(0).SetColor(0.1, 0.2, 0.3)
    put_under(transform, [necrosis, after])
    assert com.is_current(head, pair(case)), "neither a colour nor what is shown where changes the comparison"
    before_edit = slicer.util.arrayFromSegmentBinaryLabelmap(necrosis, segment, after).copy()
    edited = before_edit.copy()
    edited[10] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(edited, necrosis, segment, after)
    assert not com.is_current(head, pair(case))
    slicer.util.updateSegmentBinaryLabelmapFromArray(before_edit, necrosis, segment, after)
    assert com.is_current(head, pair(case))
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.eye(4)))
    assert not com.is_current(head, pair(case))
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.linalg.inv(rigid())))
    assert not com.is_current(head, pair(case, {"required_margin_mm": 3.0}))


def test_an_update_fills_the_same_nodes_and_keeps_what_the_user_set(case, scene, tmp_path):
    what = pair(case)
    answer = run_job("compare", what.parameters(tmp_path), tmp_path)
    head = com.import_comparison(tmp_path, answer, what).head
    model = com.part_of(head, "Surface")
    model.GetDisplayNode().SetScalarRange(-2, 3)
    count = scene.GetNumberOfNodes()
    again = com.import_comparison(tmp_path, answer, what, existing=head)
    assert again.head is head and com.part_of(head, "Surface") is model
    assert scene.GetNumberOfNodes() == count
    assert tuple(model.GetDisplayNode().GetScalarRange()) == (-2, 3)
    scene.RemoveNode(model)
    again = com.import_comparison(tmp_path, answer, what, existing=head)
    assert again.head is head and com.part_of(head, "Surface") is not None
    scene.RemoveNode(head)
    assert com.import_comparison(tmp_path, answer, what, existing=head).head is not head


def test_a_damaged_answer_leaves_the_scene_as_it_was(case, scene, tmp_path):
    what = pair(case)
    answer = run_job("compare", what.parameters(tmp_path), tmp_path)
    (tmp_path / "margin.vtp").unlink()
    before = scene.GetNumberOfNodes()
    with pytest.raises(SpineError, match="incomplete"):
        com.import_comparison(tmp_path, answer, what)
    assert scene.GetNumberOfNodes() == before


def test_empty_same_and_missing_segments_are_one_sentence(case):
    (metastasis, one), (necrosis, other), transform, before, _ = case
    empty = metastasis.GetSegmentation().AddEmptySegment("", "empty")
    for first, second, words in (
        ((None, None), (necrosis, None), "No segmentation of the metastasis"),
        ((metastasis, [empty]), (necrosis, [other]), "metastasis is empty"),
        ((metastasis, [one]), (metastasis, [one]), "same segment"),
        ((metastasis, None), (metastasis, [one]), "same segment"),
        ((metastasis, ["gone"]), (necrosis, [other]), "does not exist"),
    ):
        with pytest.raises(SpineError, match=words):
            com.collect_pair(first, second, transform)
    with pytest.raises(SpineError, match="singular"):
        com.collect_pair((metastasis, [one]), (necrosis, [other]), add_transform(np.diag([1.0, 1, 0, 1])))
    with pytest.raises(SpineError, match="warping"):
        com.collect_pair((metastasis, [one]), (necrosis, [other]), warp())


def test_without_its_image_a_segmentation_keeps_place_and_field_of_view(case, scene):
    (metastasis, one), _, _, before, _ = case
    known = segments_volume(metastasis, [one], "metastasis")
    scene.RemoveNode(before)
    left = segments_volume(metastasis, [one], "metastasis")
    assert left.same_grid(known)
    np.testing.assert_array_equal(left.array, known.array)


def test_a_segmentation_that_knows_no_grid_gets_one_with_a_border(case, scene):
    (metastasis, one), _, _, before, _ = case
    known = segments_volume(metastasis, [one], "metastasis")
    name = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    scene.RemoveNode(before)
    metastasis.GetSegmentation().SetConversionParameter(name, "")
    left = segments_volume(metastasis, [one], "metastasis")
    assert left.array.sum() == known.array.sum() and not left.array[:5].any()

    def middle(volume):
        kji = np.argwhere(volume.array).mean(axis=0)
        return (volume.ijk_to_lps @ [*kji[::-1], 1])[:3]

    np.testing.assert_allclose(middle(left), middle(known), atol=1e-6)


def test_the_error_of_the_registration_goes_with_it_and_a_doubtful_one_decides_nothing(case, tmp_path):
    record = {"quality": {"error_mm": 1.5, "trusted": False, "reasons": ["no"]}, "provenance": {}, "notes": []}
    case[2].SetAttribute(REGISTRATION, json.dumps(record))
    result = compared(case, tmp_path)
    assert result.comparison["distance"]["error_mm"] == 1.5
    assert result.comparison["verdict"]["outcome"] == "not to be told"


def test_what_was_compared_is_found_again_after_the_scene_was_saved(case, scene, tmp_path):
    head = compared(case, tmp_path).head
    assert com.pair_of(head).fingerprint() == pair(case).fingerprint()
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    scene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    (head,) = [t for t in slicer.util.getNodesByClass("vtkMRMLTableNode") if com.comparison_of(t)]
    assert com.is_current(head, com.pair_of(head))
    scene.RemoveNode(slicer.util.getNode("necrosis"))
    with pytest.raises(SpineError, match="not in the scene"):
        com.pair_of(head)


def test_outlines_let_the_image_through(case):
    nodes = [case[0][0], case[1][0]]
    show_outlines([*nodes, None])
    for node in nodes:
        display = node.GetDisplayNode()
        assert display.GetVisibility2DOutline() and not display.GetVisibility2DFill() and not display.GetVisibility3D()


def test_masks_are_read_where_they_lie_in_the_world(case):
    (metastasis, one), _, _, before, _ = case
    mask = segments_volume(metastasis, [one], "metastasis")
    assert mask.same_grid(volume_from_node(before))
    kji = np.argwhere(mask.array).mean(axis=0)
    np.testing.assert_allclose((RAS_LPS @ mask.ijk_to_lps @ [*kji[::-1], 1])[:3], CENTRE, atol=0.2)
