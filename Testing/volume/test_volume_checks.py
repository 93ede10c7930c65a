"""Bad images get one sentence; unusual but sound ones pass."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import zoom

from SpineLib.errors import SpineError
from SpineLib.volume import Volume, check_image, read_volume
from SpineLib.volume.told import MODALITY


def image(shape=(6, 20, 20), dtype=np.float32):
    return Volume(np.random.default_rng(0).uniform(0, 200, shape).astype(dtype))


def with_nan():
    volume = image()
    volume.array[2, 3, 4] = np.nan
    return volume


@pytest.mark.parametrize(
    "volume, words",
    [
        (image((0, 20, 20)), "empty"),
        (image((1, 20, 20)), "one slice"),
        (image((20, 20, 1)), "one slice"),
        (with_nan(), "NaN"),
        (Volume(np.full((6, 20, 20), 7)), "constant"),
        (Volume(image().array.astype(np.float64) * 1e30), "from .* to .*e.32, as no scanner makes them"),
        (Volume(image().array.astype(np.float64) * 1e-30), "as no scanner makes them"),
        (image((6, 20, 20, 3)), "colour"),
        (image((2, 6, 20, 20)), "4-D"),
        (replace(image(), spacing=(1, 0, 1)), "spacing of zero"),
        (replace(image(), direction=np.zeros((3, 3))), "orientation"),
        (replace(image(), origin=(np.nan, 0, 0)), "position"),
        (replace(image(), meta={MODALITY: "CT"}), "is a CT"),
    ],
)
def test_a_bad_image_is_refused_with_one_sentence(volume, words):
    with pytest.raises(SpineError, match=words) as caught:
        check_image(volume, "T1")
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64])
def test_8_bit_16_bit_and_double_images_pass(dtype):
    check_image(image(dtype=dtype), "T1")


def test_a_normalised_mr_image_with_negative_values_passes():
    check_image(Volume(np.random.default_rng(0).normal(0, 1, (6, 20, 20))), "T2")


@pytest.mark.parametrize(
    "name",
    ["ct_spine/ts_example_ct.nii.gz", "ct_spine/sub-verse012_ct.nii.gz", "ct_bone_metastases/1.nii.gz", "ct_dicom"],
)
def test_a_real_ct_given_as_t1_is_refused(shared_data, name):
    volume = read_volume(shared_data / name)
    check_image(volume, "CT")
    with pytest.raises(SpineError, match="is a CT"):
        check_image(volume, "T1")


@pytest.mark.parametrize("name", ["DzZ_T1", "DzZ_T2", "healthy02_T2"])
def test_a_real_mr_image_passes(shared_data, name):
    check_image(read_volume(shared_data / "mr_lumbar" / f"{name}.nii.gz"), "T2")


@pytest.mark.parametrize(
    "name",
    [
        "mr_lumbar/DzZ_T1_vb-labels",
        "mr_other/PAM50_small_cord",
        "mr_other/sub-mri_seg-subreg_label-6_msk",
        "ct_spine/ts_example_ct_vertebrae-totalseg",
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_real_mask_given_as_t1_is_refused(shared_data, name, dtype):
    array = read_volume(shared_data / f"{name}.nii.gz").array.astype(dtype)
    with pytest.raises(SpineError, match="is a mask or a label map, not a scan"):
        check_image(Volume(array), "T1")
    check_image(Volume(array), "mask")


@pytest.mark.parametrize("name", ["healthy08_T2", "healthy02_T2", "AKa_STIR"])
def test_a_real_mr_image_of_few_grey_values_is_no_mask(shared_data, name):
    array = read_volume(shared_data / "mr_lumbar" / f"{name}.nii.gz").array
    check_image(Volume(array // 4), "T2")  # of 64 values


REAL = ["mr_lumbar/DzZ_T1", "mr_lumbar/S01_T2", "mr_other/PAM50_small_t2"]


def scaled(shared_data, name, largest):
    """A real image as floating point, every other slice; its brightest voxel ``largest``."""
    array = read_volume(shared_data / f"{name}.nii.gz").array[::2].astype(np.float64)
    return array * (largest / array.max())


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("largest, bits", [(36000, 16), (48536, 16), (65000, 16), (4000, 12), (255, 8)])
def test_mr_of_which_bright_voxels_wrapped_to_negative_ones_is_refused(shared_data, name, largest, bits):
    array = np.rint(scaled(shared_data, name, largest)).astype(np.int64)
    wrapped = np.where(array >= 2 ** (bits - 1), array - 2**bits, array)
    for dtype in (np.int16, np.float32):
        with pytest.raises(SpineError, match="bright voxels that turned negative"):
            check_image(Volume(wrapped.astype(dtype)), "T1")
    check_image(Volume(array.astype(np.uint16)), "T1")


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("largest", [1000, 4000, 60000])
def test_mr_that_a_spline_made_negative_here_and_there_passes(shared_data, name, largest):
    resampled = zoom(scaled(shared_data, name, largest)[:, :150, :150].astype(np.float32), (1, 1.3, 1.3), order=3)
    assert resampled.min() < 0
    check_image(Volume(resampled), "T1")
    check_image(Volume(np.clip(resampled, -32768, 32767).astype(np.int16)), "T2")


@pytest.mark.parametrize("name", REAL)
def test_mr_that_was_normalised_passes(shared_data, name):
    array = scaled(shared_data, name, 1.0)
    standard = (array - array.mean()) / array.std()
    for one in (standard, 100 * standard, array * 2 - 1, np.rint(array * 255 - 128).astype(np.int8)):
        check_image(Volume(one), "T1")


@pytest.mark.parametrize("name", ["ct_bone_metastases/1", "ct_bone_metastases/6", "ct_spine/ts_example_ct"])
def test_a_real_ct_of_which_nothing_says_so_is_no_mr(shared_data, name):
    with pytest.raises(SpineError, match="is a CT"):
        check_image(Volume(read_volume(shared_data / f"{name}.nii.gz").array), "T2")
