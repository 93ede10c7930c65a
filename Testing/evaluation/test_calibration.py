"""Reliability counts what is there, and the fit brings probabilities to what they say."""

import numpy as np
import pytest

from SpineLab.evaluation.calibration import LEAST, fitted, reliability
from SpineLab.reports.reliability_chart import reliability_chart
from SpineLib.tasks.segmentation.lesions import calibrated, uncalibrated


@pytest.fixture
def boasting():
    """A model whose logits are twice what they should be, and half too high."""
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 1.5, 200_000)
    lesion = rng.random(honest.size) < 1 / (1 + np.exp(-honest))
    return 1 / (1 + np.exp(-(2 * honest + 0.5))), lesion


def test_an_honest_model_lies_on_the_diagonal():
    rng = np.random.default_rng(1)
    p = rng.uniform(0.02, 1, 200_000)
    result = reliability(p, rng.random(p.size) < p)
    assert result.share == pytest.approx(
        result.probability, abs=0.02
    )  # 20,000 voxels a bin: 3 standard errors are 0.01
    assert result.expected_error < 0.01 and result.voxels.sum() == p.size


def test_the_fit_finds_slope_and_shift_and_makes_it_honest(boasting):
    probability, lesion = boasting
    slope, shift = fitted(probability, lesion)
    assert (slope, shift) == (pytest.approx(0.5, abs=0.02), pytest.approx(-0.25, abs=0.03))
    before, after = reliability(probability, lesion), reliability(calibrated(probability, (slope, shift)), lesion)
    assert before.expected_error > 0.08 and after.expected_error < 0.01


def test_the_fit_holds_for_a_model_that_is_nearly_always_certain_and_often_wrong():
    """Newton's steps alone run away from there."""
    rng = np.random.default_rng(3)
    logit = rng.normal(6.0, 6.0, 40_000)
    lesion = rng.random(len(logit)) < 1 / (1 + np.exp(-(0.15 * logit - 0.3)))
    probability = 1 / (1 + np.exp(-logit))
    near = (probability >= LEAST) & (probability < 1 - 1e-6)
    slope, shift = fitted(probability[near], lesion[near])
    assert slope == pytest.approx(0.15, abs=0.01) and shift == pytest.approx(-0.3, abs=0.05)


def test_no_calibration_leaves_probabilities_alone(boasting):
    assert calibrated(boasting[0], (1.0, 0.0)) is boasting[0]


def test_where_there_is_nothing_to_fit_nothing_is_changed():
    assert fitted(np.full(10, 0.7), np.ones(10, bool)) == (1.0, 0.0)


def test_the_plot_holds_a_dot_for_each_bin_with_voxels(boasting):
    few = reliability(np.array([0.15, 0.95]), np.array([False, True]))
    chart = reliability_chart("Tiny (simulated)", few)
    assert chart.count("<circle") == 2 and "Tiny (simulated)" in chart


@pytest.mark.parametrize("threshold", [0.05, 0.288, 0.95])
def test_a_threshold_goes_back_to_the_networks_own_probability(threshold):
    of_network = uncalibrated(threshold, (0.394, -0.906))
    assert calibrated(np.array([of_network]), (0.394, -0.906)) == pytest.approx(threshold, abs=1e-6)
    assert uncalibrated(0.3, (1.0, 0.0)) == pytest.approx(0.3)
