"""The classifier that tells simulated from real scans finds a difference where there is one."""

import numpy as np
import pytest
from scipy import ndimage

from SpineLab.evaluation.gap import SIDE, features, patches, told_apart
from SpineLib.errors import SpineError
from SpineLib.volume import Volume


def scans(seed, count, blur):
    """Features of scans whose patches are noise with a grain of ``blur`` pixels."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, 30, SIDE, SIDE))
    return [np.array([features(ndimage.gaussian_filter(one, blur)) for one in scan]) for scan in noise]


def test_scans_of_one_kind_cannot_be_told_apart():
    assert told_apart(scans(1, 4, 1.0), scans(2, 4, 1.0))["accuracy"] == pytest.approx(0.5, abs=0.12)  # 240 patches


def test_a_coarser_grain_is_told():
    found = told_apart(scans(1, 4, 1.0), scans(2, 3, 1.5))
    assert found["accuracy"] > 0.95 and found["of_real"] > 0.9


def test_it_wants_scans_that_it_has_not_seen():
    with pytest.raises(SpineError, match="two scans of each kind"):
        told_apart(scans(1, 1, 1.0), scans(2, 3, 1.0))


def test_patches_lie_around_vertebrae_and_do_not_know_the_scale():
    rng = np.random.default_rng(0)
    array = rng.uniform(50, 100, (8, 160, 150)).astype(np.float32)
    bodies = np.zeros_like(array, np.uint8)
    bodies[2:6, 70:90, 60:80] = 1
    direction = [[0, 0, -1], [1, 0, 0], [0, -1, 0]]
    image, labels = (Volume(a, (1.0, 1.0, 4.0), direction=direction) for a in (array, bodies))
    cut = patches(image, labels, 5)
    assert cut.shape == (5, SIDE, SIDE)
    assert np.allclose(cut, patches(image.with_array(7 * array), labels, 5), atol=1e-3)
