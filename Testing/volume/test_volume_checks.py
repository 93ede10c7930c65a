"""Bad images get one sentence; unusual but sound ones pass."""

from dataclasses import replace

import numpy as np
import pytest

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
