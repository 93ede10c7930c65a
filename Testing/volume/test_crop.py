"""A box cut from an image stays in its place."""

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.volume import Volume
from SpineLib.volume.crop import box_around, crop

OBLIQUE = np.array([[0, 0.6, -0.8], [1, 0, 0], [0, -0.8, -0.6]])


@pytest.fixture
def image():
    array = np.arange(20 * 30 * 40).reshape(20, 30, 40)
    return Volume(array, (0.8, 1.1, 4.0), (5, -6, 7), OBLIQUE, "T1")


def test_every_voxel_of_the_cut_lies_where_it_lay(image):
    part = crop(image, (slice(3, 9), slice(4, 20), slice(10, 33)))
    for kji in ((0, 0, 0), (5, 15, 22)):
        place = part.ijk_to_lps @ [*kji[::-1], 1]
        index = np.linalg.inv(image.ijk_to_lps) @ place
        np.testing.assert_allclose(index[:3], np.add((3, 4, 10), kji)[::-1], atol=1e-9)
        assert part.array[kji] == image.array[tuple(np.add((3, 4, 10), kji))]


def test_a_box_around_a_point_holds_all_that_is_asked_for_and_no_more_than_the_image(image):
    centre = (image.ijk_to_lps @ [20, 15, 10, 1])[:3]
    box = box_around(image, centre, (20, 20, 20))
    inverse = np.linalg.inv(image.ijk_to_lps)
    for corner in np.array(np.meshgrid(*[(-10, 10)] * 3)).reshape(3, -1).T:
        index = (inverse @ [*(centre + corner), 1])[:3][::-1]
        assert all(part.start <= value <= part.stop - 1 for part, value in zip(box, index, strict=True))
    assert box_around(image, centre, (900, 900, 900)) == (slice(0, 20), slice(0, 30), slice(0, 40))


def test_a_place_outside_the_image_is_one_sentence(image):
    with pytest.raises(SpineError, match="outside the T1"):
        box_around(image, (900, 0, 0), (20, 20, 20))
