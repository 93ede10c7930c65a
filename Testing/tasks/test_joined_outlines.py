"""Outlines of one network for the vertebrae of another, on a column of blocks and with networks that are known."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLib.tasks.column.find import Column
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.column.grouping import group
from SpineLib.tasks.column.levels import name_levels
from SpineLib.tasks.ct.joined import join
from SpineLib.volume import Volume
from Testing.columns import LEVELS, SPACING, block_column, offsets_of
from Testing.tasks.simulated_spine import save_bright_bone

#: Slices of 2 mm above and below the column: half a metre of body, three vertebrae of it in a stretch of 0.1 m.
BEYOND = 100


@pytest.fixture(scope="module")
def bright(tmp_path_factory):
    """A network of slices for which all that is bright is bone of a vertebra, hips included."""
    return save_bright_bone(tmp_path_factory.mktemp("bright"))


@pytest.fixture(scope="module")
def whole_body():
    """The CT (LPS, k upwards), what a good network of the column found on it, and the true instances."""
    parts, instances, centres = block_column(sacrum=False)
    offsets = offsets_of(instances, LEVELS, centres)
    parts, instances = (np.pad(one, ((BEYOND, BEYOND), (10, 10), (30, 30))) for one in (parts, instances))
    offsets = np.pad(offsets, ((0, 0), (BEYOND, BEYOND), (10, 10), (30, 30)))
    hu = np.where(instances > 0, 600.0, 40.0)
    hu[:, 20:60, 3:20] = 600.0  # other bone beside the column, all the way down
    ct = Volume(hu.astype(np.float32), SPACING, (0.0, 0.0, 0.0))
    return ct, found(ct, parts, offsets, instances > 0), instances


def found(ct, parts, offsets, bone):
    labels, members = group(parts, offsets, SPACING)
    levels = name_levels([one.centre_mm for one in members], [1.0] * len(members), None)
    grid = ColumnGrid.of(ct, SPACING)
    return Column(grid, parts, labels, np.where(bone, 0.9, 0.02).astype(np.float16), members, levels, "cpu", "float32")


def test_each_vertebra_is_drawn_and_no_bone_beside_the_column(whole_body, bright):
    ct, column, instances = whole_body
    joined = join(ct, column, bright, 0.5)
    for number, level in enumerate(LEVELS, start=1):
        own, true = joined.labels.array == number, instances == level
        # The network of slices blurs corners by its pixels of 1.5 mm.
        assert 2 * (own & true).sum() / (own.sum() + true.sum()) > 0.93
    assert not joined.labels.array[:, :, :20].any()


def test_of_a_whole_body_the_network_of_slices_sees_the_column_alone(whole_body, bright):
    ct, column, _ = whole_body
    told = []
    joined = join(ct, column, bright, 0.5, progress=lambda _, text: told.append(text))
    slices = {int(text.rpartition(" of ")[2]) for text in told if text.startswith("Network on slices")}
    rows = np.flatnonzero(column.labels.any((1, 2)))
    assert len(slices) == 1 and max(slices) <= rows[-1] - rows[0] + 1 + 2 * 11  # 20 mm on either side
    assert ct.shape[0] > 3 * max(slices)
    assert joined.labels.same_grid(ct) and not joined.probability.array[: rows[0] - 11].any()


def test_what_a_lesion_hollows_out_inside_a_vertebra_is_the_vertebras(whole_body, bright):
    ct, column, instances = whole_body
    z, y, x = (round(value / 2) for value in column.members[1].centre_mm)
    hole = np.s_[z - 2 : z + 3, y - 3 : y + 4, x - 4 : x + 5]
    hu, bone = ct.array.copy(), column.bone > 0.5
    hu[hole], bone[hole] = 40.0, False
    lytic = found(ct.with_array(hu), column.parts, np.zeros((3, *ct.shape), np.float32), bone)
    again = Column(lytic.grid, column.parts, column.labels, lytic.bone, column.members, column.levels, "cpu", "float32")
    joined = join(ct.with_array(hu), again, bright, 0.5)
    assert (joined.labels.array[hole] == 2).all()


def test_where_the_network_of_slices_sees_no_bone_in_a_vertebra_its_support_is_low(whole_body, bright):
    ct, column, _ = whole_body
    faint = ct.with_array(np.where(column.labels == 3, 40.0, ct.array).astype(np.float32))
    support = join(faint, column, bright, 0.5).support
    assert support[3] < 0.3 and min(support[1], support[2]) > 0.8


def test_without_one_the_columns_own_probability_draws(whole_body):
    ct, column, instances = whole_body
    joined = join(ct, column, None, 0.5)
    np.testing.assert_array_equal(joined.labels.array > 0, instances > 0)
    assert joined.support == {}
