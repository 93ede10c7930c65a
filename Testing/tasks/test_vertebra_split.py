"""A mask of the spine becomes its vertebrae, whole or damaged, simulated or real."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLib.preprocess.ct import axial_orientation
from SpineLib.tasks.ct.vertebra_split import split_vertebrae
from SpineLib.volume import read_volume
from Testing.tasks.simulated_spine import HEIGHT, PITCH, spine

SPACING = (1.5, 1.5, 1.5)


def dice(found: np.ndarray, truth: np.ndarray) -> dict[int, float]:
    """Of each true vertebra with the number that most of it got."""
    values = {}
    for number in np.unique(truth)[1:]:
        inside = truth == number
        best = np.bincount(found[inside], minlength=2)[1:].argmax() + 1
        values[int(number)] = (
            2
            * np.count_nonzero(inside & (found == best))
            / (np.count_nonzero(inside) + np.count_nonzero(found == best))
        )
    return values


@pytest.fixture(scope="module")
def whole():
    return spine()


def test_vertebrae_that_touch_at_their_joints_are_separated_and_counted_from_above(whole):
    probability, truth = whole
    found = split_vertebrae(probability, 0.5, SPACING)
    assert found.max() == 3 and found.dtype == np.uint8
    assert [int(np.bincount(found[truth == n]).argmax()) for n in (1, 2, 3)] == [1, 2, 3]
    assert min(dice(found, truth).values()) > 0.9


def test_every_voxel_of_the_mask_belongs_to_one_vertebra_and_no_other_does(whole):
    probability, _ = whole
    np.testing.assert_array_equal(split_vertebrae(probability, 0.5, SPACING) > 0, probability >= 0.5)


@pytest.mark.parametrize("radius", [6.0, 11.0])
def test_a_lytic_hole_splits_nothing(whole, radius):
    probability, truth = (array.copy() for array in whole)
    z, y, x = np.indices(truth.shape) * 1.5
    hole = (z - 12 - PITCH - HEIGHT / 2) ** 2 + (y - 20) ** 2 + (x - 35) ** 2 < radius**2
    probability[hole], truth[hole] = 0, 0
    found = split_vertebrae(probability, 0.5, SPACING)
    assert found.max() == 3
    assert min(dice(found, truth).values()) > 0.88


def test_a_body_of_which_half_is_gone_is_still_one_vertebra(whole):
    probability, truth = (array.copy() for array in whole)
    z, y, _ = np.indices(truth.shape) * 1.5
    gone = (z > 12 + PITCH + HEIGHT / 2) & (z < 12 + PITCH + HEIGHT) & (y < 38)
    probability[gone], truth[gone] = 0, 0
    found = split_vertebrae(probability, 0.5, SPACING)
    assert found.max() == 3
    assert min(dice(found, truth).values()) > 0.85


def test_discs_that_were_taken_for_bone_are_still_where_there_is_least_of_it():
    probability, truth = spine(disc=0.55)
    found = split_vertebrae(probability, 0.5, SPACING)
    disc = split_vertebrae(np.where(truth > 0, probability, 0), 0.5, SPACING)
    assert found.max() == disc.max() == 3


def test_no_bone_is_no_vertebra():
    assert not split_vertebrae(np.zeros((20, 20, 20), np.float32), 0.5, SPACING).any()


def test_what_is_nowhere_as_thick_as_a_body_is_no_vertebra():
    ribs = np.zeros((40, 40, 40), np.float32)
    ribs[::6, 10:12] = 1
    assert not split_vertebrae(ribs, 0.5, SPACING).any()


def test_hips_far_below_and_ribs_far_aside_are_no_vertebrae():
    probability, truth = spine(levels=2)
    below = np.zeros((70, *truth.shape[1:]), np.float32)
    below[-24:, 5:30, 5:30] = below[-24:, 5:30, -24:] = 0.95  # two hips, 70 mm below
    aside = np.pad(np.concatenate([probability, below]), ((0, 0), (0, 0), (30, 30)))
    aside[30:33, 25:28] = 0.95  # a rib through all columns, joined to the column
    found = split_vertebrae(aside, 0.5, SPACING)
    assert found.max() == 2
    assert not found[len(truth) :].any() and not found[:, :, :16].any() and not found[:, :, -16:].any()
    assert min(dice(found[: len(truth), :, 30:-30], truth).values()) > 0.9


def test_specks_of_noise_belong_to_no_vertebra(whole):
    probability, truth = whole
    noisy = probability.copy()
    noisy[2:60:9, 3:5, 3:5] = 0.9
    found = split_vertebrae(noisy, 0.5, SPACING)
    assert not found[:, :5, :5].any() and found.max() == 3


def test_one_vertebra_alone_is_one():
    probability, truth = spine(levels=1)
    found = split_vertebrae(probability, 0.5, SPACING)
    np.testing.assert_array_equal(found, truth)


@pytest.mark.parametrize(
    ("file", "first", "least"),
    [("mr_other/sub-ct_seg-vert_label-22_msk.nii.gz", 1, 0.9), ("ct_spine/sub-verse012_seg-vert_msk.nii.gz", 21, 0.88)],
)
def test_real_masks_are_split_as_the_reader_did(shared_data, file, first, least):
    volume = read_volume(shared_data / file)
    turn = axial_orientation(volume)
    truth = np.ascontiguousarray(turn.apply(np.where(volume.array >= first, volume.array, 0)))
    spacing = tuple(volume.spacing[2 - axis] for axis in turn.axes)
    found = split_vertebrae((truth > 0).astype(np.float32), 0.5, spacing)
    assert found.max() == len(np.unique(truth)) - 1
    assert min(dice(found, truth).values()) > least
