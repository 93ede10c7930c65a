"""Overlap measures: known values, and what empty masks give."""

import math

import numpy as np
import pytest

from SpineLib.metrics.overlap import lesion_matches, overlap


def _mask(*slices, shape=(4, 10, 10)):
    mask = np.zeros(shape, np.uint8)
    for index, part in enumerate(slices, start=1):
        mask[part] = index
    return mask


def test_dice_sensitivity_and_specificity_of_two_boxes():
    reference, prediction = np.zeros((1, 10, 10)), np.zeros((1, 10, 10))
    reference[0, 0:4, 0:5], prediction[0, 2:6, 0:5] = 1, 1
    result = overlap(reference, prediction)
    assert result.dice == pytest.approx(0.5)
    assert result.tpr == pytest.approx(0.5)
    assert result.tnr == pytest.approx(70 / 80)
    assert (result.reference_voxels, result.prediction_voxels, result.common_voxels) == (20, 20, 10)


def test_lesion_ids_count_as_foreground():
    reference = _mask(np.s_[0], np.s_[1])
    assert overlap(reference, reference > 0).dice == 1


def test_two_empty_masks_have_no_dice_and_no_sensitivity_but_full_specificity():
    empty = np.zeros((2, 3, 4))
    result = overlap(empty, empty)
    assert math.isnan(result.dice) and math.isnan(result.tpr) and result.tnr == 1


def test_one_empty_mask_gives_dice_0():
    empty, full = np.zeros((2, 3, 4)), np.ones((2, 3, 4))
    assert overlap(empty, full).dice == 0 and math.isnan(overlap(empty, full).tpr)
    assert overlap(full, empty).dice == 0 and overlap(full, empty).tpr == 0 and math.isnan(overlap(full, empty).tnr)


def test_masks_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="shape"):
        overlap(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="shape"):
        lesion_matches(np.zeros((2, 2)), np.zeros((2, 3)))


def test_a_lesion_is_found_from_a_tenth_of_its_volume_on():
    reference = _mask(np.s_[0, :, :], np.s_[3, :, :])
    prediction = np.zeros_like(reference)
    prediction[0, 0, :] = 1
    prediction[3, 0, :9] = 1
    matches = lesion_matches(reference, prediction)
    assert matches.found == (1,) and matches.missed == (2,)
    assert matches.false_positives == ()


def test_a_predicted_component_that_touches_no_lesion_is_a_false_positive():
    reference = _mask(np.s_[0, :3, :3])
    prediction = _mask(np.s_[0, :3, :3], np.s_[3, 6:8, 6:8], np.s_[3, 0, 9])
    matches = lesion_matches(reference, prediction)
    assert matches.found == (1,) and len(matches.false_positives) == 2
    sizes = sorted(int((matches.predicted == i).sum()) for i in matches.false_positives)
    assert sizes == [1, 4]
    assert len(lesion_matches(reference, prediction, least_voxels=2).false_positives) == 1


def test_a_boolean_reference_is_split_into_its_components():
    reference = _mask(np.s_[0, :3, :3], np.s_[3, 6:8, 6:8]) > 0
    assert lesion_matches(reference, reference).found == (1, 2)


def test_one_component_may_find_two_lesions_and_an_empty_prediction_finds_none():
    reference = _mask(np.s_[0, :, :5], np.s_[0, :, 5:])
    assert lesion_matches(reference, reference > 0).found == (1, 2)
    assert lesion_matches(reference, reference * 0).missed == (1, 2)
