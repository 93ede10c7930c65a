"""Lesions on CT as boxes that the user may correct: in their place on any image, with what was found."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer

from SpineLib.errors import SpineError
from SpineLib.scene import ctlesions as cl
from SpineLib.scene.nodes import volume_from_node
from SpineLib.scene.results import SOURCE_ROLE, provenance_of
from SpineLib.scene.runs import export_inputs
from SpineLib.tasks.ct.lesion_boxes import CtLesion, box_mask
from SpineLib.tasks.segmentation.naming import METASTASIS
from SpineLib.volume import write_volume
from Testing.scene.bones import LESION, add_ct, block
from Testing.scene.grids import AXIS_ORDERS, add_transform, axis_matrix, rotation

PROVENANCE = {"task": "detect-ct-lesions", "model": {"id": "lesions-ct"}, "time": "2024-05-06T14:05:09+02:00"}


def lesion_at(volume, number=1, probability=0.91):
    """The box that holds exactly the lesion's voxels, along the image's own axes."""
    inside = np.argwhere(block(LESION))[:, ::-1]
    low, high = inside.min(axis=0) - 0.5, inside.max(axis=0) + 0.5
    centre = (volume.ijk_to_lps @ [*(low + high) / 2, 1])[:3]
    size = (high - low) * volume.spacing
    direction = tuple(tuple(map(float, row)) for row in volume.direction)
    return CtLesion(
        number,
        tuple(map(float, centre)),
        tuple(map(float, size)),
        direction,
        probability,
        (12, 18),
        (14.2, 9.6),
        "region",
    )


@pytest.fixture(params=AXIS_ORDERS[::13])
def case(request, scene, tmp_path):
    """(CT under a transform, what the job would answer, the run's inputs)."""
    ct = add_ct(rotation((4, 5, 6)) @ axis_matrix(*request.param, (1.5, 1.0, 2.0)))
    ct.SetAndObserveTransformNodeID(add_transform(rotation((0, 20, 10))).GetID())
    volume = volume_from_node(ct)
    lesions = [lesion_at(volume).to_dict(), lesion_at(volume, 2, 0.4).to_dict()]
    answer = {"lesions": json.loads(json.dumps(lesions)), "provenance": PROVENANCE, "notes": ["Metal."]}
    return ct, answer, export_inputs({"CT": ct}, tmp_path)


def test_each_lesion_becomes_a_box_around_its_voxels_that_moves_with_the_ct(case):
    ct, answer, inputs = case
    found = cl.import_ct_lesions(answer, inputs)
    assert [box.GetName() for box in found.boxes] == ["Lesion 1 (CT)", "Lesion 2 (CT)"] and found.notes == ["Metal."]
    for box in found.boxes:
        grid = volume_from_node(ct)
        np.testing.assert_array_equal(cl.roi_mask(box, grid).array > 0, block(LESION))
        assert box.GetNodeReference(SOURCE_ROLE) is ct and provenance_of(box) == PROVENANCE
    parent = ct.GetParentTransformNode()
    moved = rotation((10, 0, 0)) @ slicer.util.arrayFromTransformMatrix(parent)
    parent.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(moved))
    np.testing.assert_array_equal(cl.roi_mask(found.boxes[0], volume_from_node(ct)).array > 0, block(LESION))


def test_a_box_made_larger_by_hand_is_the_larger_box(case):
    ct, answer, inputs = case
    box = cl.import_ct_lesions(answer, inputs).boxes[0]
    centre, size, axes = cl.box_geometry(box)
    box.SetSize(*(np.array(box.GetSize()) * (1, 1, 1.5)))
    grown = cl.box_geometry(box)
    np.testing.assert_allclose(grown[1], size * (1, 1, 1.5))
    wanted = CtLesion(1, tuple(centre), tuple(grown[1]), tuple(map(tuple, axes)), 1.0, (0, 0), (0, 0), "box")
    grid = volume_from_node(ct)
    np.testing.assert_array_equal(cl.roi_mask(box, grid).array, box_mask(grid, wanted).array)


