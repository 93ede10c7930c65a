"""A CT's axial slices: the same whatever its axis order, of the thickness wanted, and where they say they are."""

from itertools import permutations, product

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.preprocess.ct_slices import SlicePreparation, axial_slices
from SpineLib.volume import Volume

KEEP = SlicePreparation(pixel_mm=1.0, slice_mm=3.0)


def ct(shape=(12, 20, 24), spacing=(1.0, 1.0, 3.0), spot=(5, 8, 15)) -> Volume:
    """Axial slices from feet to head (k), backwards (j), to the left (i), one voxel of bone."""
    array = np.full(shape, -100, np.int16)
    array[spot] = 1000
    return Volume(array, spacing, (-30.0, 10.0, 200.0))


def turned(volume: Volume, order, flips) -> Volume:
    """The same image with its array axes in another order and direction."""
    array, columns = volume.array.transpose(order), []
    corner = volume.ijk_to_lps[:3, 3].copy()
    for axis, flip in zip(order, flips):
        direction = volume.direction[:, 2 - axis]
        if flip:
            corner = corner + direction * volume.spacing[2 - axis] * (volume.shape[axis] - 1)
        columns.append(-direction if flip else direction)
    array = array[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    spacing = tuple(volume.spacing[2 - axis] for axis in order)[::-1]
    return Volume(np.ascontiguousarray(array), spacing, tuple(corner), np.stack(columns[::-1], axis=1))


def test_slices_run_downwards_rows_backwards_and_columns_to_the_left():
    slices = axial_slices(ct(), KEEP)
    assert slices.images.shape == (12, 20, 24) and slices.spacing == (3.0, 1.0, 1.0)
    assert np.unravel_index(slices.images.argmax(), slices.images.shape) == (6, 8, 15)
    assert slices.own[6].tolist() == [5, 5]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 3.0), (0.5, 0.8, 1.0)])
def test_every_axis_order_gives_the_same_slices_in_the_same_place(spacing):
    original = ct(spacing=spacing)
    wanted = axial_slices(original, KEEP)
    for order, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        found = axial_slices(turned(original, order, flips), KEEP)
        assert np.abs(found.images - wanted.images).max() < 1e-5
        assert np.allclose(found.to_lps, wanted.to_lps, atol=1e-6)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 3.0), (0.5, 0.5, 0.75), (1.5, 2.0, 6.0)])
def test_a_spot_lies_where_the_slices_say(spacing):
    image = ct(spacing=spacing)
    slices = axial_slices(image, KEEP)
    z, y, x = np.unravel_index(slices.images.argmax(), slices.images.shape)
    place = (slices.to_lps @ [x, y, z, 1])[:3]
    true = (image.ijk_to_lps @ [15, 8, 5, 1])[:3]
    # To half a pixel of the slices or of the image, whichever is larger.
    assert (np.abs(place - true) <= np.maximum(spacing, slices.spacing[::-1]) / np.float64(2) + 1e-6).all()
    first, last = slices.own[z]
    assert first <= 5 <= last


def test_thin_slices_are_averaged_and_masks_follow():
    image = ct(shape=(12, 20, 24), spacing=(1.0, 1.0, 1.0))
    slices = axial_slices(image, KEEP)
    assert len(slices.images) == 4 and slices.own.tolist() == [[9, 11], [6, 8], [3, 5], [0, 2]]
    background = slices.images.min()
    assert slices.images.max() - background == pytest.approx((1.0 - background) / 3, abs=0.01)
    mask = np.zeros(image.shape, bool)
    mask[4:6, 8, 15] = True  # two of the slices 3 to 5
    mask[6, 3, 3] = True  # one of the slices 6 to 8: too little
    found = np.argwhere(slices.of_mask(mask))
    assert found.tolist() == [[2, 8, 15]]


def test_slices_at_the_ends_have_themselves_as_neighbours():
    slices = axial_slices(ct(), KEEP)
    assert np.array_equal(slices.stack(0), slices.images[[0, 0, 1]])
    assert np.array_equal(slices.stack(11), slices.images[[10, 11, 11]])


def test_a_wrong_preparation_is_refused():
    with pytest.raises(SpineError, match="no valid preparation"):
        SlicePreparation.from_dict({"slice_mm": 0.0})
    with pytest.raises(SpineError, match="no valid preparation"):
        SlicePreparation.from_dict({"thickness": 3})
