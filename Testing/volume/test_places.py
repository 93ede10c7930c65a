"""Indices, LPS and RAS of places, beside SimpleITK and NiBabel."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from SpineLib.volume import Volume
from SpineLib.volume.files import to_sitk, write_volume
from SpineLib.volume.places import ras_lps, to_index, to_lps
from Testing.tasks.balls import rotation

OBLIQUE = Volume(
    np.zeros((5, 6, 7), np.int16), (0.7, 1.2, 3.0), (12.0, -40.0, 250.0), rotation((20, -15, 30)), "oblique"
)


def test_indices_become_places_as_simpleitk_has_them_and_come_back():
    index = np.array([[0.0, 0, 0], [4, 5, 6], [1.5, 2.25, 3]])
    image = to_sitk(OBLIQUE)
    expected = [image.TransformContinuousIndexToPhysicalPoint(one[::-1].tolist()) for one in index]
    np.testing.assert_allclose(to_lps(index, OBLIQUE), expected, atol=1e-9)
    np.testing.assert_allclose(to_index(to_lps(index, OBLIQUE), OBLIQUE), index, atol=1e-9)


def test_nibabel_has_the_same_places_in_ras(tmp_path):
    write_volume(OBLIQUE, tmp_path / "v.nii.gz")
    affine = nibabel.load(tmp_path / "v.nii.gz").affine
    index = np.array([[4.0, 5, 6]])
    np.testing.assert_allclose(ras_lps(to_lps(index, OBLIQUE))[0], (affine @ [6, 5, 4, 1])[:3], atol=1e-4)  # float32


@pytest.mark.parametrize("points", [(1.0, 2.0, 3.0), np.arange(12.0).reshape(2, 2, 3)])
def test_the_way_from_ras_to_lps_is_that_from_lps_to_ras(points):
    np.testing.assert_array_equal(ras_lps(ras_lps(points)), points)
