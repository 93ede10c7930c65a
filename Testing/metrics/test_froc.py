"""FROC: what hits, how cases and slices are averaged, operating points, and the bootstrap between two methods."""

import numpy as np
import pytest

from SpineLib.metrics.froc import (
    Froc,
    Marks,
    Tally,
    average_slices,
    compare,
    estimate,
    false_positives_at,
    froc_of_cases,
    froc_of_slices,
    hits,
    mean_sensitivity,
    sensitivity_at,
    tally,
    tally_each,
)

NONE = np.zeros((0, 2))


def marks(positions, scores, lesions):
    return Marks(np.array(positions, float), scores, np.array(lesions, float))


def test_a_mark_hits_the_nearest_lesion_whose_centre_is_within_20_mm():
    lesions = np.array([[0.0, 0], [30, 0]])
    np.testing.assert_array_equal(hits(np.array([[14.0, 0], [16, 0], [30, 20], [30, 20.1]]), lesions), [0, 1, 1, -1])
    assert len(hits(NONE, lesions)) == 0
    np.testing.assert_array_equal(hits(np.array([[1.0, 1]]), NONE), [-1])


def test_two_marks_on_one_lesion_find_it_once_and_are_no_false_positives():
    one = tally(marks([[0, 1], [0, 5], [90, 90]], [0.9, 0.6, 0.7], [[0, 0]]), np.array([0.9, 0.7, 0.6]))
    np.testing.assert_array_equal(one.found, [1, 1, 1])
    np.testing.assert_array_equal(one.false_positives, [0, 1, 1])


def test_marks_in_a_case_without_lesion_are_all_false():
    one = tally(marks([[0, 1], [5, 5]], [0.9, 0.4], NONE), np.array([0.5, 0.1]))
    assert one.lesions == 0 and one.found.tolist() == [0, 0] and one.false_positives.tolist() == [1, 2]


def test_a_curve_by_lesions_goes_over_every_score():
    cases = [
        marks([[0, 0], [90, 0]], [0.8, 0.9], [[1, 0], [0, 50]]),
        marks([[0, 3], [90, 0]], [0.7, 0.2], [[0, 0]]),
        marks([[0, 0]], [0.5], NONE),
    ]
    froc = froc_of_cases(cases)
    np.testing.assert_array_equal(froc.thresholds, [np.inf, 0.9, 0.8, 0.7, 0.5, 0.2])
    np.testing.assert_allclose(froc.sensitivity, np.array([0, 0, 1, 2, 2, 2]) / 3)
    np.testing.assert_allclose(froc.false_positives, np.array([0, 1, 1, 1, 2, 3]) / 3)


def test_a_case_is_the_mean_of_its_slices_and_only_slices_with_a_lesion_have_a_rate():
    slices = [
        marks([[0, 0]], [0.9], [[0, 0], [60, 0]]),
        marks([[9, 9]], [0.8], [[0, 0]]),
        marks([[0, 0]], [0.7], NONE),
        marks(NONE, [], NONE),
    ]
    case = average_slices([tally(one, np.array([0.85, 0.6])) for one in slices])
    np.testing.assert_allclose(case.found, [0.25, 0.75])  # (1/2 + 0) / 2, then (1/2 + 1) / 2
    np.testing.assert_allclose(case.false_positives, [0, 0.25])
    assert case.lesions == 1 and average_slices([tally(slices[2], np.array([0.6]))]).lesions == 0


def test_in_the_paper_s_average_a_case_with_many_slices_weighs_no_more_than_one_with_few():
    found = [marks([[0, 0]], [0.9], [[0, 0]])]
    missed = marks(NONE, [], [[0, 0]])
    assert froc_of_slices([found, [missed] * 7]).sensitivity[-1] == pytest.approx(0.5)


def test_maps_thresholded_anew_are_counted_threshold_by_threshold():
    # Two regions that merge as the threshold falls: the centre of the merged one is 25 mm off.
    lesion = [[0, 0]]
    one = tally_each(
        [marks([[0, 0]], [1], lesion), marks([[0, 0], [50, 0]], [1, 1], lesion), marks([[25, 0]], [1], lesion)]
    )
    assert one.found.tolist() == [1, 1, 0] and one.false_positives.tolist() == [0, 1, 1]


