"""The printable model in the scene, by the real job: surfaces, paint, bad places, checks; whether it is still true."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer
from vtk.util.numpy_support import vtk_to_numpy

pytest.importorskip("manifold3d", reason="manifold3d is not installed")

from SpineLib.errors import SpineError
from SpineLib.jobs.registry import run_job
from SpineLib.scene import printmodel as pm
from SpineLib.scene.printmodelnodes import PARTS, paint, paint_colours, words
from SpineLib.scene.repair import BEFORE, PART, REPAIRED
from SpineLib.scene.results import provenance_of
from Testing.scene.bones import L3, LESION, SHAPE, add_ct, add_segments, block, ids_of
from Testing.scene.grids import add_transform, axis_matrix, rotation

SETTINGS = {"smoothing": 0.3, "decimation_mm": 0.2}


def repaired_node(ct, after=None, before=None):
    """A segmentation as a repair leaves it."""
    masks = {"L3 repaired": block(L3) if after is None else after}
    if before is not False:
        masks["L3 before"] = block(L3, without=LESION) if before is None else before
    node = add_segments(ct, masks, "L3 repaired")
    for name, part in (("L3 repaired", REPAIRED), ("L3 before", BEFORE)):
        if name in masks:
            node.GetSegmentation().GetSegment(ids_of(node)[name]).SetTag(PART, part)
    return node


def built(node, folder, settings=None, existing=None):
    shape = pm.collect_shape(node, SETTINGS | (settings or {}))
    return pm.import_model(folder, run_job("model", shape.parameters(folder), folder), shape, existing=existing)


@pytest.fixture
def ct(scene):
    return add_ct()


def array_of(node, name):
    return vtk_to_numpy(node.GetPolyData().GetPointData().GetArray(name))


def test_all_parts_come_with_their_contents_and_provenance(ct, tmp_path):
    result = built(repaired_node(ct), tmp_path)
    assert result.model["passed"], result.model["checks"]
    nodes = {part: pm.part_of(result.head, part) for part in PARTS}
    assert nodes.pop("Bad") is None, "nothing is wrong with it"
    for part, node in nodes.items():
        assert node.IsA(PARTS[part]) and provenance_of(node)["task"] == "reconstruct", part
    checks = result.head.GetTable()
    assert {checks.GetValue(n, 1).ToString() for n in range(checks.GetNumberOfRows())} == {"yes"}
    figures = nodes["Figures"].GetTable()
    rows = {figures.GetValue(n, 0).ToString(): figures.GetValue(n, 1).ToDouble()
            for n in range(figures.GetNumberOfRows())}  # fmt: skip
    assert rows["Added"] == pytest.approx((block(L3) & block(LESION)).sum() * 4.5 / 1000)
    assert pm.model_of(result.head) == json.loads(json.dumps(result.model))


@pytest.mark.parametrize("transformed", [False, True])
def test_the_models_lie_where_the_vertebra_lies(scene, tmp_path, transformed):
    matrix = rotation() @ axis_matrix((1, 2, 0), (-1, 1, -1), (1.5, 1.0, 2.0))
    ct = add_ct(matrix)
    if transformed:
        matrix = rotation((0, 20, 10)) @ matrix
        ct.SetAndObserveTransformNodeID(add_transform(rotation((0, 20, 10))).GetID())
    result = built(repaired_node(ct), tmp_path)
    centre = (matrix @ [*np.argwhere(block(L3)).mean(axis=0)[::-1], 1])[:3]
    points = vtk_to_numpy(pm.part_of(result.head, "Model").GetPolyData().GetPoints().GetData())
    np.testing.assert_allclose((points.max(axis=0) + points.min(axis=0)) / 2, centre, atol=0.3)


def test_what_was_added_is_painted_green_and_the_rest_stays_bone(ct, tmp_path):
    model = pm.part_of(built(repaired_node(ct), tmp_path).head, "Model")
    display = model.GetDisplayNode()
    assert display.GetActiveScalarName() == "distance_mm" and display.GetScalarVisibility()
    distance = array_of(model, "distance_mm")
    assert distance.max() > 3 and np.median(np.abs(distance)) < 0.3
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(model)
    assert legend.GetVisibility() and legend.GetTitleText() == "Distance"
    same, added = paint_colours("distance", np.array([0.0, 5.0]))
    assert same.min() > 0.8 and added[1] > 2 * added[0]


def test_the_paint_changes_between_distance_thickness_and_plain(ct, tmp_path):
    model = pm.part_of(built(repaired_node(ct), tmp_path).head, "Model")
    display = model.GetDisplayNode()
    paint(model, "thickness")
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(model)
    assert display.GetActiveScalarName() == "thickness_mm" and legend.GetTitleText() == "Wall"
    assert tuple(display.GetScalarRange()) == (0, 10)
    thin, thick = paint_colours("thickness", np.array([0.3, 8.0]))
    assert thin[0] > 2 * thin[2] and thick[2] > thick[0]
    paint(model, "plain")
    assert not display.GetScalarVisibility() and not legend.GetVisibility()


def test_without_a_vertebra_before_the_wall_thickness_is_painted(ct, tmp_path):
    result = built(repaired_node(ct, before=False), tmp_path)
    assert pm.part_of(result.head, "Before") is None
    assert pm.part_of(result.head, "Model").GetDisplayNode().GetActiveScalarName() == "thickness_mm"


def test_what_does_not_print_is_refused_with_its_reason_and_red_in_space(ct, tmp_path):
    result = built(repaired_node(ct), tmp_path, {"smallest_wall_mm": 40.0})
    assert not result.model["passed"]
    (failed,) = [one for one in result.model["checks"] if not one["passed"]]
    assert "wall" in failed["name"] and failed["text"]
    bad = pm.part_of(result.head, "Bad")
    assert bad.GetPolyData().GetNumberOfCells() > 0
    assert bad.GetDisplayNode().GetColor()[0] > 0.8 and bad.GetDisplayNode().GetColor()[1] < 0.2


def test_a_model_is_current_until_mask_or_setting_change_and_again_when_they_are_back(ct, tmp_path):
    node = repaired_node(ct)
    head = built(node, tmp_path).head
    assert pm.is_current(head, pm.collect_shape(node, SETTINGS))
    segment = ids_of(node)["L3 repaired"]
    edited = block(L3)
    edited[10] = False
    slicer.util.updateSegmentBinaryLabelmapFromArray(edited.astype(np.uint8), node, segment, ct)
    assert not pm.is_current(head, pm.collect_shape(node, SETTINGS))
    slicer.util.updateSegmentBinaryLabelmapFromArray(block(L3).astype(np.uint8), node, segment, ct)
    assert pm.is_current(head, pm.collect_shape(node, SETTINGS))
    assert not pm.is_current(head, pm.collect_shape(node, SETTINGS | {"scale": 0.5}))


def test_a_second_build_fills_the_same_nodes_and_takes_away_red_places_that_are_gone(ct, scene, tmp_path):
    node = repaired_node(ct)
    first = built(node, tmp_path, {"smallest_wall_mm": 40.0})
    model = pm.part_of(first.head, "Model")
    model.GetDisplayNode().SetOpacity(0.6)
    count = scene.GetNumberOfNodes()
    second = built(node, tmp_path, existing=first.head)
    assert second.head is first.head and pm.part_of(second.head, "Model") is model
    assert model.GetDisplayNode().GetOpacity() == 0.6 and scene.GetNumberOfNodes() == count
    assert pm.part_of(second.head, "Bad").GetPolyData().GetNumberOfCells() == 0


def test_a_damaged_answer_leaves_the_scene_as_it_was(ct, scene, tmp_path):
    node = repaired_node(ct)
    shape = pm.collect_shape(node, SETTINGS)
    answer = run_job("model", shape.parameters(tmp_path), tmp_path)
    (tmp_path / answer["model"]).unlink()
    count = scene.GetNumberOfNodes()
    with pytest.raises(SpineError, match="incomplete"):
        pm.import_model(tmp_path, answer, shape)
    assert scene.GetNumberOfNodes() == count


def test_model_and_checks_are_found_again_after_the_scene_was_saved(ct, scene, tmp_path):
    node = repaired_node(ct)
    built(node, tmp_path)
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    scene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    (head,) = [t for t in slicer.util.getNodesByClass("vtkMRMLTableNode") if pm.model_of(t)]
    assert array_of(pm.part_of(head, "Model"), "distance_mm").max() > 3
    loaded = head.GetNodeReference(pm.REPAIRED_ROLE)
    assert pm.is_current(head, pm.collect_shape(loaded, SETTINGS))


def test_any_segmentation_can_be_made_a_model_and_what_cannot_is_one_sentence(ct):
    own = add_segments(ct, {"my vertebra": block(L3)})
    assert pm.collect_shape(own).name == "my vertebra" and pm.collect_shape(own).before is None
    with pytest.raises(SpineError, match="Choose a segmentation"):
        pm.collect_shape(None)
    with pytest.raises(SpineError, match="is empty"):
        pm.collect_shape(add_segments(ct, {"nothing": np.zeros(SHAPE, bool)}))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.376, "1.38"), (0, "0"), ("> 0 ml", "> 0 ml"), ("83.2 x 72.3 x 54.7 mm", "83×72×55 mm"), ("unknown", "unknown")],
)
def test_what_a_check_found_fits_into_the_table(value, text):
    assert words(value) == text
