"""A job on a part of an image: what is cut lies in its place, what is found there becomes a segment of the whole."""

from __future__ import annotations

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from SpineLib.errors import SpineError  # noqa: E402
from SpineLib.scene.nodes import volume_from_node  # noqa: E402
from SpineLib.scene.regions import export_region, import_lesion, nearest_lesion  # noqa: E402
from SpineLib.scene.results import SOURCE_ROLE  # noqa: E402
from SpineLib.tasks.segmentation.lesions import find_lesions  # noqa: E402
from SpineLib.volume import read_volume, write_volume  # noqa: E402
from Testing.scene.grids import add_transform, add_volume, axis_matrix, rotation  # noqa: E402

PROVENANCE = {"model": {"id": "mets-t1-2d"}, "reference": "T1", "time": "2024-05-06T14:05:09+02:00"}


@pytest.fixture
def case(scene, tmp_path):
    """An oblique T1 under a transform and a place in it: (node, truth mask on the whole grid, region)."""
    node = add_volume(rotation() @ axis_matrix((0, 2, 1), (1, -1, -1), (1.0, 1.1, 4.0)), (14, 40, 50))
    node.SetAndObserveTransformNodeID(add_transform(rotation((4, 5, 6))).GetID())
    truth = np.zeros((14, 40, 50), bool)
    truth[5:8, 18:24, 20:26] = True
    volume = volume_from_node(node)
    centre = (volume.ijk_to_lps @ [*np.argwhere(truth).mean(axis=0)[::-1], 1])[:3] * (-1, -1, 1)
    return node, truth, export_region({"T1": node, "T2": None}, centre, (24, 24, 24), tmp_path), tmp_path


def answer(region, folder, truth, also=()):
    """What job "segment" would say of the part: the truth there as lesion, and other voxels as further ones."""
    part = read_volume(region.inputs.files["T1"])
    array = truth[region.boxes["T1"]].astype(np.float32)
    for place in also:
        array[place] = 1
    _, labels, lesions = find_lesions(part.with_array(array), 0.5)
    write_volume(labels, folder / "labels.nrrd")
    return {
        "labels": "labels.nrrd",
        "lesions": [one.to_dict() for one in lesions],
        "provenance": PROVENANCE,
        "notes": ["a note"],
    }


def node_ids(scene):
    return [scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())]


def test_the_part_that_is_written_lies_where_it_lay_and_is_smaller(case):
    node, truth, region, _ = case
    part, whole = read_volume(region.inputs.files["T1"]), volume_from_node(node)
    assert part.array.size < whole.array.size
    np.testing.assert_array_equal(part.array, whole.array[region.boxes["T1"]])
    first = [one.start for one in reversed(region.boxes["T1"])]
    np.testing.assert_allclose(part.origin, (whole.ijk_to_lps @ [*first, 1])[:3], atol=1e-6)
    assert truth[region.boxes["T1"]].sum() == truth.sum()


def test_a_mask_is_cut_alike(case, tmp_path):
    node, truth, region, folder = case
    mask = volume_from_node(node).with_array(truth.astype(np.uint8))
    again = export_region({"image": node}, region.centre_ras_mm, (24, 24, 24), folder, {"region": ("image", mask)})
    image, cut = read_volume(again.inputs.files["image"]), read_volume(again.inputs.files["region"])
    assert image.same_grid(cut) and cut.array.sum() == truth.sum()


def test_the_lesion_becomes_a_segment_on_the_whole_source(case):
    node, truth, region, folder = case
    result = answer(region, folder, truth)
    found = import_lesion(folder, result, region, "T1", number=4)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(found.segmentation, found.segment_id, node)
    np.testing.assert_array_equal(mask > 0, truth)
    assert found.segmentation.GetNodeReference(SOURCE_ROLE) is node and found.notes == ["a note"]
    assert found.segmentation.GetSegmentation().GetSegment(found.segment_id).GetName() == "Lesion 4"


def test_of_several_lesions_the_one_at_the_place_is_taken(case):
    node, truth, region, folder = case
    result = answer(region, folder, truth, also=[(slice(0, 1), slice(0, 3), slice(0, 3))])
    assert len(result["lesions"]) == 2
    found = import_lesion(folder, result, region, "T1", number=1)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(found.segmentation, found.segment_id, node)
    np.testing.assert_array_equal(mask > 0, truth)


def test_it_joins_the_segmentation_the_user_chose(case, scene):
    node, truth, region, folder = case
    own = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    own.SetReferenceImageGeometryParameterFromVolumeNode(node)
    found = import_lesion(folder, answer(region, folder, truth), region, "T1", number=1, existing=own)
    assert found.segmentation is own and own.GetSegmentation().GetNumberOfSegments() == 1


def test_nothing_at_the_place_is_one_sentence_and_the_scene_is_as_it_was(case, scene):
    _, truth, region, folder = case
    result = answer(region, folder, np.zeros_like(truth))
    before = node_ids(scene)
    with pytest.raises(SpineError, match="Nothing was found at this place: use Refine boundary"):
        import_lesion(folder, result, region, "T1", number=1)
    assert node_ids(scene) == before


def test_a_lesion_far_from_the_place_is_not_taken_for_it(case):
    node, truth, _, _ = case
    labels = volume_from_node(node).with_array(truth.astype(np.uint16))
    centre = (labels.ijk_to_lps @ [22.5, 20.5, 6, 1])[:3] * (-1, -1, 1)
    assert nearest_lesion(labels, centre) == 1
    assert nearest_lesion(labels, centre + (0, 0, 60)) == 0


def test_a_source_deleted_meanwhile_leaves_the_segment_in_its_place(case, scene):
    node, truth, region, folder = case
    result, whole = answer(region, folder, truth), volume_from_node(node)
    scene.RemoveNode(node)
    found = import_lesion(folder, result, region, "T1", number=1)
    from SpineLib.scene.nodes import volume_to_node

    twin = volume_to_node(whole, "twin")
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(found.segmentation, found.segment_id, twin)
    np.testing.assert_array_equal(mask > 0, truth)


def test_a_scene_closed_meanwhile_gets_nothing(case, scene):
    _, truth, region, folder = case
    result = answer(region, folder, truth)
    scene.Clear(0)
    before = node_ids(scene)
    assert import_lesion(folder, result, region, "T1", number=1) is None
    assert node_ids(scene) == before


def test_a_place_outside_the_image_is_refused(case, tmp_path):
    node = case[0]
    with pytest.raises(SpineError, match="outside the T1"):
        export_region({"T1": node}, (900, 0, 0), (24, 24, 24), tmp_path)
