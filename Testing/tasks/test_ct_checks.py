"""What is refused as a CT, and what is told of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import rotate

from SpineLib.errors import SpineError
from SpineLib.tasks.ct.checks import check_ct
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.told import MODALITY


def body(spacing=(1.0, 1.0, 1.0)) -> Volume:
    """Air, fat, muscle and a cube of bone, with noise."""
    rng = np.random.default_rng(1)
    array = np.full((20, 40, 40), -1000.0)
    array[:, 4:36, 4:36] = -100
    array[:, 8:32, 8:32] = 50
    array[5:15, 15:25, 15:25] = 400
    return Volume((array + rng.normal(0, 10, array.shape)).astype(np.int16), spacing)


def test_a_plain_ct_passes_without_a_word():
    assert check_ct(body()) == []


def test_every_real_ct_passes(shared_data):
    files = [
        *sorted((shared_data / "ct_bone_metastases").glob("*.nii.gz")),
        shared_data / "ct_spine" / "sub-verse012_ct.nii.gz",
        shared_data / "mr_other" / "sub-ct_label-22_ct.nii.gz",
    ]
    for file in files:
        assert check_ct(read_volume(file)) == []


@pytest.mark.parametrize(
    "array",
    [
        np.random.default_rng(2).integers(0, 900, (8, 20, 20)).astype(np.int16),  # magnitude MR
        np.random.default_rng(2).normal(0, 1, (8, 20, 20)).astype(np.float32),  # normalised MR
        (np.random.default_rng(2).random((8, 20, 20)) > 0.5).astype(np.uint8),  # a mask
    ],
)
def test_what_is_no_hounsfield_unit_is_refused(array):
    with pytest.raises(SpineError, match="Hounsfield"):
        check_ct(Volume(array))


def real_cts(shared_data):
    """Whole CTs and patches of them, each with its middle alone, where there is least fat and air."""
    files = [
        *sorted((shared_data / "ct_bone_metastases").glob("*.nii.gz")),
        *(shared_data / "ct_spine" / f"{name}_ct.nii.gz" for name in ("sub-verse012", "ts_example")),
        shared_data / "mr_other" / "sub-ct_label-22_ct.nii.gz",
        shared_data / "ct_dicom",
    ]
    for file in files:
        ct = read_volume(file)
        middle = tuple(slice(size // 4, size - size // 4) for size in ct.shape)
        yield from (ct, replace(ct, array=ct.array[middle]))


def outside_the_circle(ct):
    y, x = np.indices(ct.shape[1:])
    middle = np.array(ct.shape[1:]) / 2
    return ((y - middle[0]) / middle[0]) ** 2 + ((x - middle[1]) / middle[1]) ** 2 > 1


@pytest.mark.parametrize(
    ("shift", "padding", "words"),
    [
        (1024, None, "intercept was lost"),
        (1000, None, "intercept was lost"),
        (1024, -2000, "intercept was lost"),
        (1024, -1024, "intercept was lost"),
        (1024, 0, "intercept was lost"),
        (-1024, None, "applied twice"),
        (-1024, -3024, "applied twice"),
        (0, -3024, None),
        (0, -2000, None),
        (0, -1024, None),
    ],
)
def test_an_intercept_that_was_lost_or_applied_twice_is_told_whatever_the_padding(shared_data, shift, padding, words):
    for ct in real_cts(shared_data):
        values = ct.array.astype(np.int32) + shift
        if padding is not None:
            values[:, outside_the_circle(ct)] = padding
        wrong = ct.with_array(values.astype(np.int16))
        if words is None:
            check_ct(wrong)
        else:
            with pytest.raises(SpineError, match=words):
                check_ct(wrong)


@pytest.mark.parametrize("noise", [0, 60, 120])
def test_no_real_ct_and_no_part_of_one_seems_multiplied_or_inverted_whatever_its_noise(shared_data, noise):
    rng = np.random.default_rng(3)
    for ct in real_cts(shared_data):
        noisy = ct.array + rng.normal(0, noise, ct.shape) if noise else ct.array
        assert not [note for note in check_ct(ct.with_array(noisy)) if "Hounsfield" in note]


@pytest.mark.parametrize("factor", [2, 10, -10, -1])
def test_values_that_were_multiplied_or_inverted_are_refused_or_told_where_air_or_fat_is_seen(shared_data, factor):
    told = []
    for name in ("ct_bone_metastases/1", "ct_bone_metastases/2", "ct_bone_metastases/5", "ct_spine/ts_example_ct"):
        ct = read_volume(shared_data / f"{name}.nii.gz")
        wrong = ct.with_array((ct.array * factor).astype(np.float32))
        try:
            told += [note for note in check_ct(wrong) if "Hounsfield" in note][:1]
        except SpineError as error:
            told.append(str(error))
    assert len(told) == 4 and all("Hounsfield" in one for one in told), told


def test_halved_values_are_refused_where_air_is_seen(shared_data):
    ct = read_volume(shared_data / "ct_spine" / "ts_example_ct.nii.gz")
    with pytest.raises(SpineError, match="air lies near -500 HU"):
        check_ct(ct.with_array((ct.array / 2).astype(np.float32)))


@pytest.mark.parametrize("factor", [2, 10])
def test_a_simulated_ct_whose_values_were_multiplied_is_refused(factor):
    assert check_ct(body()) == []
    with pytest.raises(SpineError, match="Hounsfield"):
        check_ct(body().with_array(body().array.astype(np.float32) * factor))


@pytest.mark.parametrize("scale", [1, 16, 100])
def test_real_mr_that_a_spline_made_negative_is_no_ct(shared_data, scale):
    for name in ("mr_lumbar/DzZ_T1", "mr_other/t2_cervicothoracic_old", "mr_other/sub-mri_label-6_T2w"):
        mr = read_volume(shared_data / f"{name}.nii.gz")
        turned = rotate(mr.array[:, ::2, ::2].astype(np.float32) * scale, 12, order=3, reshape=False)
        assert turned.min() < -20
        with pytest.raises(SpineError, match="Hounsfield"):
            check_ct(Volume(turned.astype(np.int32)))


def test_real_mr_is_refused(shared_data):
    with pytest.raises(SpineError, match="Hounsfield"):
        check_ct(read_volume(shared_data / "mr_lumbar" / "DzZ_T1.nii.gz"))


def test_a_file_that_says_mr_is_refused_whatever_its_values():
    with pytest.raises(SpineError, match="modality MR"):
        check_ct(replace(body(), meta={MODALITY: "MR"}))


def test_a_ct_of_soft_tissue_alone_is_refused():
    with pytest.raises(SpineError, match="bone"):
        check_ct(body().with_array(np.minimum(body().array, 100)))


def test_a_sheared_grid_is_refused():
    direction = np.eye(3)
    direction[:, 2] = [0, np.sin(np.radians(12)), np.cos(np.radians(12))]
    with pytest.raises(SpineError, match="sheared by 12 degrees"):
        check_ct(replace(body(), direction=direction))


def test_an_oblique_grid_is_no_shear_but_is_told_of_when_far_from_the_axes():
    def turned(degrees):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        return replace(body(), direction=np.array([[1, 0, 0], [0, c, -s], [0, s, c]]))

    assert check_ct(turned(15)) == []
    assert "25 degrees" in check_ct(turned(25))[0]


def test_metal_is_told_of():
    array = body().array.copy()
    array[8:12, 18:22, 18:22] = 3071
    assert "metal" in check_ct(body().with_array(array))[0]


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ((-100, 300), "below -100 and above 300 HU"),
        ((-200, 800), "below -200 HU"),
        ((-1024, 390), "above 390 HU"),
    ],
)
def test_a_copy_for_a_window_of_grey_values_is_told_of(window, words):
    clipped = body().with_array(np.clip(body().array, *window))
    (note,) = check_ct(clipped)
    assert words in note and "as the scanner made it" in note


@pytest.mark.parametrize("window", [(-100, 300), (-200, 600)])
def test_a_real_ct_clipped_to_a_window_is_told_of(shared_data, window):
    ct = read_volume(shared_data / "ct_spine" / "sub-verse012_ct.nii.gz")
    (note,) = check_ct(ct.with_array(np.clip(ct.array, *window)))
    assert f"above {window[1]} HU" in note


def test_thick_slices_are_told_of():
    assert check_ct(body((1, 1, 3))) == []
    assert "5.0 mm" in check_ct(body((1, 1, 5)))[0]
