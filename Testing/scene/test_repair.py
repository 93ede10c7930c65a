"""The repair in the scene, by the real job: masks out as they lie, the vertebra back beside the one before."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
from vtk.util.numpy_support import vtk_to_numpy

from SpineLib.errors import SpineError
from SpineLib.jobs.registry import run_job
from SpineLib.scene import printmodel as pm
from SpineLib.scene import repair as rp
from SpineLib.scene.nodes import volume_from_node
from SpineLib.scene.printmodelnodes import paint, paint_colours
from SpineLib.scene.results import SOURCE_ROLE, provenance_of, segment_tag
from SpineLib.scene.runs import RunInputs
from SpineLib.scene.vertebrae import collect_vertebrae, segment_named
from SpineLib.tasks.segmentation.naming import PROVENANCE
from SpineLib.volume.resampling import resample_like
from Testing import headless
from Testing.scene.bones import L2, L3, LESION, SHAPE, add_case, add_ct, add_segments, block, ids_of
from Testing.scene.grids import AXIS_ORDERS, add_transform, axis_matrix, rotation, warp

SETTINGS = {"method": "templates"}  # needs no model


@pytest.fixture(scope="module")
def phantom():
    """The small phantom of the module's own test."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "SpineInpaint"))
    try:
        from SpineInpaintLib import selftest
    finally:
        sys.path.pop(0)
    return selftest


def add_roi(centre, size):
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "box")
    roi.SetSize(*size)
    roi.SetCenter(*centre)
    return roi


def damage_of(case):
    ct, vertebrae, lesion = case
    return rp.collect_damage(vertebrae, segment_named(vertebrae, "L3"), (lesion, None), None, ct, SETTINGS)


@pytest.fixture(scope="module")
def done(phantom, tmp_path_factory):
    """What the job answers for the phantom, and the folder with its files: the same for every test."""
    headless.start()
    headless.close_scene()
    folder = tmp_path_factory.mktemp("repair")
    return run_job("inpaint", damage_of(phantom.phantomNodes()).parameters(folder), folder), folder


@pytest.fixture
def repaired(scene, phantom, done):
    """(CT, vertebrae, lesion), what was asked for, and what came back."""
    answer, folder = done
    case = phantom.phantomNodes()
    damage = damage_of(case)
    result = rp.import_repair(folder, answer, damage, RunInputs({"vertebrae": case[1]}, {}))
    return *case, damage, result


def masks(node, volume):
    array = slicer.util.arrayFromSegmentBinaryLabelmap
    return {name: array(node, one, volume) > 0 for name, one in ids_of(node).items()}


def test_the_vertebra_comes_back_whole_beside_the_one_before_and_nothing_else_changes(phantom, done, scene):
    answer, folder = done
    ct, vertebrae, lesion = case = phantom.phantomNodes()
    before = masks(vertebrae, ct)
    result = rp.import_repair(folder, answer, damage_of(case), RunInputs({"vertebrae": vertebrae}, {}))
    node, found = result.segmentation, masks(result.segmentation, ct)
    assert set(found) == {"L3 repaired", "L3 before"}
    np.testing.assert_array_equal(found["L3 before"], before["L3"])
    np.testing.assert_array_equal(masks(vertebrae, ct)["L3"], before["L3"])
    hole = masks(lesion, ct)["Lesion"]
    outside = ~hole & (np.abs(found["L3 repaired"].astype(int) - before["L3"]) > 0)
    assert outside.sum() < 0.05 * hole.sum(), "the margin around the lesion is one millimetre"
    assert result.measures["added_ml"] == pytest.approx((found["L3 repaired"] & ~before["L3"]).sum() * 1.5**3 / 1000)
    assert result.measures["added_ml"] > 1.5
    assert node.GetNodeReference(SOURCE_ROLE) is ct and provenance_of(node) == answer["provenance"]
    segment = node.GetSegmentation().GetSegment(result.repaired)
    assert segment_tag(segment, PROVENANCE) and "L3 vertebra" in segment.GetTerminology()
    assert node.GetDisplayNode().GetSegmentVisibility(result.repaired)
    assert not node.GetDisplayNode().GetSegmentVisibility(result.before)
    assert node.GetName().startswith("L3 repaired (templates, ")
    place = rp.repair_of(node)["centre_ras_mm"]
    assert np.linalg.norm(np.subtract(place, phantom.LESION)) < max(phantom.LESION_MM)