def test_operating_points_take_the_best_threshold_and_never_interpolate():
    froc = Froc([0.9, 0.6, 0.3], [Tally(np.array([5.0, 9, 10]), 10, np.array([0.2, 0.4, 0.3]))])
    assert froc.sensitivity_at(0.19) == 0 and froc.sensitivity_at(0.2) == 0.5 and froc.sensitivity_at(0.3) == 1
    assert froc.false_positives_at(0.5) == 0.2 and froc.false_positives_at(0.9) == pytest.approx(0.3)
    assert froc.mean_sensitivity(0.5) == pytest.approx((0.2 * 0 + 0.1 * 0.5 + 0.2 * 1.0) / 0.5)
    worse = Froc([0.5], [Tally(np.array([4.0]), 10, np.array([1.0]))])
    assert worse.false_positives_at(0.9) == np.inf and worse.mean_sensitivity(0.5) == 0


def random_cases(seed, n=26, quality=2.0):
    """Cases of one or two lesions, each marked with a score that is higher for lesions."""
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(n):
        lesions = np.array([[0.0, 0, 0], [0, 0, 100]])[: rng.integers(1, 3)]
        false = rng.uniform(300, 900, (rng.poisson(1.5), 3))
        scores = 1 / (1 + np.exp(-np.r_[rng.normal(quality, 1, len(lesions)), rng.normal(0, 1, len(false))]))
        cases.append(Marks(np.r_[lesions + rng.uniform(-5, 5, lesions.shape), false], scores, lesions))
    return cases


def test_the_curve_is_what_counting_by_hand_gives_at_every_threshold():
    cases = random_cases(1)
    froc = froc_of_cases(cases)
    for threshold, sensitivity, false in zip(froc.thresholds, froc.sensitivity, froc.false_positives, strict=True):
        found = wrong = lesions = 0
        for case in cases:
            shown = [p for p, s in zip(case.positions, case.scores, strict=True) if s >= threshold]
            lesions += len(case.lesions)
            found += sum(any(np.linalg.norm(p - one) <= 20 for p in shown) for one in case.lesions)
            wrong += sum(all(np.linalg.norm(p - one) > 20 for one in case.lesions) for p in shown)
        assert (sensitivity, false) == pytest.approx((found / lesions, wrong / len(cases)))


def test_the_curve_is_that_of_picai_eval_where_each_lesion_has_at_most_one_mark():
    # picai_eval matches by overlap and calls a second mark on a lesion false; without second marks, and with marks
    # that overlap a lesion or lie far from all, both definitions say the same.
    picai_eval = pytest.importorskip("picai_eval")
    rng = np.random.default_rng(5)
    maps, truths, cases = [], [], []
    for _ in range(12):
        truth, found = np.zeros((10, 120, 40), np.uint8), np.zeros((10, 120, 40), np.float32)
        positions, scores, lesions = [], [], []
        for row in rng.permutation([12, 60, 108])[: rng.integers(0, 4)]:
            lesions.append((5, row, 10))
            truth[3:8, row - 4 : row + 5, 6:15] = 1
            if rng.random() < 0.8:
                score = float(np.float32(rng.random()))
                found[3:8, row - 3 : row + 6, 6:15] = score
                positions.append((5, row + 1, 10))
                scores.append(score)
        for row in rng.permutation([20, 60, 100])[: rng.integers(0, 3)]:
            score = float(np.float32(rng.random()))
            found[4:7, row - 2 : row + 3, 35:40] = score
            positions.append((5, row, 37))
            scores.append(score)
        maps.append(found)
        truths.append(truth)
        cases.append(Marks(np.reshape(positions, (-1, 3)), scores, np.reshape(lesions, (-1, 3))))
    theirs = picai_eval.evaluate(y_det=maps, y_true=truths, num_parallel_calls=1, verbose=False)
    ours = froc_of_cases(cases)
    finite = np.isfinite(theirs.lesion_FPR)  # it ends its curve with a point at infinity
    np.testing.assert_allclose(theirs.lesion_TPR[finite], ours.sensitivity[1:], atol=1e-6)
    np.testing.assert_allclose(theirs.lesion_FPR[finite], ours.false_positives[1:], atol=1e-6)
    assert ours.sensitivity[-1] < 1 and len(ours.thresholds) > 20


