"""From likelihood maps to what FROC counts."""

from types import SimpleNamespace

import numpy as np
import pytest

from SpineLab.evaluation.marks import case_tally, largest_areas_cm2, slices_tally
from SpineLib.tasks.detection.column import within
from SpineLib.volume import Volume


@pytest.fixture
def case():
    """Five sagittal slices (last axis) of 60 x 80 mm at 1 mm, 4 mm apart: a lesion in slices 1 and 2, found in both,

    and a bright place far from it in slice 4.
    """
    likelihood, lesions = np.zeros((60, 80, 5), np.float32), np.zeros((60, 80, 5), np.uint8)
    lesions[10:20, 10:20, 1:3] = 7
    likelihood[8:22, 8:22, 1] = 0.9
    likelihood[8:22, 8:22, 2] = 0.5
    likelihood[40:52, 60:72, 4] = 0.7
    return Volume(likelihood, (4.0, 1.0, 1.0)), lesions


def test_each_slice_counts_by_itself_and_the_case_is_their_mean(case):
    tally = slices_tally(*case, thresholds=(0.8, 0.6, 0.4), smallest_cm2=1.0)
    np.testing.assert_allclose(tally.found, [0.5, 0.5, 1.0])
    np.testing.assert_allclose(tally.false_positives, [0, 0.2, 0.2])


def test_regions_smaller_than_the_smallest_are_dropped(case):
    assert slices_tally(*case, thresholds=(0.4,), smallest_cm2=1.44).false_positives[0] == pytest.approx(0.2)
    assert slices_tally(*case, thresholds=(0.4,), smallest_cm2=1.45).false_positives[0] == 0
    assert slices_tally(*case, thresholds=(0.4,), smallest_cm2=1.97).found[0] == 0


def test_what_lies_beyond_the_vertebral_column_is_dropped(case):
    likelihood, lesions = case
    column = np.zeros(lesions.shape, np.uint8)
    column[:, :40] = 1
    tally = slices_tally(within(likelihood, likelihood.with_array(column)), lesions, (0.4,), 1.0)
    assert tally.false_positives[0] == 0 and tally.found[0] == 1


def test_the_axis_order_of_the_map_does_not_matter(case):
    likelihood, lesions = case
    turned = Volume(
        np.ascontiguousarray(likelihood.array.transpose(2, 0, 1)), (1.0, 1.0, 4.0), direction=np.eye(3)[:, [1, 2, 0]]
    )
    one = slices_tally(likelihood, lesions, (0.8, 0.4), 1.0)
    two = slices_tally(turned, lesions.transpose(2, 0, 1), (0.8, 0.4), 1.0)
    np.testing.assert_allclose(one.found, two.found)
    np.testing.assert_allclose(one.false_positives, two.false_positives)


def test_the_distance_is_measured_in_mm_in_the_slice():
    likelihood, lesions = np.zeros((40, 60, 1), np.float32), np.zeros((40, 60, 1), np.uint8)
    lesions[20, 10, 0] = 1
    likelihood[20, 19, 0] = 1  # nine pixels of 2 mm: 18 mm
    assert slices_tally(Volume(likelihood, (4.0, 2.0, 1.0)), lesions, (0.5,), 0).found[0] == 1
    assert slices_tally(Volume(likelihood, (4.0, 2.5, 1.0)), lesions, (0.5,), 0).found[0] == 0


def test_in_3d_what_the_user_is_shown_counts_lesion_by_lesion(case):
    likelihood, lesions = case
    centre = (-(4 * 1.5), -14.5, 14.5)  # of the lesion, RAS
    found = [
        [],
        [SimpleNamespace(centre_ras_mm=centre)],
        [SimpleNamespace(centre_ras_mm=centre), SimpleNamespace(centre_ras_mm=(-16.0, -65.5, 45.5))],
    ]
    tally = case_tally(found, likelihood.with_array(lesions))
    assert tally.lesions == 1
    np.testing.assert_array_equal(tally.found, [0, 1, 1])
    np.testing.assert_array_equal(tally.false_positives, [0, 0, 1])


def test_a_lesion_s_area_is_that_of_its_largest_slice(case):
    likelihood, lesions = case
    lesions[10:20, 10:15, 2] = 0
    assert largest_areas_cm2(likelihood.with_array(lesions)) == {7: pytest.approx(1.0)}
