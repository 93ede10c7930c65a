"""A run seen from the scene: volumes out, result in, whatever the user does meanwhile."""

from __future__ import annotations

import os

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from SpineLib.errors import SpineError  # noqa: E402
from SpineLib.metrics.lesion import LESION_MEASURES  # noqa: E402
from SpineLib.scene import runs  # noqa: E402
from SpineLib.scene.nodes import volume_from_node  # noqa: E402
from SpineLib.scene.results import SOURCE_ROLE, provenance_of  # noqa: E402
from SpineLib.scene.runs import export_inputs, import_result, result_name  # noqa: E402
from SpineLib.scene.tables import COLUMNS  # noqa: E402
from SpineLib.tasks.segmentation.lesions import find_lesions  # noqa: E402
from SpineLib.volume import read_volume, write_volume  # noqa: E402
from Testing.scene.grids import add_transform, add_volume, axis_matrix, rotation, warp  # noqa: E402

PROVENANCE = {
    "model": {"id": "mets-t1t2-2d", "sha256": "0" * 64},
    "reference": "T1",
    "time": "2024-05-06T14:05:09+02:00",
}


@pytest.fixture
def case(scene, tmp_path):
    """T1 (oblique, under a transform) and T2 on unlike grids, and the run that exported them."""
    t1 = add_volume(rotation() @ axis_matrix((1, 2, 0), (-1, -1, 1)), (10, 16, 18))
    t2 = add_volume(axis_matrix((2, 0, 1), (1, -1, -1), spacing=(3.5, 0.9, 0.9)), (20, 20, 9), np.float32)
    transform = add_transform(rotation((4, 5, 6)))
    for node in (t1, t2):
        node.SetAndObserveTransformNodeID(transform.GetID())
    return t1, t2, export_inputs({"T1": t1, "T2": t2}, tmp_path), tmp_path


def answer(folder, role="T1"):
    """What the worker would answer: two lesions on the grid of the exported volume, as files in the folder."""
    grid = read_volume(folder / f"{role}.nrrd")
    array = np.zeros(grid.shape, np.float32)
    array[2:6, 3:9, 4:8] = 0.75
    array[7:9, 11:14, 2:4] = 1.0
    probability = grid.with_array(array)
    _, labels, lesions = find_lesions(probability, 0.5)
    write_volume(probability, folder / "probability.nrrd")
    write_volume(labels, folder / "labels.nrrd")
    return {
        "probability": "probability.nrrd",
        "labels": "labels.nrrd",
        "lesions": [lesion.to_dict() for lesion in lesions],
        "provenance": PROVENANCE | {"reference": role},
        "notes": ["T2 was co-registered."],
    }, labels.array


def node_ids(scene):
    return [scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())]


def test_exported_files_hold_the_volumes_as_they_lie_in_the_world_and_no_name(case):
    t1, t2, inputs, folder = case
    assert sorted(os.listdir(folder)) == ["T1.nrrd", "T2.nrrd"]
    for role, node in (("T1", t1), ("T2", t2)):
        volume, written = volume_from_node(node), read_volume(inputs.files[role])
        np.testing.assert_array_equal(written.array, volume.array)
        assert written.same_grid(volume, tolerance_mm=1e-6)
        assert b"Doe" not in (folder / f"{role}.nrrd").read_bytes()


def test_the_result_lies_on_the_source_and_brings_table_and_probability(case, scene):
    t1, _, inputs, folder = case
    result, labels = answer(folder)
    imported = import_result(folder, result, inputs, with_probability=True)
    for number, segment_id in enumerate(imported.segment_ids, 1):
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(imported.segmentation, segment_id, t1)
        np.testing.assert_array_equal(mask, labels == number)
    assert imported.segmentation.GetName() == "Doe^Jane T1 metastases (mets-t1t2-2d, 14.05.09)"
    assert imported.segmentation.GetNodeReference(SOURCE_ROLE) is t1
    assert imported.notes == ["T2 was co-registered."]
    assert imported.table.GetNumberOfRows() == 2
    assert provenance_of(imported.table) == provenance_of(imported.probability) == PROVENANCE
    np.testing.assert_allclose(
        volume_from_node(imported.probability).ijk_to_lps, volume_from_node(t1).ijk_to_lps, atol=1e-12
    )
    assert slicer.util.arrayFromVolume(imported.probability).max() == 1
    assert not imported.probability.GetDisplayNode().GetVisibility()


