"""Shapes of real vertebrae out of a label map."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.phantom.shapes import read_shapes, shapes_of
from SpineLib.volume import Volume


def _column() -> Volume:
    """Three boxes (40 x 30 x 24 mm, 30 mm apart) with a ring behind each; voxels of 1 mm, LPS."""
    array = np.zeros((120, 100, 110), np.uint8)
    for number, base in ((20, 80), (21, 50), (22, 20)):
        array[base : base + 24, 20:50, 35:75] = number
        array[base + 6 : base + 18, 50:70, 40:70] = number
        array[base + 6 : base + 18, 50:64, 46:64] = 0
    return Volume(array, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3), "labels")


def test_body_foramen_and_plane_between_body_and_arch_are_measured():
    shape = shapes_of(_column())[1]
    assert shape.level == "L2"
    np.testing.assert_allclose(shape.half, (20, 15, 12), atol=1.0)  # sampled at 1 mm
    assert shape.back == pytest.approx(15, abs=1.0)
    np.testing.assert_allclose(shape.canal, (22, 9, 7), atol=1.5)


def test_the_distance_grows_with_the_body_it_is_stretched_to():
    shape = shapes_of(_column())[1]
    u, v, w = np.array([24.0]), np.array([0.0]), np.array([0.0])
    assert shape.distance(u, v, w)[0] > 2
    assert shape.distance(u, v, w, (30, 15, 12))[0] < -2


def test_a_folder_without_maps_is_refused(tmp_path):
    with pytest.raises(SpineError, match="no label map"):
        read_shapes(tmp_path)