def test_the_parts_are_known_whatever_the_user_calls_them(repaired):
    *_, result = repaired
    inner = result.segmentation.GetSegmentation()
    inner.GetSegment(result.repaired).SetName("corrected")
    assert rp.part_segment(result.segmentation, rp.REPAIRED) == result.repaired
    assert rp.part_segment(result.segmentation, rp.BEFORE) == result.before
    inner.RemoveSegment(result.repaired)
    assert rp.part_segment(result.segmentation, rp.REPAIRED) == "", "the vertebra before is never taken for it"


def test_a_repair_is_current_until_vertebrae_lesion_or_method_change(repaired):
    ct, vertebrae, lesion, _, result = repaired
    segment = segment_named(vertebrae, "L3")

    def now(settings=SETTINGS, segment=segment):
        damage = rp.collect_damage(vertebrae, segment, (lesion, None), None, ct, settings)
        return rp.is_current(result.segmentation, damage)

    assert now()
    assert not now({"method": "mirror"}) and not now(segment=segment_named(vertebrae, "L2"))
    mask = masks(vertebrae, ct)["L3"].astype(np.uint8)
    edited = mask.copy()
    edited[:24] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(edited, vertebrae, segment, ct)
    assert not now()
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, vertebrae, segment, ct)
    assert now()


def test_a_scene_closed_meanwhile_gets_no_repair_and_a_damaged_answer_changes_nothing(repaired, done, scene, tmp_path):
    _, vertebrae, _, damage, _ = repaired
    answer, folder = done
    inputs, count = RunInputs({"vertebrae": vertebrae}, {}), scene.GetNumberOfNodes()
    (tmp_path / answer["repaired"]).write_bytes(b"NRRD0004\n")
    with pytest.raises(SpineError):
        rp.import_repair(tmp_path, answer, damage, inputs)
    assert scene.GetNumberOfNodes() == count
    inputs = RunInputs({"vertebrae": vertebrae}, {})
    scene.Clear(0)
    assert rp.import_repair(folder, answer, damage, inputs) is None


def test_without_its_image_the_repaired_vertebra_lies_where_the_vertebrae_lie(repaired, phantom, done, scene):
    ct, vertebrae, _, damage, _ = repaired
    answer, folder = done
    inputs = RunInputs({"vertebrae": vertebrae}, {})
    twin = slicer.modules.volumes.logic().CloneVolume(scene, ct, "twin")
    wanted = masks(vertebrae, twin)["L3"]
    scene.RemoveNode(ct)
    result = rp.import_repair(folder, answer, damage, inputs)
    np.testing.assert_array_equal(masks(result.segmentation, twin)["L3 before"], wanted)
    place = rp.repair_of(result.segmentation)["centre_ras_mm"]
    assert np.linalg.norm(np.subtract(place, phantom.LESION)) < max(phantom.LESION_MM)


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS[3::11])
def test_only_what_lies_around_the_vertebra_goes_out_and_it_lies_there(scene, order, signs):
    ct, vertebrae, lesion = add_case(rotation((4, 5, 6)) @ axis_matrix(order, signs, (1.5, 1.0, 6.0)))
    ids = ids_of(vertebrae)
    damage = rp.collect_damage(vertebrae, ids["L2"], (lesion, None), None, ct)
    assert damage.vertebra.name == "L2" and damage.labels.shape[0] < SHAPE[0]
    whole = collect_vertebrae(vertebrae).labels
    for volume, array in ((damage.labels, whole.array), (damage.ct, volume_from_node(ct).array)):
        np.testing.assert_array_equal(volume.array, array[damage.box])
        assert volume.same_grid(damage.labels)
    first = [part.start for part in damage.box[::-1]]
    np.testing.assert_allclose((whole.ijk_to_lps @ [*first, 1])[:3], damage.labels.origin, atol=1e-6)


def test_a_box_is_the_lesion_where_one_is_chosen_and_moves_with_its_transform(scene):
    ct, vertebrae, lesion = add_case()
    grid = collect_vertebrae(vertebrae).labels
    inside = np.argwhere(block(LESION))
    matrix = axis_matrix((0, 1, 2), (1, 1, 1), (1.5, 1.5, 2.0))
    corners = [
        (matrix @ [*(edge[::-1] + shift), 1])[:3]
        for edge, shift in ((inside.min(axis=0), -0.5), (inside.max(axis=0), 0.5))
    ]
    roi = add_roi(np.mean(corners, axis=0), np.ptp(corners, axis=0))
    np.testing.assert_array_equal(rp.lesion_mask(grid, (lesion, None), roi).array > 0, block(LESION))
    shift = np.eye(4)
    shift[0, 3] = 3.0  # two voxels
    roi.SetAndObserveTransformNodeID(add_transform(shift).GetID())
    np.testing.assert_array_equal(rp.lesion_mask(grid, (None, None), roi).array > 0,
                                  np.roll(block(LESION), 2, axis=2))  # fmt: skip
    roi.SetAndObserveTransformNodeID(warp().GetID())
    with pytest.raises(SpineError, match="warping"):
        rp.lesion_mask(grid, (None, None), roi)