def test_the_result_goes_to_the_sequence_that_was_the_reference(case):
    _, t2, inputs, folder = case
    result, labels = answer(folder, "T2")
    imported = import_result(folder, result, inputs)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(imported.segmentation, imported.segment_ids[0], t2)
    np.testing.assert_array_equal(mask, labels == 1)
    assert imported.probability is None


def test_a_scene_closed_meanwhile_gets_nothing(case, scene):
    _, _, inputs, folder = case
    result, _ = answer(folder)
    scene.Clear(0)
    before = node_ids(scene)
    assert inputs.scene_closed
    assert import_result(folder, result, inputs, with_probability=True) is None
    assert node_ids(scene) == before


def test_a_scene_closed_and_filled_again_still_gets_nothing(case, scene):
    _, _, inputs, folder = case
    result, _ = answer(folder)
    scene.Clear(0)
    add_volume(shape=(10, 16, 18))
    before = node_ids(scene)
    assert import_result(folder, result, inputs) is None
    assert node_ids(scene) == before


def test_a_source_deleted_meanwhile_leaves_the_result_where_it_lay(case, scene):
    t1, _, inputs, folder = case
    result, labels = answer(folder)
    world = volume_from_node(t1)
    scene.RemoveNode(t1)
    imported = import_result(folder, result, inputs)
    twin = runs.volume_to_node(world, "twin")
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(imported.segmentation, imported.segment_ids[0], twin)
    np.testing.assert_array_equal(mask, labels == 1)
    assert imported.table.GetNumberOfRows() == 2
    assert scene.GetFirstNodeByName("temporary") is None


def _column(measure: str) -> int:
    return list(COLUMNS).index(LESION_MEASURES[measure].heading)


def test_a_source_moved_meanwhile_takes_result_and_measures_along(case):
    t1, _, inputs, folder = case
    result, labels = answer(folder)
    t1.SetAndObserveTransformNodeID(None)
    imported = import_result(folder, result, inputs)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(imported.segmentation, imported.segment_ids[0], t1)
    np.testing.assert_array_equal(mask, labels == 1)
    kji = np.argwhere(labels == 1).mean(axis=0)
    centre = (volume_from_node(t1).ijk_to_lps @ [*kji[::-1], 1])[:3] * (-1, -1, 1)
    assert float(imported.table.GetCellText(0, _column("centre_r_mm"))) == pytest.approx(centre[0], abs=0.01)


def test_a_source_put_under_a_warp_meanwhile_keeps_the_result_and_says_that_the_table_is_older(case):
    t1, _, inputs, folder = case
    result, labels = answer(folder)
    t1.SetAndObserveTransformNodeID(warp().GetID())
    imported = import_result(folder, result, inputs)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(imported.segmentation, imported.segment_ids[0], t1)
    np.testing.assert_array_equal(mask, labels == 1)
    assert float(imported.table.GetCellText(0, _column("volume_ml"))) == pytest.approx(
        result["lesions"][0]["volume_ml"], rel=1e-4
    )
    assert "as they were found" in imported.notes[-1]


