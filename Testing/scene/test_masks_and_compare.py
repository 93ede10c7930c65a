"""Segments read as voxels and compared, without touching the scene."""

from __future__ import annotations

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from SpineLib.errors import SpineError  # noqa: E402
from SpineLib.scene.compare import compare_segments, union_mask  # noqa: E402
from SpineLib.scene.masks import segment_mask  # noqa: E402
from SpineLib.scene.nodes import ijk_to_world, volume_from_node  # noqa: E402
from SpineLib.scene.results import add_segmentation  # noqa: E402
from SpineLib.scene.review import kept_ids, set_review  # noqa: E402
from SpineLib.scene.segmentvolumes import segments_volume  # noqa: E402
from SpineLib.volume.review import REJECTED  # noqa: E402
from SpineLib.volume.segments import read_mask, read_segments  # noqa: E402
from SpineLib.volume.told import notes_of  # noqa: E402
from Testing.scene.grids import (  # noqa: E402
    AXIS_ORDERS,
    add_case,
    add_transform,
    add_volume,
    axis_matrix,
    lesion,
    rotation,
    warp,
)  # fmt: skip


def add(labels, node):
    return add_segmentation(labels, [lesion(1), lesion(2)], node, name="x", provenance={})


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS[::5])
def test_a_mask_on_its_own_grid_is_exact_and_equals_slicers(scene, order, signs):
    node, labels = add_case(rotation() @ axis_matrix(order, signs), transform=add_transform(rotation((3, 2, 1))))
    segmentation, ids = add(labels, node)
    for number, segment_id in enumerate(ids, 1):
        mask = segment_mask(segmentation, segment_id, node)
        np.testing.assert_array_equal(mask, labels.array == number)
        np.testing.assert_array_equal(
            mask, slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, node) > 0
        )


def test_on_another_grid_each_voxel_takes_the_segments_value_at_its_centre(scene):
    node, labels = add_case(axis_matrix((0, 1, 2), (1, 1, 1), spacing=(1, 1, 3), origin=(0, 0, 0)), shape=(8, 20, 20))
    segmentation, ids = add(labels, node)
    # Same place, half the voxel size in plane, a third through plane, other axis order, larger field of view.
    fine = axis_matrix((2, 0, 1), (-1, 1, -1), spacing=(1, 0.5, 0.5), origin=(-5.25, 24.75, 27))
    other = add_volume(fine, (60, 60, 31))
    mask = segment_mask(segmentation, ids[0], other)
    k, j, i = np.indices(mask.shape).reshape(3, -1)
    to_first = np.linalg.inv(ijk_to_world(node)) @ ijk_to_world(other)
    index = np.floor((to_first @ np.stack([i, j, k, np.ones(i.size)]))[:3] + 0.5).astype(int)
    expected = np.zeros(mask.size, bool)
    inside = np.all((index >= 0) & (index < np.array([[20], [20], [8]])), axis=0)
    expected[inside] = (labels.array == 1)[index[2, inside], index[1, inside], index[0, inside]]
    np.testing.assert_array_equal(mask.ravel(), expected)
    assert mask.sum() * 0.25 == pytest.approx((labels.array == 1).sum() * 3, rel=0.05)


def test_a_segment_moved_by_a_transform_is_found_where_it_lies(scene):
    shift = np.eye(4)
    shift[:3, 3] = (2, 0, -1)
    node, labels = add_case(np.eye(4))
    segmentation, ids = add(labels, node)
    segmentation.SetAndObserveTransformNodeID(add_transform(shift).GetID())
    moved = np.zeros(labels.shape, bool)
    moved[:-1, :, 2:] = (labels.array == 1)[1:, :, :-2]
    np.testing.assert_array_equal(segment_mask(segmentation, ids[0], node), moved)


def test_a_segment_outside_the_volume_covers_nothing_there(scene):
    node, labels = add_case()
    segmentation, ids = add(labels, node)
    far = np.eye(4)
    far[:3, 3] = 1000
    assert not segment_mask(segmentation, ids[0], add_volume(far)).any()


def test_an_empty_segment_covers_nothing(scene):
    node, labels = add_case()
    segmentation, _ = add(labels, node)
    empty = segmentation.GetSegmentation().AddEmptySegment("empty")
    assert not segment_mask(segmentation, empty, node).any()


