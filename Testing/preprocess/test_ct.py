"""Axial slices of a CT in any axis order, through a window, on one pixel size, and the way back."""

from itertools import permutations, product

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.preprocess.ct import CtPreparation, prepare_ct, window_to_8bit
from SpineLib.volume import Volume, read_volume
from Testing.tasks.tiny import reordered, undo


def ct(spacing=(0.8, 0.9, 2.0)) -> Volume:
    """A smooth image that differs along each axis; LPS, so i runs to the left, j backwards, k up."""
    k, j, i = np.meshgrid(np.arange(9), np.arange(30), np.arange(24), indexing="ij")
    return Volume((20.0 * i - 10.0 * j + 30.0 * k).astype(np.float32), spacing, (5.0, -3.0, 7.0))


def test_slices_run_down_rows_backwards_and_columns_to_the_left():
    slices = prepare_ct(ct(), CtPreparation((-300, 700))).channels
    assert slices.shape == (1, 9, 30, 24)
    assert (np.diff(slices[0], axis=0) < 0).all()
    assert (np.diff(slices[0], axis=1) < 0).all()
    assert (np.diff(slices[0], axis=2) > 0).all()


def test_all_48_axis_orders_give_the_same_slices_and_go_back_to_their_own_grid():
    preparation = CtPreparation(pixel_mm=1.0)
    expected = prepare_ct(ct(), preparation)
    for axes, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        volume = reordered(ct(), axes, flips)
        prepared = prepare_ct(volume, preparation)
        np.testing.assert_array_equal(prepared.channels, expected.channels)
        back = prepared.to_input(prepared.channels[0])
        assert back.same_grid(volume)
        np.testing.assert_array_equal(undo(back.array, axes, flips), expected.to_input(expected.channels[0]).array)


def test_the_pixel_has_the_wanted_size_and_slices_are_not_resampled():
    prepared = prepare_ct(ct(), CtPreparation(pixel_mm=1.0))
    np.testing.assert_allclose(prepared.spacing, (2.0, 1.0, 1.0), rtol=1e-6)
    assert prepared.channels.shape == (1, 9, 27, 19)


def test_without_a_pixel_size_the_image_keeps_every_voxel():
    prepared = prepare_ct(ct(), CtPreparation((-300, 700)))
    back = prepared.to_input(prepared.channels[0]).array * 1000 - 300
    np.testing.assert_allclose(back, np.clip(ct().array, -300, 700), atol=0.5 * 1000 / 255 + 1e-3)


@pytest.mark.parametrize("pixel", [0.5, 1.0, 1.7])
def test_a_ramp_comes_back_from_any_pixel_size(pixel):
    window = (-300, 700)
    prepared = prepare_ct(ct(), CtPreparation(window, pixel))
    back = prepared.to_input(prepared.channels[0]).array * 1000 - 300
    inside = (slice(None), slice(3, -3), slice(3, -3))  # at the edge the last pixel goes on
    # Half a grey value of the 8 bits, and what cubic interpolation of mirrored edges leaves of a ramp.
    np.testing.assert_allclose(back[inside], np.clip(ct().array, *window)[inside], atol=4.5)


def test_labels_go_to_the_slices_by_the_nearest_voxel():
    labels = (ct().array > 200).astype(np.uint8) * 7
    prepared = prepare_ct(ct(), CtPreparation(pixel_mm=1.0))
    there = prepared.from_input(labels, nearest=True)
    assert there.shape == prepared.channels.shape[1:] and set(np.unique(there)) == {0, 7}


def test_the_window_is_8_bit():
    grey = window_to_8bit(np.array([-2000.0, -250, 380, 1000, 3000]), (-250, 1000))
    assert grey.dtype == np.uint8 and grey.tolist() == [0, 0, 129, 255, 255]


def test_a_sagittal_scan_becomes_axial_slices(shared_data):
    volume = read_volume(shared_data / "mr_other" / "sub-ct_label-22_ct.nii.gz")
    prepared = prepare_ct(volume)
    assert prepared.channels.shape == (1, 47, 73, 73)  # 70 mm from head to feet
    assert prepared.to_input(prepared.channels[0]).same_grid(volume)


@pytest.mark.parametrize("values", [{"window": [100, -100]}, {"window": [1]}, {"pixel_mm": 0}, {"windows": [0, 1]}])
def test_a_wrong_preparation_is_refused(values):
    with pytest.raises(SpineError, match="valid preparation"):
        CtPreparation.from_dict(values)


def test_the_json_form_goes_there_and_back():
    preparation = CtPreparation((-100, 900), 0.8)
    assert CtPreparation.from_dict(preparation.to_dict()) == preparation
