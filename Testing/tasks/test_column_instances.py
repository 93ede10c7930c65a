"""Vertebrae out of votes, their levels, and the way to the network's grid and back."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.errors import SpineError
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.column.grouping import group
from SpineLib.tasks.column.levels import name_levels
from SpineLib.tasks.column.parts import ARCH, SACRUM
from SpineLib.tasks.column.sacrum import sacrum_of, sacrum_top_mm, without_sacral
from SpineLib.volume.volume import Volume
from Testing.columns import LEVELS, SPACING, block_column, offsets_of


@pytest.fixture
def column():
    parts, instances, centres = block_column()
    return parts, instances, centres, offsets_of(instances, LEVELS, centres)


def test_every_vertebra_gets_its_own_number_from_cranial_to_caudal(column):
    parts, instances, centres, offsets = column
    labels, members = group(parts, offsets, SPACING)
    assert [one.number for one in members] == [1, 2, 3]
    assert np.allclose([one.centre_mm for one in members], centres * SPACING, atol=0.1)  # perfect votes
    for number, level in enumerate(LEVELS, start=1):
        assert np.array_equal(labels == number, instances == level)


def test_an_arch_whose_pedicles_are_gone_stays_with_its_own_body(column):
    parts, instances, _, offsets = column
    cut = parts.copy()
    cut[:, 22:30][instances[:, 22:30] == 23] = 0
    assert np.any((cut == ARCH) & (instances == 23))
    labels, _ = group(cut, offsets, SPACING)
    assert np.all(labels[(instances == 23) & (cut > 0)] == 2)


def test_votes_that_scatter_by_millimetres_still_part_the_vertebrae(column):
    parts, instances, _, offsets = column
    rng = np.random.default_rng(1)
    labels, members = group(parts, offsets + rng.normal(0, 4, offsets.shape), SPACING)
    assert len(members) == 3
    for number, level in enumerate(LEVELS, start=1):
        assert np.mean(labels[instances == level] == number) > 0.99  # 4 mm of noise against 32 mm between centres


def test_a_scan_without_bone_has_no_vertebra():
    parts = np.zeros((8, 8, 8), np.uint8)
    labels, members = group(parts, np.zeros((3, 8, 8, 8), np.float32), SPACING)
    assert not labels.any() and members == []


def test_levels_are_counted_from_the_sacrum(column):
    parts, _, centres, _ = column
    levels = name_levels(centres * SPACING, [1.0] * 3, sacrum_top_mm(parts == SACRUM, SPACING))
    assert levels.names == ("L3", "L4", "L5") and levels.source == "sacrum" and levels.confidence == 1.0


def test_a_sixth_lumbar_vertebra_between_the_lowest_ribs_and_the_sacrum_is_told_of():
    six = tuple(range(17, 25)) + (28,)  # T10 to L5, and L6
    parts, _, centres = block_column(six)
    levels = name_levels(centres * SPACING, [0.9] * 9, sacrum_top_mm(parts == SACRUM, SPACING), ribbed=2)
    assert "6 vertebrae instead of five" in " ".join(levels.notes) and "additional" in " ".join(levels.notes)
    assert levels.confidence < 0.5
    usual = name_levels(centres[1:] * SPACING, [0.9] * 8, sacrum_top_mm(parts == SACRUM, SPACING), ribbed=2)
    assert usual.names[2] == "T12" and not usual.notes and usual.confidence > 0.9


def test_the_sacrums_first_body_that_was_taken_for_a_vertebra_is_the_sacrums():
    levels = (*LEVELS, 25)
    parts, instances, centres = block_column(levels, sacrum=False)
    first, z = instances == 25, int(centres[-1][0])
    parts[first & (parts == ARCH)] = 0
    sacrum = np.s_[z - 20 : z + 4, 22:36, 6:26]  # behind and below it, as a steep sacrum lies
    parts[sacrum] = SACRUM
    instances[sacrum] = 0
    labels, members = group(parts, offsets_of(instances, levels, centres), SPACING)
    assert len(members) == 4
    labels, members = without_sacral(labels, members, parts, SPACING)
    assert len(members) == 3 and np.all(parts[first & (parts > 0)] == SACRUM) and not labels[first].any()
    sacrum_mm = sacrum_top_mm(parts == SACRUM, SPACING)
    assert name_levels([one.centre_mm for one in members], [1.0] * 3, sacrum_mm).names == ("L3", "L4", "L5")


def test_a_hip_that_hangs_on_the_sacrum_by_a_thin_bridge_is_not_the_sacrums():
    parts = np.zeros((40, 50, 60), np.uint8)
    sacrum, hip = np.s_[8:30, 15:30, 15:35], np.s_[2:14, 32:42, 46:52]
    parts[sacrum] = SACRUM
    parts[20:26, 20:24, 20:30] = 0  # marrow that the network left out
    parts[10, 29:34, 34] = parts[10, 33, 34:47] = SACRUM  # through the joint
    parts[hip] = SACRUM
    true = np.zeros(parts.shape, bool)
    true[sacrum] = parts[sacrum] == SACRUM
    found = sacrum_of(parts, [], SPACING)
    assert not found[hip].any()
    # What of the bridge lies within 8 mm of the sacrum may stay: a few voxels.
    assert np.array_equal(found[true], true[true]) and np.count_nonzero(found & ~true) < 8


def test_a_sacrum_that_is_thin_everywhere_stays_as_it_was_found():
    parts = np.zeros((40, 50, 60), np.uint8)
    parts[5:35, 20:22, 10:50] = SACRUM
    assert np.array_equal(sacrum_of(parts, [], SPACING), parts == SACRUM)


def test_an_l5_whose_arch_a_tumour_took_is_no_sacrum(column):
    parts, instances, _, offsets = column
    parts[(instances == 24) & (parts == ARCH)] = 0
    labels, members = group(parts, offsets, SPACING)
    assert len(without_sacral(labels, members, parts, SPACING)[1]) == 3


def test_without_sacrum_the_vertebrae_are_only_counted():
    parts, _, centres = block_column(sacrum=False)
    assert sacrum_top_mm(parts == SACRUM, SPACING) is None
    levels = name_levels(centres * SPACING, [1.0] * 3, None)
    assert levels.names == ("vertebra 1", "vertebra 2", "vertebra 3") and levels.confidence == 0.0


def test_a_sacrum_far_below_the_lowest_vertebra_names_nothing(column):
    parts, _, centres, _ = column
    levels = name_levels(centres[:1] * SPACING, [1.0], sacrum_top_mm(parts == SACRUM, SPACING))
    assert levels.source == "count"


def test_the_level_that_the_user_names_decides(column):
    _, _, centres, _ = column
    assert name_levels(centres * SPACING, [1.0] * 3, None, (1, "T12")).names == ("T11", "T12", "L1")
    with pytest.raises(SpineError, match="do not fit"):
        name_levels(centres * SPACING, [1.0] * 3, None, (2, "C1"))
    with pytest.raises(SpineError, match="no vertebra 'X9'"):
        name_levels(centres * SPACING, [1.0] * 3, None, (2, "X9"))


def test_the_lowest_vertebra_is_named_in_letters_of_either_case_and_counted_from_above_in_errors(column):
    _, _, centres, _ = column
    assert name_levels(centres * SPACING, [1.0] * 3, None, (-1, " t12")).names == ("T10", "T11", "T12")
    with pytest.raises(SpineError, match="3 vertebrae were found, and with C2 as number 3 from above"):
        name_levels(centres * SPACING, [1.0] * 3, None, (-1, "c2"))


def test_a_vertebra_that_was_overlooked_is_counted_and_told():
    centres = np.array([(z, 0.0, 0.0) for z in (200, 170, 140, 80, 50)])
    levels = name_levels(centres, [1.0] * 5, np.array([20.0, 0, 0]))
    assert levels.names == ("T12", "L1", "L2", "L4", "L5")
    assert "3 and 4" in levels.notes[0] and levels.confidence < 1


@pytest.mark.parametrize("order", ["LPS", "RAS", "PIR", "ASL", "SRA"])
def test_the_grid_is_upright_in_any_axis_order_and_labels_come_back_to_their_voxels(order):
    rng = np.random.default_rng(2)
    image = sitk.GetImageFromArray(rng.normal(size=(12, 14, 16)).astype(np.float32))
    image.SetSpacing((1.0, 1.5, 2.0))
    image.SetOrigin((10.0, -20.0, 30.0))
    turned = sitk.DICOMOrient(image, order)
    volume = Volume(
        sitk.GetArrayFromImage(turned),
        turned.GetSpacing(),
        turned.GetOrigin(),
        np.array(turned.GetDirection()).reshape(3, 3),
    )
    grid = ColumnGrid.of(volume, (2.0, 1.5, 1.0))  # its own voxels
    assert np.array_equal(grid.image, sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS")))
    assert np.array_equal(grid.to_source(grid.image, "again").array, volume.array)
    assert np.allclose(grid.lps((4.0, 3.0, 5.0)), image.TransformIndexToPhysicalPoint((5, 2, 2)))


def test_places_keep_their_lps_when_the_grid_is_another():
    volume = Volume(np.zeros((20, 20, 20), np.float32), (1.0, 1.0, 1.0), (5.0, 6.0, 7.0), np.eye(3))
    volume.array[8, 9, 10] = 1
    grid = ColumnGrid.of(volume, (2.0, 2.0, 2.0))
    peak = np.array(np.unravel_index(grid.image.argmax(), grid.image.shape)) * grid.spacing
    assert np.abs(np.array(grid.lps(tuple(peak))) - (15, 15, 15)).max() <= 1.0  # half a voxel of the coarse grid


@pytest.mark.parametrize("order", ["LPS", "RAS", "PIR", "ASL", "SRA"])
def test_of_the_grid_a_box_of_the_image_gets_the_same_voxels_as_all_of_it(order):
    rng = np.random.default_rng(3)
    image = sitk.GetImageFromArray(rng.normal(size=(22, 24, 26)).astype(np.float32))
    image.SetSpacing((1.0, 1.5, 2.5))
    turned = sitk.DICOMOrient(image, order)
    direction = np.array(turned.GetDirection()).reshape(3, 3)
    volume = Volume(sitk.GetArrayFromImage(turned), turned.GetSpacing(), turned.GetOrigin(), direction)
    grid = ColumnGrid.of(volume, (2.0, 2.0, 2.0))
    box = (slice(3, 15), slice(0, 9), slice(8, 22))
    for array in (grid.image, (grid.image > 0).astype(np.uint8)):
        part, whole = grid.within(box).to_source(array, "part"), grid.to_source(array, "whole")
        # Sums of the same numbers in another order.
        assert np.allclose(part.array, whole.array[box], atol=1e-6)
        assert np.allclose(part.origin, (whole.ijk_to_lps @ (8, 0, 3, 1))[:3])