def test_reading_adds_no_node_and_no_representation(scene):
    node, labels = add_case(shape=(20, 20, 20))
    labels.array[3:16, 3:16, 3:16] = 1
    segmentation, ids = add(labels, node)
    segmentation.CreateClosedSurfaceRepresentation()
    segmentation.SetSourceRepresentationToClosedSurface()
    segmentation.RemoveBinaryLabelmapRepresentation()
    before, changed = scene.GetNumberOfNodes(), segmentation.GetSegmentation().GetMTime()
    mask = segment_mask(segmentation, ids[0], node)
    assert mask.sum() == pytest.approx((labels.array == 1).sum(), rel=0.15)
    assert scene.GetNumberOfNodes() == before
    assert segmentation.GetSegmentation().GetMTime() == changed
    assert not segmentation.GetSegmentation().ContainsRepresentation("Binary labelmap")


def test_a_warp_between_segmentation_and_volume_is_refused_but_a_shared_one_is_not(scene):
    node, labels = add_case()
    segmentation, ids = add(labels, node)
    bent = warp()
    segmentation.SetAndObserveTransformNodeID(bent.GetID())
    with pytest.raises(SpineError, match="warping"):
        segment_mask(segmentation, ids[0], node)
    node.SetAndObserveTransformNodeID(bent.GetID())
    np.testing.assert_array_equal(segment_mask(segmentation, ids[0], node), labels.array == 1)


def test_a_segment_that_is_gone_is_an_error_the_user_understands(scene):
    node, labels = add_case()
    segmentation, ids = add(labels, node)
    segmentation.GetSegmentation().RemoveSegment(ids[0])
    with pytest.raises(SpineError, match="does not exist any more"):
        segment_mask(segmentation, ids[0], node)


def test_comparison_counts_overlap_whichever_segmentation_and_transform_the_segments_are_in(scene):
    node, labels = add_case(axis_matrix((2, 0, 1), (1, -1, 1)))
    result, ids = add(labels, node)
    twin = add_volume(ijk_to_world(node), labels.shape)
    truth, truth_ids = add(volume_from_node(twin).with_array(np.roll(labels.array, 1, axis=2)), twin)
    one = compare_segments((truth, truth_ids[0]), (result, ids[0]), node)[0].values
    reference, prediction = np.roll(labels.array, 1, axis=2) == 1, labels.array == 1
    assert one["dice"] == pytest.approx(2 * (reference & prediction).sum() / (reference.sum() + prediction.sum()))
    assert one["tpr"] == pytest.approx((reference & prediction).sum() / reference.sum())
    assert one["tnr"] == pytest.approx((~reference & ~prediction).sum() / (~reference).sum())

    turn = add_transform(rotation())
    truth.SetAndObserveTransformNodeID(turn.GetID())
    result.SetAndObserveTransformNodeID(turn.GetID())
    node.SetAndObserveTransformNodeID(turn.GetID())
    again = compare_segments((truth, truth_ids[0]), (result, ids[0]), node)[0].values
    assert again == pytest.approx(one, abs=1e-6)


def test_all_lesions_can_be_compared_with_one_segment(scene):
    node, labels = add_case()
    segmentation, ids = add(labels, node)
    np.testing.assert_array_equal(union_mask(segmentation, None, node), labels.array > 0)
    np.testing.assert_array_equal(union_mask(segmentation, ids, node), labels.array > 0)
    rows = compare_segments((segmentation, None), (segmentation, ids[0]), node)
    assert rows[0].values["tpr"] < 1 and [row.remark for row in rows[1:]] == ["", "not found"]


def test_a_rejected_segment_is_neither_measured_nor_compared_nor_read_from_the_file(scene, tmp_path):
    node, labels = add_case()
    segmentation, ids = add(labels, node)
    set_review(segmentation, ids[0], REJECTED)
    assert not segmentation.GetDisplayNode().GetSegmentVisibility(ids[0])
    np.testing.assert_array_equal(union_mask(segmentation, None, node), labels.array == 2)
    np.testing.assert_array_equal(segments_volume(segmentation, None, "lesions").array, labels.array == 2)
    path = tmp_path / "kept.seg.nrrd"
    assert slicer.util.saveNode(segmentation, str(path))
    grid, segments = read_segments(path, "result")
    assert [one.info.name for one in segments] == [segmentation.GetSegmentation().GetSegment(ids[1]).GetName()]
    assert "1 rejected segment; it was left out" in " ".join(notes_of(grid))
    assert read_mask(path).array.any()
    set_review(segmentation, ids[0], "")
    assert kept_ids(segmentation) == ids and segmentation.GetDisplayNode().GetSegmentVisibility(ids[0])
