"""A stamp moves with voxels, segments, places, transforms and hardening, with nothing else; a watch tells at once."""

from __future__ import annotations

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from SpineLib.scene.changes import stamp_of, watch  # noqa: E402
from Testing.scene.grids import add_transform, add_volume, rotation  # noqa: E402


@pytest.fixture
def drawn(scene):
    """A volume and a segmentation on it with two segments."""
    volume = add_volume()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "drawn")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for name in ("one", "two"):
        node.GetSegmentation().AddEmptySegment(name, name)
        paint(node, name, volume, 2)
    return volume, node


def paint(node, segment, volume, size):
    mask = np.zeros(slicer.util.arrayFromVolume(volume).shape, np.uint8)
    mask[:size, :size, :size] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, volume)


def roi():
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    node.SetXYZ(1, 2, 3)
    node.SetRadiusXYZ(4, 5, 6)
    return node


def changes(node, do):
    """(whether the stamp differs afterwards, whether the watch was told)."""
    told = []
    stop = watch(node, lambda: told.append(1))
    before = stamp_of(node)
    do()
    stop()
    return stamp_of(node) != before, bool(told)


def test_an_edit_of_voxels_a_name_and_a_segment_that_comes_or_goes_move_a_segmentation(drawn):
    volume, node = drawn
    inner = node.GetSegmentation()
    for do in (
        lambda: paint(node, "one", volume, 3),
        lambda: inner.GetSegment("one").SetName("other"),
        lambda: inner.AddEmptySegment("three", "three"),
        lambda: inner.RemoveSegment("two"),
    ):
        assert changes(node, do) == (True, True)


@pytest.mark.parametrize("which", [0, 1], ids=["volume", "segmentation"])
def test_a_transform_that_is_put_over_a_node_turned_hardened_or_taken_off_moves_it(drawn, which):
    node, transform, above = drawn[which], add_transform(np.eye(4)), add_transform(np.eye(4))
    turned = slicer.util.vtkMatrixFromArray(rotation())
    assert changes(node, lambda: node.SetAndObserveTransformNodeID(transform.GetID())) == (True, True)
    assert changes(node, lambda: transform.SetMatrixTransformToParent(turned)) == (True, True)
    transform.SetAndObserveTransformNodeID(above.GetID())
    assert changes(node, lambda: above.SetMatrixTransformToParent(turned)) == (True, True)
    assert changes(node, node.HardenTransform)[0]
    node.SetAndObserveTransformNodeID(transform.GetID())
    assert changes(node, lambda: node.SetAndObserveTransformNodeID(None)) == (True, True)


def test_the_values_and_the_place_of_a_volume_move_it(drawn):
    volume, _ = drawn

    def double():
        slicer.util.arrayFromVolume(volume)[:] *= 2
        slicer.util.arrayFromVolumeModified(volume)

    assert changes(volume, double) == (True, True)
    assert changes(volume, lambda: volume.SetOrigin(5, 5, 5)) == (True, True)


def test_a_box_that_is_moved_or_resized_moves(scene):
    node = roi()
    assert changes(node, lambda: node.SetXYZ(7, 2, 3)) == (True, True)
    assert changes(node, lambda: node.SetRadiusXYZ(8, 5, 6)) == (True, True)


def test_landmarks_that_are_added_or_moved_move(scene):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    assert changes(node, lambda: node.AddControlPoint(1, 2, 3)) == (True, True)
    assert changes(node, lambda: node.SetNthControlPointPosition(0, 4, 5, 6)) == (True, True)


def test_a_transform_that_is_turned_moves(scene):
    node = add_transform(np.eye(4))
    turned = slicer.util.vtkMatrixFromArray(rotation())
    assert changes(node, lambda: node.SetMatrixTransformToParent(turned)) == (True, True)


def test_how_a_node_is_shown_moves_nothing(drawn):
    _, node = drawn
    display = node.GetDisplayNode()
    for do in (
        lambda: display.SetSegmentVisibility("one", False),
        lambda: display.SetOpacity(0.5),
        node.CreateClosedSurfaceRepresentation,
        lambda: node.SetAttribute("any", "thing"),
    ):
        assert not changes(node, do)[0]


def test_nothing_has_a_stamp_and_a_watch_too(scene):
    assert stamp_of(None) == ()
    watch(None, pytest.fail)()


def test_a_watch_that_has_ended_tells_no_more(drawn):
    volume, node = drawn
    calls = []
    stop = watch(node, lambda: calls.append(1))
    stop()
    stop()
    paint(node, "one", volume, 3)
    assert not calls
