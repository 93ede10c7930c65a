"""Simulated trunks, of which the network of the column learns what is what on MR."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from SpineLib.phantom.trunk.case import SPACING_MM, draw_trunk
from SpineLib.phantom.trunk.cohort import write_trunks
from SpineLib.phantom.trunk.paint import paint
from SpineLib.phantom.trunk.stuff import Stuff

SACRUM = 26


@pytest.fixture(scope="module")
def trunk():
    """A lumbar one with its sacrum."""
    return draw_trunk(5)


def test_vertebrae_lie_above_each_other_in_their_order(trunk):
    bodies = [n for n in np.unique(trunk["instances"]) if 0 < n < SACRUM]
    assert len(bodies) >= 5
    heights = [np.argwhere((trunk["instances"] == n) & (trunk["parts"] == 1))[:, 0].mean() for n in bodies]
    assert heights == sorted(heights, reverse=True)  # C1 is number 1 and z grows to superior


def test_each_body_is_one_piece_of_a_vertebras_size(trunk):
    voxel_ml = np.prod(SPACING_MM) / 1000
    for n in np.unique(trunk["instances"]):
        body = (trunk["instances"] == n) & (trunk["parts"] == 1)
        if 20 <= n < SACRUM and body[1:-1].any() and not body[[0, -1]].any():
            labels, _ = ndimage.label(body)
            assert np.bincount(labels.ravel())[1:].max() > 0.95 * body.sum()
            assert 12 < body.sum() * voxel_ml < 70


def test_only_vertebrae_and_sacrum_have_numbers(trunk):
    numbered = trunk["instances"] > 0
    assert np.array_equal(numbered, np.isin(trunk["parts"], (1, 2, 3)))
    assert np.array_equal(trunk["instances"] == SACRUM, trunk["parts"] == 3)


def test_the_sac_lies_behind_the_bodies(trunk):
    for z in range(0, trunk["parts"].shape[0], 7):
        body, sac = (np.argwhere(trunk["parts"][z] == part)[:, 0] for part in (1, 5))
        if len(body) > 40 and len(sac) > 10:
            assert sac.mean() > body.mean()


def test_bodies_have_their_own_centres_also_where_the_edge_cuts_them(trunk):
    for n in np.unique(trunk["instances"]):
        body = np.argwhere((trunk["instances"] == n) & (trunk["parts"] == 1))
        if 20 <= n < SACRUM and body[:, 0].min() > 0 and body[:, 0].max() < trunk["parts"].shape[0] - 1:
            away = (body.mean(axis=0) - trunk["centres"][n]) * SPACING_MM
            assert np.linalg.norm(away) < 6  # half a slice, and what osteophytes and endplates take and give


def test_the_same_seed_gives_the_same_bytes(trunk):
    again = draw_trunk(5)
    assert all(np.array_equal(trunk[key], again[key], equal_nan=key == "centres") for key in trunk)


def test_an_image_differs_each_time_and_air_is_darker_than_the_body(trunk):
    first, second = (paint(trunk["tissues"], SPACING_MM, np.random.default_rng(n)) for n in (1, 2))
    assert first.dtype == np.float32
    assert not np.allclose(first, second)
    air, flesh = (np.isin(trunk["tissues"], kinds) for kinds in ((Stuff.AIR,), (Stuff.SUBCUTANEOUS_FAT, Stuff.CSF)))
    assert np.median(first[air]) < np.median(first[flesh])


def test_cases_that_are_there_are_kept(tmp_path):
    write_trunks(tmp_path, 1, seed=7)
    written = (tmp_path / "trunk-0001.npz").stat().st_mtime_ns
    write_trunks(tmp_path, 2, seed=7)
    assert (tmp_path / "trunk-0001.npz").stat().st_mtime_ns == written
    with np.load(tmp_path / "trunk-0002.npz") as file:
        assert set(file.files) == {"tissues", "parts", "instances", "spacing", "centres"}
