"""Vertebrae drawn as slices without a CT are those that the simulated CT shows."""

import numpy as np
import pytest

from SpineLab.training.gan.ct_stacks import simulate_stacks
from SpineLib.preprocess.vertebra_slices import PIXEL_MM, SLICE_MM


@pytest.fixture(scope="module")
def columns():
    return [stack for seed in range(4) for stack in simulate_stacks(seed)]


def test_a_column_is_drawn_the_same_again(columns):
    again = simulate_stacks(0)
    assert all(np.array_equal(a.distances, b.distances) for a, b in zip(columns, again))
    assert {stack.patient for stack in again} == {"simulated-0000"} and all(stack.simulated for stack in columns)


def test_vertebrae_have_the_volume_of_vertebrae_and_lie_within_their_slices(columns):
    for stack in columns:
        volume = stack.images().sum() * PIXEL_MM**2 * SLICE_MM / 1000
        # A small cervical to a large lumbar one, ml.
        assert 6 < volume < 130, stack.label
        border = np.concatenate(
            [stack.distances[:, 0], stack.distances[:, -1], stack.distances[:, :, 0], stack.distances[:, :, -1]],
            axis=None,
        )
        assert (border < 0).mean() < 0.01  # the tip of a long spinous process
    assert len({stack.label for stack in columns}) > 8 and not {26, 25} & {stack.label for stack in columns}


def test_the_body_lies_before_the_canal_and_the_spinous_process_behind_it(columns):
    """Along the midline of the slice with the most bone, from front to back: bone, canal, bone."""
    for stack in columns:
        middle = stack.images()[int(np.argmax(stack.areas_cm2))][:, 31:33].mean(axis=1) > 0.5
        changes = np.flatnonzero(np.diff(middle.astype(int)))
        assert len(changes) >= 2 and changes[0] < 31, stack.label