def test_the_table_tells_probability_and_diameters_and_leads_to_the_boxes(case):
    ct, answer, inputs = case
    found = cl.import_ct_lesions(answer, inputs)
    table = found.head.GetTable()
    assert found.head.GetName() == "Doe^Jane CT lesions (lesions-ct, 14.05.09)"
    assert table.GetNumberOfRows() == 2
    assert table.GetColumnByName("Probability").GetValue(1) == 0.4
    assert table.GetColumnByName("RECIST longest (mm)").GetValue(0) == 14.2
    assert cl.boxes_of(found.head) == found.boxes
    assert cl.found_in(found.boxes[0])["recist_mm"] == [14.2, 9.6]
    slicer.mrmlScene.RemoveNode(found.boxes[0])
    assert cl.boxes_of(found.head) == [found.boxes[1]] and cl.boxes_of(None) == []


def test_what_a_model_marked_becomes_segments_with_their_kinds_on_the_ct(case, tmp_path):
    ct, answer, inputs = case
    grid = volume_from_node(ct)
    marks = np.where(block(LESION), 1, 0).astype(np.uint16)
    marks[0, :2, :2] = 2
    write_volume(grid.with_array(marks), tmp_path / "marks.nrrd")
    answer["lesions"][0]["kind"] = "lytic with soft-tissue mass"
    found = cl.import_ct_lesions(answer | {"marks": "marks.nrrd", "searched": "Said."}, inputs, tmp_path)
    names = [found.marks.GetSegmentation().GetSegment(one).GetName() for one in found.segment_ids]
    assert names == ["Lesion 1 (lytic with soft-tissue mass)", "Lesion 2"] and found.searched == "Said."
    there = slicer.util.arrayFromSegmentBinaryLabelmap(found.marks, found.segment_ids[0], ct) > 0
    np.testing.assert_array_equal(there, block(LESION))
    assert found.head.GetTable().GetColumnByName("Kind").GetValue(0) == "lytic with soft-tissue mass"


@pytest.fixture
def ct(scene):
    return add_ct()


def answer_of(ct):
    return {"lesions": [lesion_at(volume_from_node(ct)).to_dict()], "provenance": PROVENANCE}


def test_boxes_are_found_again_after_the_scene_was_saved(ct, scene, tmp_path):
    cl.import_ct_lesions(answer_of(ct), export_inputs({"CT": ct}, tmp_path))
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    scene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    (head,) = [t for t in slicer.util.getNodesByClass("vtkMRMLTableNode") if cl.boxes_of(t)]
    (box,) = cl.boxes_of(head)
    assert cl.found_in(box)["probability"] == 0.91
    (loaded,) = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    np.testing.assert_array_equal(cl.roi_mask(box, volume_from_node(loaded)).array > 0, block(LESION))


def test_a_scene_closed_meanwhile_gets_no_box_and_a_broken_answer_changes_nothing(ct, scene, tmp_path):
    count = scene.GetNumberOfNodes()
    broken = answer_of(ct)
    del broken["lesions"][0]["size_mm"]
    with pytest.raises(KeyError):
        cl.import_ct_lesions(broken, export_inputs({"CT": ct}, tmp_path))
    assert scene.GetNumberOfNodes() == count
    inputs, answer = export_inputs({"CT": ct}, tmp_path), answer_of(ct)
    scene.Clear(0)
    assert cl.import_ct_lesions(answer, inputs) is None


def test_an_empty_lesion_to_draw_lies_on_the_ct_and_is_coded(ct):
    node, segment = cl.add_empty_lesion(ct)
    assert node.GetSegmentation().GetSegment(segment).GetTerminology() == METASTASIS
    assert node.GetNodeReference(SOURCE_ROLE) is ct
    slicer.util.updateSegmentBinaryLabelmapFromArray(block(LESION).astype(np.uint8), node, segment, ct)
    np.testing.assert_array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, ct) > 0, block(LESION))


def test_a_box_that_is_not_placed_is_one_sentence(scene):
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    with pytest.raises(SpineError, match="not placed yet"):
        cl.box_geometry(roi)
