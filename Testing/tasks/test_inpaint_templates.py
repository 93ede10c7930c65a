"""Shapes that are fitted to what is known of a vertebra, on bodies and processes that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.preprocess.vertebra_frame import FRAME_SHAPE, VertebraFrame
from SpineLib.tasks.inpainting.templates import Known, Neighbour, set_back, templates

FRAME = VertebraFrame(np.zeros(3), np.eye(3))
GRID = FRAME.grid()
STEP = GRID.spacing[0]
W, V, U = (
    ((np.arange(size) - (size - 1) / 2) * STEP).reshape([-1 if axis == n else 1 for n in range(3)])
    for axis, size in enumerate(FRAME_SHAPE)
)


def distance_of(inside: np.ndarray) -> np.ndarray:
    """By SimpleITK: mm, negative inside."""
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.SetSpacing((STEP,) * 3)
    away = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    return np.clip(sitk.GetArrayFromImage(away), -15, 15).astype(np.float32)


def vertebra(arch: float = 1.0) -> np.ndarray:
    """A body of 30 x 30 x 24 mm and behind it a plate, as of an arch with processes, so many times as wide and long."""
    body = (np.hypot(U, V + 12) < 15) & (np.abs(W) < 12)
    plate = (np.abs(U) < 30 * arch) & (np.abs(V - 20 * arch) < 20 * arch) & (np.abs(W) < 3)
    return body | plate


@pytest.fixture(scope="module")
def known():
    """A vertebra whose body lacks a piece of its left wall, and the whole one's signed distance."""
    whole = distance_of(vertebra())
    unknown = np.sqrt((U - 15) ** 2 + (V + 12) ** 2 + W**2) < 9
    away = sitk.GetImageFromArray(unknown.astype(np.uint8))
    away.SetSpacing((STEP,) * 3)
    to_unknown = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(away, squaredDistance=False, useImageSpacing=True))
    reliable = ~unknown & (np.abs(whole) < to_unknown)
    return Known(GRID, whole, unknown, reliable, np.ones(FRAME_SHAPE, bool)), whole


def test_a_neighbour_with_another_arch_still_fits_beside_what_is_gone_of_the_body(known):
    known, whole = known
    other = Neighbour("above", FRAME, distance_of(vertebra(arch=0.85)), np.ones(FRAME_SHAPE, np.float32), None)
    above = templates(known, [other])[1]
    wall = known.unknown & (np.abs(whole) < STEP)
    # The bodies are the same: what is off is the fit's.
    assert float(np.abs(above.distance - whole)[wall].mean()) < 0.2


def test_what_is_known_stays_where_fitted_shapes_are_set_back(known):
    known, whole = known
    moved = set_back(known, whole)
    assert np.array_equal(moved[~known.unknown], whole[~known.unknown])
    deep = known.unknown & (np.abs(whole) < STEP) & (np.hypot(V + 12, W) < 4)
    assert np.allclose((moved - whole)[deep], 0.2, atol=0.05)  # in the middle of what is gone; less towards its border


def test_far_from_all_known_bone_shapes_stay_where_they_were_fitted(known):
    known, whole = known
    none = Known(known.grid, known.distance, known.unknown, np.zeros_like(known.reliable), known.seen)
    assert np.array_equal(set_back(none, whole), whole)