def test_a_lesion_drawn_on_another_image_lies_where_it_was_drawn(scene):
    ct, vertebrae, _ = add_case()
    fine = add_ct(axis_matrix((1, 0, 2), (-1, 1, 1), (1.5, 1.5, 2.0), (9.0, 42.0, 6.0)))
    lesion = add_segments(fine, {"Lesion": block(LESION)}, "lesion")
    mask = rp.lesion_mask(collect_vertebrae(vertebrae).labels, (lesion, None))
    there = volume_from_node(fine).ijk_to_lps @ [*np.argwhere(block(LESION)).mean(axis=0)[::-1], 1]
    here = mask.ijk_to_lps @ [*np.argwhere(mask.array).mean(axis=0)[::-1], 1]
    np.testing.assert_allclose(here, there, atol=0.8)  # half a voxel's side
    away = np.eye(4)
    away[:3, 3] = 500
    for node in (fine, lesion):
        node.SetAndObserveTransformNodeID(add_transform(away).GetID())
    with pytest.raises(SpineError, match="outside the image"):
        rp.lesion_mask(collect_vertebrae(vertebrae).labels, (lesion, None))


def test_the_vertebra_with_most_of_the_lesion_is_the_affected_one(scene):
    _, vertebrae, lesion = add_case()
    found, ids = collect_vertebrae(vertebrae), ids_of(vertebrae)
    grid = found.labels
    assert rp.most_affected(found, rp.lesion_mask(grid, (lesion, None))) == ids["L3"]
    upper = np.zeros(SHAPE, np.uint8)
    upper[L2] = 1
    upper[L3][:2] = 1
    assert rp.most_affected(found, grid.with_array(upper)) == ids["L2"]
    beside = np.zeros(SHAPE, np.uint8)
    beside[36:39, 20:22, 20:22] = 1
    assert rp.most_affected(found, grid.with_array(beside)) == ids["L2"], "the nearest where it touches none"


def test_what_cannot_be_repaired_is_one_sentence(scene):
    ct, vertebrae, lesion = add_case()
    ids = ids_of(vertebrae)
    empty = vertebrae.GetSegmentation().AddEmptySegment("", "L4")
    nowhere = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    far = add_roi((900, 900, 900), (5, 5, 5))
    for segment, what, roi, words in (
        ("gone", (lesion, None), None, "not in the segmentation any more"),
        (empty, (lesion, None), None, "segment of L4 is empty"),
        (ids["L3"], (None, None), None, "No lesion is chosen"),
        (ids["L3"], (None, None), nowhere, "not placed yet"),
        (ids["L3"], (None, None), far, "outside the image"),
    ):
        with pytest.raises(SpineError, match=words):
            rp.collect_damage(vertebrae, segment, what, roi, ct)


def test_how_sure_a_repair_is_comes_with_it_lies_on_it_and_is_painted_on_its_model(repaired, tmp_path):
    ct, _, lesion, damage, result = repaired
    unsure = rp.uncertainty_of(result.segmentation)
    assert unsure is not None and unsure.array.max() > 1 and slicer.mrmlScene.IsNodePresent(result.segmentation)
    node = result.segmentation.GetNodeReference(rp.UNCERTAINTY_ROLE)
    assert node.GetHideFromEditors()
    grid = volume_from_node(ct)
    there = resample_like(unsure, grid).array
    marked = masks(result.segmentation, ct)
    added = marked[f"{damage.vertebra.name} repaired"] & ~marked[f"{damage.vertebra.name} before"]
    assert (there[added] > 1).mean() > 0.95
    shape = pm.collect_shape(result.segmentation, {"smallest_wall_mm": 0.0})
    model = pm.import_model(tmp_path, run_job("model", shape.parameters(tmp_path), tmp_path), shape)
    surface = pm.part_of(model.head, "Model")
    values = vtk_to_numpy(surface.GetPolyData().GetPointData().GetArray("uncertainty_mm"))
    assert values.min() == 0 and values.max() > 0.3  # the hole lies within the body, near its surface
    paint(surface, "uncertainty")
    assert surface.GetDisplayNode().GetActiveScalarName() == "uncertainty_mm"
    sure, not_sure = paint_colours("uncertainty", np.array([0.0, 5.0]))
    assert sure.min() > 0.8 and not_sure.max() < 0.6
