"""The second look at the lower end of a column, turned until a steep L5 stands upright."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from SpineLib.tasks.column.parts import ARCH, BODY, CANAL, DISC, OFFSET_MM, SACRUM
from SpineLib.tasks.column.predict import predict_column
from SpineLib.tasks.column.promontory import TURN, with_second_look

SPACING = (1.5, 1.5, 4.0)
WINDOW = (144, 112, 6)


class Seeing(torch.nn.Module):
    """Says of each voxel the part that its grey value is the number of, and that its body lies 10 mm above it."""

    parts, multiples = 7, (1, 1, 1)

    def forward(self, x):
        parts = torch.nn.functional.one_hot(x[0, 0].round().long().clip(0, 6), 7).movedim(-1, 0) * 20.0
        ways = torch.zeros(3, *x.shape[2:])
        ways[0] = 10.0 / OFFSET_MM
        return torch.cat([parts, ways])[None]


@pytest.fixture
def spine() -> np.ndarray:
    """Four bodies of 27 mm with discs and a canal on a sacrum, (z, y, x)."""
    parts = np.zeros((200, 150, 6), np.uint8)
    parts[30:70, 70:100] = SACRUM
    for n in range(4):
        z = 77 + 24 * n
        parts[z - 6 : z, 62:86], parts[z : z + 18, 62:86] = DISC, BODY
        parts[z : z + 12, 96:106] = ARCH
    parts[40:180, 87:95] = CANAL
    return parts


def _looked(image: np.ndarray, first: np.ndarray):
    probability = np.eye(7, dtype=np.float16)[first].transpose(3, 0, 1, 2)
    offsets = np.zeros((3, *first.shape), np.float16)
    return with_second_look(
        image.astype(np.float32),
        probability,
        offsets,
        SPACING,
        Seeing(),
        WINDOW,
        lambda window: window,
        device="cpu",
        precision="float32",
    )


def test_an_l5_that_was_taken_for_sacrum_is_found(spine):
    first = spine.copy()
    first[71:96, 60:88][np.isin(first[71:96, 60:88], (BODY, DISC))] = SACRUM
    probability, _ = _looked(spine, first)
    found = probability.argmax(0)
    assert (found[80:92, 65:83] == BODY).all()
    assert (found[72:75, 66:82] == DISC).mean() > 0.9
    assert (found[35:66, 72:85] == SACRUM).mean() > 0.99


def test_what_both_looks_see_stays_where_it_is(spine):
    found = _looked(spine, spine)[0].argmax(0)
    inner = ndimage.grey_erosion(spine, (3, 3, 1)) == ndimage.grey_dilation(spine, (3, 3, 1))  # off the edges
    assert (found == spine)[inner].mean() > 0.995


def test_the_ways_to_the_bodies_are_turned_back(spine):
    _, offsets = _looked(spine, spine)
    # Upright in the turned window, which leans forwards by that angle in the patient.
    way = offsets[:, 60, 80, 3].astype(float)
    angle = np.radians(TURN)
    assert np.allclose(np.hypot(way[0], way[1]), 10.0, atol=0.05)  # float16
    assert np.allclose(way[[0, 2]], (10 * np.cos(angle), 0.0), atol=0.05)


@pytest.mark.parametrize("missing", [SACRUM, BODY])
def test_without_a_lumbar_spine_on_a_sacrum_nothing_changes(spine, missing):
    first = np.where(spine == missing, 0, spine)
    probability, offsets = _looked(spine, first)
    assert (probability.argmax(0) == first).all()
    assert not offsets.any()


@pytest.mark.parametrize(("seen_at", "computed"), [(200, 1), (150, 2), (20, 5)])
def test_windows_beside_the_column_are_not_computed(seen_at, computed):
    image = np.zeros((144, 400, 6), np.float32)
    image[:, seen_at : seen_at + 20] = BODY
    calls = []
    network = Seeing()
    network.register_forward_hook(lambda *_: calls.append(1))
    probability, _, _, _ = predict_column(image, network, WINDOW, lambda window: window, followed=(BODY,), device="cpu")
    assert (probability.argmax(0) == image).all()
    assert len(calls) == computed
