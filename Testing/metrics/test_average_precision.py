"""Average precision agrees with what is worked out by hand."""

import numpy as np
import pytest

from SpineLib.metrics.average_precision import ImageBoxes, overlaps, precision_recall

BOX = (0.0, 0.0, 10.0, 10.0)
SHIFTED = (3.0, 0.0, 13.0, 10.0)  # overlaps BOX by 70 / 130 = 0.54
FAR = (50.0, 50.0, 60.0, 60.0)
NONE = np.zeros((0, 4))


def test_average_precision_of_a_case_worked_out_by_hand():
    images = [
        ImageBoxes([BOX, FAR], [0.9, 0.7], [BOX]),
        ImageBoxes([SHIFTED, FAR], [0.6, 0.8], [BOX]),
        ImageBoxes(NONE, [], [BOX]),
    ]
    curve = precision_recall(images)
    # In the order 0.9 hit, 0.8 false, 0.7 false, 0.6 hit, of three truths.
    assert curve.precision.tolist() == [1, 1 / 2, 1 / 3, 1 / 2]
    assert curve.recall.tolist() == [1 / 3, 1 / 3, 1 / 3, 2 / 3]
    # A third at precision 1, the next third at 1/2, the last is never reached.
    assert curve.average_precision == pytest.approx(1 / 3 + 1 / 6)
    assert curve.at(0.75) == (1 / 2, 1 / 3) and curve.at(0.95)[1] == 0


def test_precision_at_a_recall_is_the_best_of_any_higher_one():
    images = [ImageBoxes([FAR, BOX], [0.9, 0.8], [BOX])]
    assert precision_recall(images).average_precision == 0.5


def test_a_second_box_on_the_same_truth_is_false():
    curve = precision_recall([ImageBoxes([BOX, SHIFTED], [0.9, 0.8], [BOX])])
    assert curve.precision.tolist() == [1, 1 / 2]


def test_a_box_that_overlaps_too_little_is_false():
    assert precision_recall([ImageBoxes([SHIFTED], [0.9], [BOX])], overlap=0.55).average_precision == 0


def test_all_found_and_nothing_else_is_1_nothing_found_is_0_and_nothing_to_find_is_no_number():
    assert precision_recall([ImageBoxes([BOX, FAR], [0.2, 0.1], [FAR, BOX])]).average_precision == 1
    assert precision_recall([ImageBoxes(NONE, [], [BOX])]).average_precision == 0
    assert np.isnan(precision_recall([ImageBoxes([BOX], [0.5], NONE)]).average_precision)
    assert np.isnan(precision_recall([]).average_precision)


def test_boxes_in_space_overlap_by_their_volumes():
    first, second = np.array([[0.0, 0, 0, 2, 2, 2]]), np.array([[1.0, 0, 0, 3, 2, 2], [0, 0, 5, 2, 2, 6]])
    assert overlaps(first, second).tolist() == [[pytest.approx(1 / 3), 0]]
