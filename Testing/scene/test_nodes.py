"""Volume nodes become volumes where they lie in the world, whatever their axes and transforms."""

from __future__ import annotations

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from SpineLib.errors import SpineError  # noqa: E402
from SpineLib.scene.nodes import RAS_LPS, ijk_to_world, volume_from_node, volume_to_node  # noqa: E402
from SpineLib.volume import read_volume, write_volume  # noqa: E402
from Testing.scene.grids import AXIS_ORDERS, add_transform, add_volume, axis_matrix, rotation, warp  # noqa: E402


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS)
def test_each_of_the_48_axis_orders_keeps_every_voxel_at_its_place(scene, order, signs):
    matrix = axis_matrix(order, signs)
    node = add_volume(matrix)
    volume = volume_from_node(node, "T1")
    np.testing.assert_array_equal(volume.array, slicer.util.arrayFromVolume(node))
    np.testing.assert_allclose(RAS_LPS @ volume.ijk_to_lps, matrix, atol=1e-12)
    assert volume.spacing == pytest.approx((0.7, 0.8, 3.3))
    again = volume_to_node(volume, "copy")
    np.testing.assert_allclose(ijk_to_world(again), matrix, atol=1e-12)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(again), volume.array)


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".mha"])
@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS[::6])
def test_slicer_and_the_library_see_one_place_when_they_exchange_files(scene, tmp_path, order, signs, suffix):
    node = add_volume(rotation() @ axis_matrix(order, signs))
    slicer.util.saveNode(node, str(tmp_path / f"slicer{suffix}"))
    volume = volume_from_node(node)
    write_volume(volume, tmp_path / f"library{suffix}")
    by_library = read_volume(tmp_path / f"slicer{suffix}")
    by_slicer = volume_from_node(slicer.util.loadVolume(str(tmp_path / f"library{suffix}")))
    # Slicer's reader and NIfTI may turn an axis of a left-handed grid round: places count, not the order of slices.
    k, j, i = np.indices(volume.shape).reshape(3, -1)
    points = volume.ijk_to_lps @ np.stack([i, j, k, np.ones(i.size)])
    for other in (by_library, by_slicer):
        index = (np.linalg.inv(other.ijk_to_lps) @ points)[:3]
        nearest = np.round(index).astype(int)
        np.testing.assert_allclose(index, nearest, atol=1e-4)
        np.testing.assert_array_equal(other.array[nearest[2], nearest[1], nearest[0]], volume.array.ravel())


def test_an_oblique_volume_keeps_its_directions(scene):
    matrix = rotation() @ axis_matrix((1, 2, 0), (-1, -1, 1))
    volume = volume_from_node(add_volume(matrix))
    np.testing.assert_allclose(RAS_LPS @ volume.ijk_to_lps, matrix, atol=1e-12)
    np.testing.assert_allclose(volume.direction.T @ volume.direction, np.eye(3), atol=1e-12)


def test_a_left_handed_grid_is_kept_left_handed(scene):
    left, right = axis_matrix((0, 1, 2), (1, 1, 1)), axis_matrix((0, 1, 2), (1, 1, -1))
    dets = [np.linalg.det(volume_from_node(add_volume(matrix)).direction) for matrix in (left, right)]
    assert dets == pytest.approx([1, -1])


def test_nested_transforms_go_into_the_geometry_and_leave_the_node_as_it_was(scene):
    matrix = axis_matrix((2, 0, 1), (1, -1, -1))
    node = add_volume(matrix)
    shift = np.eye(4)
    shift[:3, 3] = (10, 20, -30)
    outer, inner = rotation(), shift
    node.SetAndObserveTransformNodeID(add_transform(inner, add_transform(outer)).GetID())
    modified = node.GetMTime()
    volume = volume_from_node(node, "T1")
    np.testing.assert_allclose(RAS_LPS @ volume.ijk_to_lps, outer @ inner @ matrix, atol=1e-12)
    assert node.GetMTime() == modified
    again = volume_to_node(volume, "copy", parent_transform=node.GetParentTransformNode())
    np.testing.assert_allclose(ijk_to_world(again), outer @ inner @ matrix, atol=1e-12)


def test_a_transform_that_scales_all_axes_alike_changes_the_spacing(scene):
    node = add_volume(axis_matrix((0, 1, 2), (1, 1, 1), spacing=(1, 1, 2)))
    node.SetAndObserveTransformNodeID(add_transform(np.diag([2.0, 2.0, 2.0, 1.0])).GetID())
    assert volume_from_node(node).spacing == pytest.approx((2, 2, 4))


def test_changing_the_volume_never_changes_the_node(scene):
    node = add_volume()
    volume_from_node(node).array[:] = 99
    assert slicer.util.arrayFromVolume(node).max() < 99


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_voxel_types_survive_both_ways(scene, dtype):
    volume = volume_from_node(add_volume(dtype=dtype))
    assert volume.array.dtype == dtype
    assert slicer.util.arrayFromVolume(volume_to_node(volume, "copy")).dtype == dtype


def test_boolean_and_foreign_endian_arrays_can_be_shown(scene):
    volume = volume_from_node(add_volume())
    shown = volume_to_node(volume.with_array(volume.array > 3), "mask", class_name="vtkMRMLLabelMapVolumeNode")
    assert slicer.util.arrayFromVolume(shown).sum() == (volume.array > 3).sum()
    shown = volume_to_node(volume.with_array(volume.array.astype(">f4")), "big endian")
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(shown), volume.array)


def test_shear_by_a_transform_is_refused_with_what_to_do(scene):
    node = add_volume()
    shear = np.eye(4)
    shear[0, 1] = 0.2
    node.SetAndObserveTransformNodeID(add_transform(shear).GetID())
    with pytest.raises(SpineError, match="shear.*remove the transform"):
        volume_from_node(node, "T1")


def test_slanted_axes_of_the_node_itself_are_refused(scene):
    slanted = np.eye(4)
    slanted[0, 2] = 0.2
    with pytest.raises(SpineError, match="slanted"):
        volume_from_node(add_volume(slanted), "T1")


def test_a_voxel_size_of_zero_is_refused_with_what_to_do(scene):
    node = add_volume(np.diag([1.0, 0.0, 4.0, 1.0]))
    with pytest.raises(SpineError, match="The T1 has a voxel size of zero: correct its spacing"):
        volume_from_node(node, "T1")


def test_a_warping_transform_is_refused_even_when_it_is_only_a_grandparent(scene):
    node = add_volume()
    inner = add_transform(np.eye(4), warp())
    node.SetAndObserveTransformNodeID(inner.GetID())
    with pytest.raises(SpineError, match="warping transform over the T1: harden"):
        volume_from_node(node, "T1")


def test_no_node_an_empty_one_a_colour_image_and_other_nodes_are_refused_without_the_patients_name(scene):
    empty = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Doe^Jane")
    colour = slicer.util.addVolumeFromArray(
        np.zeros((3, 4, 5, 3), np.uint8), name="Doe^Jane", nodeClassName="vtkMRMLVectorVolumeNode"
    )
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", "Doe^Jane")
    for node, words in ((None, "choose"), (empty, "no voxels"), (colour, "colour"), (model, "not a scalar volume")):
        with pytest.raises(SpineError, match=words) as caught:
            volume_from_node(node, "T1")
        assert "Doe" not in str(caught.value)
        assert "T1" in str(caught.value)