def test_resampling_case_by_case_gives_the_same_curve_as_weights():
    cases = random_cases(2)
    froc = froc_of_cases(cases)
    drawn = np.random.default_rng(3).integers(0, len(cases), len(cases))
    sensitivity, false = froc.resampled(np.bincount(drawn, minlength=len(cases))[None].astype(float))
    again = froc_of_cases([cases[n] for n in drawn])
    statistic = mean_sensitivity(0.5)
    assert statistic(sensitivity, false)[0] == pytest.approx(again.mean_sensitivity(0.5))
    assert sensitivity_at(0.2)(sensitivity, false)[0] == pytest.approx(again.sensitivity_at(0.2))
    assert false_positives_at(0.9)(sensitivity, false)[0] == pytest.approx(again.false_positives_at(0.9))


def test_a_method_compared_with_itself_does_not_differ():
    froc = froc_of_cases(random_cases(4))
    same = compare(froc, froc, mean_sensitivity(), samples=500)
    assert same.p == 1 and same.first == same.second


def test_a_much_better_method_is_significant_and_the_order_of_the_two_does_not_matter():
    good, poor = froc_of_cases(random_cases(6, quality=4)), froc_of_cases(random_cases(6, quality=0))
    result = compare(good, poor, mean_sensitivity(), samples=2000)
    assert result.first.value > result.second.value and result.p == pytest.approx(2 / 2001)
    assert compare(poor, good, mean_sensitivity(), samples=2000).p == result.p
    assert result.first.low <= result.first.value <= result.first.high


def test_p_values_of_equally_good_methods_are_spread_evenly():
    # Two detectors of one quality on the same lesions: about 1 of 10 tests is below 0.1. With 100 tests a false alarm
    # of this test (5 standard deviations) is out of the question; a one-sided or unpaired p would show.
    values = [
        compare(
            froc_of_cases(random_cases(seed, 20)),
            froc_of_cases(random_cases(seed + 10_000, 20)),
            mean_sensitivity(),
            samples=200,
        ).p
        for seed in range(100)
    ]
    assert abs(np.mean(np.array(values) < 0.1) - 0.1) < 0.15
    assert 0.3 < np.mean(values) < 0.7


def test_the_bootstrap_is_repeatable_and_takes_20000_samples():
    froc = froc_of_cases(random_cases(7))
    other = froc_of_cases(random_cases(8))
    assert compare(froc, other, mean_sensitivity()).samples == 20_000
    assert estimate(froc, sensitivity_at(0.5), seed=3) == estimate(froc, sensitivity_at(0.5), seed=3)


def test_samples_that_drew_only_healthy_cases_are_left_out():
    cases = [marks([[0, 0]], [0.9], [[0, 0]])] + [marks([[0, 0]], [0.4], NONE)] * 2
    assert estimate(froc_of_cases(cases), sensitivity_at(1.0), samples=300).low == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: froc_of_cases([marks([[0, 0]], [0.4], NONE)]), "at least one case with a lesion"),
        (lambda: marks([[0, 0]], [0.4, 0.5], NONE), "1 positions and 2 scores"),
        (lambda: marks([[0, 0]], [np.nan], NONE), "finite"),
        (lambda: Froc([0.1, 0.5], [Tally(np.ones(2), 1, np.ones(2))]), "decrease"),
        (lambda: Froc([0.5], [Tally(np.ones(2), 1, np.ones(2))]), "every threshold"),
        (
            lambda: compare(froc_of_cases(random_cases(1)), froc_of_cases(random_cases(1, 5)), mean_sensitivity()),
            "26 and 5 cases",
        ),
    ],
)
def test_what_cannot_be_counted_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