def test_a_chosen_segmentation_edited_meanwhile_keeps_the_edits(case):
    t1, _, inputs, folder = case
    own = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    own.SetReferenceImageGeometryParameterFromVolumeNode(t1)
    drawn = own.GetSegmentation().AddEmptySegment("", "drawn")
    result, labels = answer(folder)
    mask = np.zeros(labels.shape, np.uint8)
    mask[3:5, 4:7, 3:6] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, own, drawn, t1)
    edited = slicer.util.arrayFromSegmentInternalBinaryLabelmap(own, drawn).copy()
    assert edited.any()
    imported = import_result(folder, result, inputs, existing=own)
    assert imported.segmentation is own
    np.testing.assert_array_equal(slicer.util.arrayFromSegmentInternalBinaryLabelmap(own, drawn), edited)
    assert imported.table.GetNumberOfRows() == 2


def test_a_chosen_segmentation_deleted_meanwhile_is_replaced_by_a_new_one_with_a_note(case, scene):
    _, _, inputs, folder = case
    own = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    result, _ = answer(folder)
    scene.RemoveNode(own)
    imported = import_result(folder, result, inputs, existing=own)
    assert imported.segmentation.GetScene() is scene
    assert "deleted meanwhile" in imported.notes[-1]


def test_a_table_that_cannot_be_made_takes_everything_back(case, scene, monkeypatch):
    t1, _, inputs, folder = case
    own = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    own.CreateDefaultDisplayNodes()
    result, _ = answer(folder)
    before = node_ids(scene)
    monkeypatch.setattr(runs, "add_table", lambda *_: 1 / 0)
    for existing in (None, own):
        with pytest.raises(ZeroDivisionError):
            import_result(folder, result, inputs, existing=existing, with_probability=True)
        assert node_ids(scene) == before
        assert own.GetSegmentation().GetNumberOfSegments() == 0


def test_a_damaged_answer_leaves_the_scene_as_it_was(case, scene):
    _, _, inputs, folder = case
    result, _ = answer(folder)
    (folder / "labels.nrrd").write_bytes(b"NRRD0004\n")
    before = node_ids(scene)
    with pytest.raises(SpineError):
        import_result(folder, result, inputs)
    assert node_ids(scene) == before


def test_a_source_replaced_by_another_image_is_an_error_and_leaves_the_scene_as_it_was(case, scene):
    t1, _, inputs, folder = case
    result, _ = answer(folder)
    slicer.util.updateVolumeFromArray(t1, np.zeros((3, 3, 3), np.int16))
    before = node_ids(scene)
    with pytest.raises(SpineError, match="changed its size"):
        import_result(folder, result, inputs, with_probability=True)
    assert node_ids(scene) == before


def test_no_volume_the_same_one_twice_and_unfit_ones_are_refused_before_anything_is_written(scene, tmp_path):
    t1 = add_volume()
    flat = slicer.util.addVolumeFromArray(np.ones((3, 4, 5), np.int16), name="Doe^Jane")
    bent = add_volume()
    bent.SetAndObserveTransformNodeID(warp().GetID())
    for nodes, words in (
        ({"T1": None}, "No volume"),
        ({"T1": t1, "T2": t1}, "same volume"),
        ({"T1": t1, "T2": flat}, "T2"),
        ({"T1": t1, "T2": bent}, "warping"),
    ):
        with pytest.raises(SpineError, match=words) as caught:
            export_inputs(nodes, tmp_path)
        assert "Doe" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(scene, tmp_path):
    with pytest.raises(SpineError, match="folder"):
        export_inputs({"T1": add_volume()}, tmp_path / "missing")


def test_a_released_run_watches_the_scene_no_longer(case, scene):
    _, _, inputs, _ = case
    inputs.release()
    inputs.release()
    scene.Clear(0)
    assert not inputs.scene_closed


def test_a_result_is_named_by_what_is_known():
    assert result_name("T1", {}) == "T1 metastases"
    assert result_name("T1", {"model": {"id": "m"}, "time": "never"}) == "T1 metastases (m)"
    assert result_name("ceT1", {"target": "necrosis"}) == "ceT1 necrosis"
