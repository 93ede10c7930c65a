"""Lesions: separate, ordered, measured in millimetres."""

import numpy as np
import pytest

from SpineLib.tasks.segmentation.lesions import Lesion, find_lesions
from SpineLib.volume import Volume
from Testing.tasks.tiny import reordered

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)


def volume(shape=(10, 40, 40), spacing=(1.0, 1.0, 4.0)):
    return Volume(np.zeros(shape, np.float32), spacing, (-20, -10, 30), SAGITTAL)


def test_a_box_has_its_volume_lengths_and_centre():
    image = volume()
    image.array[2:5, 10:16, 20:28] = 0.8
    mask, labels, [lesion] = find_lesions(image, 0.5)
    assert lesion.volume_ml == pytest.approx(3 * 6 * 8 * 4 / 1000)
    np.testing.assert_allclose(lesion.centre_ras_mm, (-(-20 + 4 * 3), -(-10 + 23.5), 30 - 12.5), atol=1e-4)
    assert lesion.diameter_in_plane_mm == pytest.approx(np.hypot(8, 5))  # between the middles of voxel faces
    assert lesion.diameter_3d_mm == pytest.approx(np.sqrt(12**2 + 7**2 + 5**2))
    assert lesion.mean_probability == pytest.approx(0.8)
    assert mask.array.dtype == np.uint8 and labels.array.dtype == np.uint16 and mask.array.sum() == 144


def test_a_single_voxel_has_its_own_edges_as_diameters():
    image = volume()
    image.array[4, 5, 6] = 1
    [lesion] = find_lesions(image, 0.5)[2]
    assert lesion.diameter_in_plane_mm == pytest.approx(1) and lesion.diameter_3d_mm == pytest.approx(4)


@pytest.mark.parametrize("radius", [6.0, 11.5])
def test_a_ball_has_its_diameter_within_a_voxel(radius):
    image = volume((40, 40, 40), (1, 1, 1))
    grid = np.indices((40, 40, 40)) - 19.7
    image.array[(grid**2).sum(axis=0) <= radius**2] = 1
    [lesion] = find_lesions(image, 0.5)[2]
    assert lesion.diameter_3d_mm == pytest.approx(2 * radius, abs=1)
    assert lesion.diameter_in_plane_mm == pytest.approx(2 * radius, abs=1)
    assert lesion.volume_ml == pytest.approx(4 / 3 * np.pi * radius**3 / 1000, rel=0.03)


def test_the_plane_of_the_in_plane_diameter_is_the_patients_sagittal_one():
    image = volume()
    image.array[1:9, 10:13, 20:23] = 1  # long from right to left
    for axes in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        [lesion] = find_lesions(reordered(image, axes, (True, False, False)), 0.5)[2]
        assert lesion.diameter_in_plane_mm == pytest.approx(np.hypot(3, 2))
        assert lesion.diameter_3d_mm > 30


def test_lesions_that_touch_in_a_corner_are_one_and_others_are_ordered_by_size():
    image = volume()
    image.array[1:3, 1:3, 1:3] = 1
    image.array[3:5, 3:5, 3:6] = 1
    image.array[8, 20:26, 20:26] = 0.6
    image.array[8, 30, 30] = 0.9
    _, labels, lesions = find_lesions(image, 0.5)
    assert [lesion.id for lesion in lesions] == [1, 2, 3]
    assert [int((labels.array == n).sum()) for n in (1, 2, 3)] == [36, 20, 1]


def test_small_lesions_are_dropped_from_mask_and_labels():
    image = volume()
    image.array[2, 2:7, 2:7] = 1  # 0.1 ml
    image.array[6, 2, 2] = 1
    mask, labels, lesions = find_lesions(image, 0.5, smallest_ml=0.1)
    assert len(lesions) == 1 and mask.array.sum() == 25 and labels.array.max() == 1


def test_no_lesion_is_a_result():
    mask, labels, lesions = find_lesions(volume(), 0.5)
    assert lesions == [] and mask.array.max() == 0 and labels.array.max() == 0


def test_a_lesion_survives_json():
    lesion = Lesion(1, 2.5, 10.0, 20.0, (1.0, -2.0, 3.0), 0.7)
    assert Lesion.from_dict(lesion.to_dict()) == lesion
