"""The other scanner of ``spine bench learn`` shows what training patients have not."""

import numpy as np
import pytest

from SpineLab.bench.learn import another_scanner, with_red_marrow
from SpineLib.volume import Volume


@pytest.fixture
def sagittal():
    """A bright block of marrow in the middle of dimmer tissue, 2 slices."""
    array = np.full((2, 60, 60), 100.0, np.float32)
    array[:, 15:45, 15:45] = 400.0
    return Volume(array, (1.0, 1.0, 4.0), (0.0, 0.0, 0.0), np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]]))


@pytest.mark.parametrize(("name", "factor"), [("T1", 0.7), ("T2", 1.2)])
def test_marrow_is_darker_on_t1_and_brighter_on_t2_and_the_rest_stays(sagittal, name, factor):
    marrow = sagittal.array > 200
    changed = with_red_marrow(sagittal, name, marrow, np.random.default_rng(1)).array
    # Within the soft edge; patches of 10 % average out to a few per cent over 900 voxels of a patch width of 6.
    assert changed[:, 20:40, 20:40].mean() / 400 == pytest.approx(factor, abs=0.06)
    assert np.allclose(changed[:, :8], 100.0, atol=0.5)


def test_the_coil_lights_the_back_about_four_times_as_much_as_the_front(sagittal):
    flat = sagittal.with_array(np.full(sagittal.shape, 200.0, np.float32))
    shown = another_scanner(flat, np.random.default_rng(1)).array.astype(float)
    # The first columns lie in front. Noise lifts what is dim a little.
    assert 3.0 < shown[:, :, -5:].mean() / shown[:, :, :5].mean() < 4.5


def test_the_same_random_numbers_give_the_same_image(sagittal):
    one, two = (another_scanner(sagittal, np.random.default_rng(7)).array for _ in range(2))
    assert np.array_equal(one, two)
