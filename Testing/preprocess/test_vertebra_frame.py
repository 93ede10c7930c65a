"""A vertebra's own frame: found from labels, also turned ones and ones of which a part is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineLib.errors import SpineError
from SpineLib.geometry.signed_distance import at_points, sampled, signed_distance
from SpineLib.preprocess.vertebra_frame import Column, vertebra_frame
from SpineLib.preprocess.vertebra_landmarks import landmarks
from SpineLib.volume import Volume
from Testing.vertebrae import STEP, column, voxel_places


@pytest.mark.parametrize("turn", [(0, 0, 0), (20, 0, 0), (8, -9, 12)])
def test_the_axes_are_the_vertebras_own(turn):
    frame = vertebra_frame(Column.of(column(turn)), 11)
    rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    angles = np.degrees(np.arccos(np.clip((frame.axes * rotation.T).sum(axis=1), -1, 1)))
    # A degree at 30 mm from the middle is half a millimetre, a quarter of these voxels.
    assert angles.max() < 2.0
    assert np.linalg.det(frame.axes) == pytest.approx(1)
    assert abs(frame.to_local(np.zeros((1, 3)))[0, 0]) < 0.7  # the origin lies on the mirror plane


@pytest.mark.parametrize("cut", ["half", "body", "behind"])
def test_the_frame_hardly_moves_when_a_part_is_missing(cut):
    labels = column((8, -9, 12))
    whole = vertebra_frame(Column.of(labels), 11)
    local = whole.to_local(voxel_places(labels).reshape(-1, 3)).reshape(*labels.shape, 3)
    piece = {"half": local[..., 0] > 0, "body": local[..., 1] < -2, "behind": local[..., 1] > 12}[cut]
    lesion = labels.with_array((piece & (labels.array == 11)).astype(np.uint8))
    left = labels.with_array(np.where(lesion.array > 0, 0, labels.array))
    found = vertebra_frame(Column.of(left).including(11, lesion), 11, lesion)
    angle = np.degrees(np.arccos((np.trace(found.axes @ whole.axes.T) - 1) / 2))
    assert angle < 4.0
    assert np.linalg.norm(found.centre - whole.centre) < 4.0  # two voxels; templates are fitted from there


def test_a_lone_vertebra_has_a_frame_too():
    frame = vertebra_frame(Column.of(column((0, 0, 10), count=1)), 10)
    assert np.degrees(np.arccos(frame.axes[0] @ Rotation.from_euler("z", 10, degrees=True).apply([1, 0, 0]))) < 2.0


def test_neighbours_are_the_next_above_and_below_whatever_their_numbers():
    labels = column()
    labels = labels.with_array(np.choose(labels.array, [0] * 10 + [28, 7, 30]).astype(np.uint8))
    found = Column.of(labels)
    assert found.neighbours(7) == (28, 30)
    assert found.neighbours(28) == (None, 7)


def test_an_unknown_label_is_refused_with_those_there_are():
    with pytest.raises(SpineError, match="10, 11, 12"):
        vertebra_frame(Column.of(column()), 20)


def test_a_lesion_over_the_whole_vertebra_is_refused():
    labels = column()
    with pytest.raises(SpineError, match="nothing is left"):
        vertebra_frame(Column.of(labels), 11, labels.with_array((labels.array == 11).astype(np.uint8)))


def test_the_way_to_the_frame_and_back_keeps_the_mask():
    labels = column((8, -9, 12))
    mask = labels.with_array((labels.array == 11).astype(np.uint8))
    frame = vertebra_frame(Column.of(labels), 11)
    there = frame.grid().with_array(sampled(signed_distance(mask), frame.grid(), 30.0))
    back = sampled(there, labels, 30.0) < 0
    dice = 2 * (back & (mask.array > 0)).sum() / (back.sum() + mask.array.sum())
    assert dice > 0.97  # 2 mm voxels of a bone with walls of 5 mm, twice interpolated


def test_unknown_voxels_have_no_part_in_the_distance():
    line = Volume(np.array([[[1, 1, 1, 0, 0, 0, 0]]], np.uint8))
    unknown = np.zeros(line.shape, bool)
    unknown[..., 2:4] = True
    assert signed_distance(line).array[0, 0].tolist() == [-3, -2, -1, 1, 2, 3, 4]
    assert signed_distance(line, unknown).array[0, 0].tolist() == [-4, -3, -1, 1, 3, 4, 5]
    assert at_points(signed_distance(line), np.array([[2.5, 0, 0]])) == pytest.approx(0)


def test_body_and_canal_are_found():
    labels = column((8, -9, 12))
    frame = vertebra_frame(Column.of(labels), 11)
    marks = landmarks(Column.of(labels), 11, frame)
    canal, body = (
        frame.to_lps(place[None])[0] @ Rotation.from_euler("xyz", (8, -9, 12), degrees=True).as_matrix()
        for place in (marks.canal, marks.body)
    )
    assert canal[:2] == pytest.approx([0, 9], abs=2)
    assert body == pytest.approx([0, -12, 0], abs=2)
    assert marks.radius == pytest.approx(8, abs=2)
    assert marks.half == pytest.approx([20, 14, 12], abs=2.5)


def test_a_bone_without_a_canal_is_refused():
    labels = column()
    solid = labels.with_array((np.indices(labels.shape)[0] > 10).astype(np.uint8))
    with pytest.raises(SpineError, match="arch"):
        landmarks(Column.of(solid), 1, vertebra_frame(Column.of(solid), 1))


def test_frames_do_not_depend_on_how_fine_the_voxels_are():
    labels = column((8, -9, 12))
    fine = replace(
        labels,
        array=labels.array.repeat(2, 0).repeat(2, 1).repeat(2, 2),
        spacing=(STEP / 2,) * 3,
        origin=tuple(np.array(labels.origin) - STEP / 4),
    )
    first, second = (vertebra_frame(Column.of(one), 11) for one in (labels, fine))
    assert np.abs(first.centre - second.centre).max() < 0.5
    assert np.abs(first.axes - second.axes).max() < 0.03
