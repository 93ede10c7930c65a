"""What a network for any sequences is shown: neighbouring slices, zeros for what is missing, and what is there."""

import numpy as np
import pytest

from SpineLib.networks.channels import InputChannels

ANY = InputChannels(sequences=3, neighbours=1, neighbours_mm=4.0, presence=True)


@pytest.fixture
def volume():
    """Two sequences of six slices; each voxel says its sequence and slice."""
    return np.array([[[[10 * c + s]] for s in range(6)] for c in (1, 2)], np.float32)


def test_each_sequence_has_its_slice_between_its_neighbours(volume):
    shown = ANY.slices(volume, [0, 2], slice(2, 4), slice_mm=2.0)  # so neighbours lie two slices away
    assert shown.shape == (ANY.count, 2, 1, 1) and ANY.count == 12
    assert shown[:, 0, 0, 0].tolist() == [10, 12, 14, 0, 0, 0, 20, 22, 24, 1, 0, 1]
    assert shown[:3, 1, 0, 0].tolist() == [11, 13, 15]


def test_beyond_the_ends_the_last_slice_is_repeated(volume):
    assert ANY.slices(volume, [0, 1], slice(0, 1), slice_mm=1.0)[:3, 0, 0, 0].tolist() == [10, 10, 14]
    assert ANY.slices(volume, [0, 1], slice(5, 6), slice_mm=9.0)[:3, 0, 0, 0].tolist() == [14, 15, 15]


def test_the_slice_itself_is_the_middle_channel(volume):
    shown = ANY.slices(volume, [1, 2], slice(0, 6), slice_mm=4.0)
    assert np.array_equal(shown[ANY.middle(1)], volume[0]) and np.array_equal(shown[ANY.middle(2)], volume[1])


def test_without_neighbours_and_gaps_each_sequence_is_one_channel(volume):
    plain = InputChannels(sequences=2)
    assert plain.is_plain and plain.count == 2 and plain.to_dict() == {}
    assert np.array_equal(plain.slices(volume, [0, 1], slice(None), 4.0), volume)


def test_a_card_keeps_it():
    assert InputChannels.of({"type": "unet", **ANY.to_dict()}, 3) == ANY
