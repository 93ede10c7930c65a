"""The kernel maximum mean discrepancy against its definition."""

import numpy as np
import pytest

from SpineLib.metrics.mmd import kernel_mmd

RNG = np.random.default_rng(2)


def kernel(a, b, bandwidth):
    return np.exp(-((a - b) ** 2).sum() / (2 * bandwidth**2))


def mean(first, second, bandwidth, *, with_itself=True):
    values = [
        kernel(a, b, bandwidth) for n, a in enumerate(first) for m, b in enumerate(second) if with_itself or n != m
    ]
    return sum(values) / len(values)


def test_both_estimates_are_what_loops_over_all_pairs_give():
    x, y = RNG.normal(size=(7, 3, 4)), RNG.normal(0.5, 1.2, size=(9, 3, 4))
    found = kernel_mmd(x, y, bandwidth=2.5)
    cross = 2 * mean(x, y, 2.5)
    assert found.biased == pytest.approx(mean(x, x, 2.5) + mean(y, y, 2.5) - cross, rel=1e-9)
    assert found.unbiased == pytest.approx(
        mean(x, x, 2.5, with_itself=False) + mean(y, y, 2.5, with_itself=False) - cross, rel=1e-9
    )


def test_the_bandwidth_is_the_median_distance_of_the_first_set():
    x, y = RNG.normal(size=(8, 5)), RNG.normal(size=(6, 5))
    distances = [np.linalg.norm(x[n] - x[m]) for n in range(8) for m in range(n)]
    assert kernel_mmd(x, y).bandwidth == pytest.approx(np.median(distances), rel=1e-9)
    assert kernel_mmd(x, y * 9).bandwidth == kernel_mmd(x, y).bandwidth


def test_a_set_is_no_distance_from_itself():
    x = RNG.normal(size=(12, 20))
    assert kernel_mmd(x, x).biased == pytest.approx(0, abs=1e-12)


def test_the_unbiased_estimate_is_around_zero_for_one_distribution_and_not_for_two():
    drawn = [kernel_mmd(RNG.normal(size=(30, 6)), RNG.normal(size=(30, 6))).unbiased for _ in range(60)]
    moved = [kernel_mmd(RNG.normal(size=(30, 6)), RNG.normal(1.0, size=(30, 6))).unbiased for _ in range(20)]
    # Three standard errors; and a shift by one deviation in each of six dimensions is far outside.
    assert abs(np.mean(drawn)) < 3 * np.std(drawn) / np.sqrt(60)
    assert min(moved) > max(drawn)


def test_images_with_other_pixels_are_farther_the_more_they_differ():
    x = RNG.random((20, 8, 8))
    near, far = (kernel_mmd(x, RNG.random((20, 8, 8)) + shift).biased for shift in (0.05, 0.4))
    assert 0 < near < far


@pytest.mark.parametrize(
    ("first", "second"),
    [(np.zeros((1, 4)), np.zeros((5, 4))), (np.zeros((5, 4)), np.zeros((5, 3))), (np.zeros((5, 4)), np.zeros((5, 4)))],
)
def test_what_cannot_be_compared_is_refused(first, second):
    with pytest.raises(ValueError):
        kernel_mmd(first, second)
