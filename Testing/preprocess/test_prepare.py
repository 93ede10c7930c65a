"""The preparation: one grid, 64 whitened sagittal slices, and the exact way back from any axis order."""

from itertools import permutations, product

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.preprocess import Preparation, prepare
from SpineLib.volume import Volume, read_volume
from Testing.tasks.tiny import patient, reordered, undo

ORDERS = [(axes, flips) for axes in permutations(range(3)) for flips in product((False, True), repeat=3)]


def test_all_48_axis_orders_give_the_same_bits():
    expected = prepare(patient(), Preparation(in_plane_spacing=2.0))
    assert len(ORDERS) == 48
    for axes, flips in ORDERS:
        images = {name: reordered(volume, axes, flips) for name, volume in patient().items()}
        prepared = prepare(images, Preparation(in_plane_spacing=2.0))
        np.testing.assert_array_equal(prepared.channels, expected.channels)
        back = prepared.to_input(prepared.channels[0])
        assert back.same_grid(images["T1"])
        np.testing.assert_array_equal(undo(back.array, axes, flips), expected.to_input(expected.channels[0]).array)


def test_t1_and_t2_stored_in_unlike_axis_orders_share_one_grid():
    images = patient()
    images["T2"] = reordered(images["T2"], (2, 0, 1), (True, False, True))
    prepared = prepare(images)
    assert prepared.notes == ["T2 and T1 share one grid: T2 was not co-registered."]
    np.testing.assert_array_equal(prepared.channels, prepare(patient()).channels)


def test_canonical_axes_run_right_to_left_down_and_back():
    k, j, i = np.meshgrid(np.arange(6), np.arange(8), np.arange(10), indexing="ij")
    rising = Volume((i + 100.0 * j + 10000.0 * k).astype(np.float32), (2, 3, 4))  # LPS: i left, j back, k up
    channel = prepare({"T1": rising}, Preparation(slices=10)).channels[0]
    assert channel.shape == (10, 6, 8)
    assert (np.diff(channel, axis=0) > 0).all()  # i rises to the left
    assert (np.diff(channel, axis=1) < 0).all()  # k falls downwards
    assert (np.diff(channel, axis=2) > 0).all()  # j rises backwards


def test_the_result_has_64_whitened_slices_and_the_inputs_own_plane():
    prepared = prepare(patient())
    assert prepared.channels.shape == (2, 64, 40, 44) and prepared.channels.dtype == np.float32
    np.testing.assert_allclose(prepared.spacing, (4 * 11 / 63, 1.5, 1.5), rtol=1e-6)
    np.testing.assert_allclose(prepared.channels.mean(axis=(1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(prepared.channels.std(axis=(1, 2, 3)), 1, atol=1e-4)


@pytest.mark.parametrize("slices", [2, 12, 16, 64, 100])
@pytest.mark.parametrize("in_plane", [None, 0.9, 2.0])
def test_a_linear_ramp_comes_back_exactly_on_the_slices_centres(slices, in_plane):
    volume = patient()["T1"]
    k, j, i = np.meshgrid(*(np.arange(n) for n in volume.shape), indexing="ij")
    ramp = (3.0 * k - 0.5 * j + 0.25 * i).astype(np.float32)
    prepared = prepare({"T1": volume}, Preparation(slices=slices, in_plane_spacing=in_plane))
    back = prepared.to_input(prepared.from_input(ramp)).array
    inner = (slice(None), slice(2, -2), slice(2, -2))  # beyond the outermost samples the last value goes on
    np.testing.assert_allclose(back[inner], ramp[inner], atol=2e-4)


def test_slices_are_interpolated_by_splines_that_pass_through_the_input():
    volume = patient()["T1"]
    prepared = prepare({"T1": volume}, Preparation(slices=12 * 2 - 1))
    found = prepared.channels[0, ::2]
    correlation = np.corrcoef(found.ravel(), np.asarray(volume.array, np.float64).ravel())[0, 1]
    assert correlation > 1 - 1e-9


def test_labels_keep_their_type_and_values():
    volume = patient()["T1"]
    labels = (volume.array > 300).astype(np.uint8) * 7
    prepared = prepare({"T1": volume})
    there = prepared.from_input(labels, nearest=True)
    assert there.dtype == np.uint8 and set(np.unique(there)) == {0, 7}
    np.testing.assert_array_equal(prepared.to_input(there).array > 3.5, labels > 0)


def test_obliqueness_stays_in_the_result():
    turn = np.radians(25)
    turned = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    straight = patient()["T1"]
    oblique = Volume(straight.array, straight.spacing, straight.origin, turned @ straight.direction)
    prepared = prepare({"T1": oblique})
    np.testing.assert_array_equal(prepared.channels, prepare({"T1": straight}).channels)
    assert prepared.to_input(prepared.channels[0]).same_grid(oblique)


def test_percentiles_limit_the_intensities():
    volume = patient()["T1"]
    volume.array[3, 4, 5] = 1e6
    channel = prepare({"T1": volume}, Preparation(clip=(1, 99))).channels[0]
    assert channel.max() < 10


def test_axial_slices_are_noted():
    volume = patient()["T1"]
    axial = Volume(volume.array, (1, 1, 5))
    assert any("axial slices" in note for note in prepare({"T1": axial}).notes)
    assert prepare(patient()).notes == ["T2 and T1 share one grid: T2 was not co-registered."]


@pytest.mark.parametrize(
    "bad", [{"slices": 1}, {"in_plane_spacing": 0}, {"whitening": "none"}, {"clip": [90, 10]}, {"unknown": 1}]
)
def test_a_senseless_preparation_is_refused(bad):
    with pytest.raises(SpineError, match="no valid preparation"):
        Preparation.from_dict(bad)


def test_a_preparation_survives_json():
    preparation = Preparation(32, 0.75, "patch", (0.5, 99.5))
    assert Preparation.from_dict(preparation.to_dict()) == preparation


def test_nothing_to_prepare_and_a_missing_reference_are_refused():
    with pytest.raises(SpineError, match="No image"):
        prepare({})
    with pytest.raises(SpineError, match="STIR was not given"):
        prepare(patient(), reference="STIR")


@pytest.mark.parametrize("again", [1, 2.0], ids=["the same file", "elsewhere"])
def test_one_image_is_not_taken_for_two_sequences(again):
    one = patient()["T1"]
    other = Volume(one.array.copy(), one.spacing, tuple(again * value for value in one.origin), one.direction)
    with pytest.raises(SpineError, match="T1 and T2 are the same image"):
        prepare({"T1": one, "T2": other})


def test_the_real_pair_comes_back_to_its_own_grid(shared_data):
    images = {name: read_volume(shared_data / "mr_lumbar" / f"DzZ_{name}.nii.gz", name) for name in ("T1", "T2")}
    prepared = prepare(images, Preparation(in_plane_spacing=2.0), reference="T2")
    assert prepared.channels.shape[:2] == (2, 64)
    back = prepared.to_input(prepared.channels[1])
    assert back.same_grid(images["T2"])
    assert np.corrcoef(back.array.ravel(), images["T2"].array.ravel())[0, 1] > 0.95
