"""Only what lies along one column is a vertebra, however much else is voted for."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLib.tasks.column.grouping import group
from SpineLib.tasks.column.line import along_one_line, canal_behind_ml
from SpineLib.tasks.column.parts import BODY, CANAL
from Testing.columns import LEVELS, SPACING, block_column, offsets_of


def beside(hip_at: tuple[int, int, int]):
    """A column of three with a ball of bone beside it that votes for its own middle, as hips do."""
    parts, instances, centres = block_column()
    parts, instances = (np.pad(one, ((0, 0), (0, 0), (0, 60))) for one in (parts, instances))
    z, y, x = np.indices(parts.shape)
    ball = (z - hip_at[0]) ** 2 + (y - hip_at[1]) ** 2 + (x - hip_at[2]) ** 2 <= 12**2
    parts[ball], instances[ball] = BODY, 99
    return parts, offsets_of(instances, (*LEVELS, 99), [*centres, hip_at]), instances


@pytest.mark.parametrize("hip_at", [(20, 20, 70), (48, 20, 60)], ids=["below and aside", "at the height of a body"])
def test_a_ball_of_bone_beside_the_column_is_no_vertebra(hip_at):
    parts, offsets, instances = beside(hip_at)
    labels, members = group(parts, offsets, SPACING)
    assert len(members) == len(LEVELS)
    assert not labels[instances == 99].any()
    for number, level in enumerate(LEVELS, start=1):
        np.testing.assert_array_equal(labels == number, instances == level)


def test_of_two_lines_the_one_with_a_canal_behind_it_is_the_column():
    spine = [(z, 50.0, 100.0) for z in (160.0, 128.0, 96.0)]
    leg = [(z, 50.0, 10.0) for z in (160.0, 128.0, 96.0, 64.0)]
    line = along_one_line(np.array(leg + spine), [40.0] * 7, [0.8] * 7, [0.0] * 4 + [8.0] * 3)
    assert line == [4, 5, 6]


def test_a_destroyed_vertebra_that_nothing_votes_for_parts_no_column():
    line = along_one_line(
        np.array([(z, 0.0, 0.0) for z in (200.0, 168.0, 104.0, 72.0)]), [40.0] * 4, [0.8] * 4, [8.0] * 4
    )
    assert line == [0, 1, 2, 3]


def test_a_hip_below_the_column_and_aside_is_not_taken_for_its_end_over_a_gap():
    # As on a real CT of the pelvis: 82 mm further down and 74 mm aside, as large as a vertebra, something like a canal.
    centres = np.array([(200.0, 0.0, 0.0), (168.0, 0.0, 0.0), (136.0, 0.0, 0.0), (54.0, 0.0, 74.0)])
    assert along_one_line(centres, [40.0] * 4, [0.8] * 4, [8.0] * 4) == [0, 1, 2]


def test_a_scoliosis_of_forty_degrees_is_one_column():
    way = np.deg2rad([40, 25, 0, -25, -40, -25])
    steps = np.stack([-32 * np.cos(way), np.zeros(6), 32 * np.sin(way)], 1)
    line = along_one_line(
        np.concatenate([[(300.0, 0, 0)], np.cumsum(steps, 0) + (300.0, 0, 0)]), [40.0] * 7, [0.8] * 7, [8.0] * 7
    )
    assert line == list(range(7))


def test_no_centre_is_no_column():
    assert along_one_line(np.zeros((0, 3)), [], [], []) == []


def test_the_canal_is_looked_for_behind_the_body_only():
    parts = np.zeros((20, 40, 40), np.uint8)
    parts[5:15, 20:26, 17:23] = CANAL  # 10 x 6 x 6 voxels of 8 mm3
    behind, before = canal_behind_ml(parts, np.array([(20.0, 20.0, 40.0), (20.0, 70.0, 40.0)]), (2.0, 2.0, 2.0))
    assert behind == pytest.approx(10 * 6 * 6 * 0.008) and before == 0
