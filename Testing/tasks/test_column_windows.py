"""A large CT in windows: which are looked at, and that together they say what one look at all of it would."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineLib.tasks.column.parts import BODY, OFFSET_MM
from SpineLib.tasks.column.predict import predict_column
from Testing.columns import LEVELS, SPACING, block_column

WINDOW = (48, 40, 40)


class Seeing(torch.nn.Module):
    """Says of each voxel the part that its grey value is the number of, and as offset that value, by itself."""

    parts, multiples = 7, (1, 1, 1)

    def __init__(self):
        super().__init__()
        self.looks = 0

    def forward(self, x):
        self.looks += 1
        parts = torch.nn.functional.one_hot(x[0, 0].round().long().clip(0, 6), 7).movedim(-1, 0) * 20.0
        return torch.cat([parts, x[0] / OFFSET_MM, x[0] / OFFSET_MM, x[0] / OFFSET_MM])[None]


@pytest.fixture
def trunk() -> np.ndarray:
    """A column in the middle of a trunk of 320 x 240 x 260 mm, a body beside it that is a hip's, (z, y, x)."""
    image = np.zeros((160, 120, 130), np.float32)
    parts, _, _ = block_column(LEVELS * 2)
    image[10 : 10 + len(parts), 36 : 36 + parts.shape[1], 44 : 44 + parts.shape[2]] = parts
    image[20:34, 40:60, 112:126] = BODY
    return image


def _predicted(image, network, **how):
    return predict_column(image, network, WINDOW, lambda window: window, device="cpu", precision="float32", **how)


def test_windows_together_say_what_one_look_at_all_of_it_would(trunk):
    probability, offsets, _, _ = _predicted(trunk, Seeing())
    assert np.array_equal(probability.argmax(0), trunk)
    assert np.allclose(offsets, trunk, atol=0.01)  # half precision of values up to 6


def test_only_windows_along_the_column_are_looked_at(trunk):
    all_of_it, along = Seeing(), Seeing()
    _predicted(trunk, all_of_it)
    probability, offsets, _, _ = _predicted(trunk, along, along_mm=SPACING)
    column = trunk.copy()
    column[:, :, 112:] = 0
    assert np.array_equal(probability.argmax(0)[:, :, :90], column[:, :, :90])
    assert along.looks <= 0.7 * all_of_it.looks
    assert np.array_equal(offsets[0] > 0, probability[0] < 0.5)


def test_a_gap_as_of_a_destroyed_vertebra_ends_nothing(trunk):
    trunk[70:90] = 0
    probability, _, _, _ = _predicted(trunk, Seeing(), along_mm=SPACING)
    assert np.array_equal(probability.argmax(0)[:, :, :90], trunk[:, :, :90])


def test_without_a_column_all_windows_are_looked_at(trunk):
    trunk[:, :, :90] = 0
    all_of_it, along = Seeing(), Seeing()
    _predicted(trunk, all_of_it)
    probability, _, _, _ = _predicted(trunk, along, along_mm=SPACING)
    assert along.looks == all_of_it.looks and np.array_equal(probability.argmax(0), trunk)
