"""What a header tells of the displacement of fat."""

import json
from dataclasses import replace

import numpy as np
import pytest

from SpineLib.geometry.orientation import canonical
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.fat_shift import FatShift, fat_shift
from SpineLib.volume.sidecar import sidecar_of
from SpineLib.volume.told import FAT_SHIFT, fat_shift_of
from Testing.volume.series import write_image_series

SPACING, SIZE = (0.5, 0.75, 4.0), (30, 20, 8)
#: 3.4 ppm of 63.87 MHz over 145 Hz: one pixel and a half.
SIEMENS = {"PixelBandwidth": 145, "ImagingFrequency": 63.87, "InPlanePhaseEncodingDirectionDICOM": "ROW"}
PIXELS = 3.4 * 63.87 / 145


def told(**fields):
    return fat_shift(SIEMENS | fields, np.eye(3), SPACING, SIZE)


def axis(shift, direction=np.eye(3)):
    """The index axis along which fat is displaced."""
    return int(np.abs(np.asarray(shift.vector_mm) @ direction).argmax())


def sagittal():
    direction = np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]])
    array = np.random.default_rng(0).integers(1, 500, SIZE[::-1]).astype(np.int16)
    return Volume(array, SPACING, (3.0, -20.0, 40.0), direction)


def test_fat_is_displaced_by_its_frequency_over_the_bandwidth_across_the_phase_direction():
    assert told() == FatShift((0, pytest.approx(PIXELS * 0.75), 0)) and told().mm == pytest.approx(PIXELS * 0.75)
    assert told(InPlanePhaseEncodingDirectionDICOM="COL") == FatShift((pytest.approx(PIXELS * 0.5), 0, 0))
    turned = fat_shift(SIEMENS, sagittal().direction, SPACING, SIZE)
    np.testing.assert_allclose(turned.vector_mm, [0, 0, -PIXELS * 0.75])


def test_the_field_stands_in_for_a_missing_frequency():
    assert told(ImagingFrequency=None, MagneticFieldStrength=3).mm == pytest.approx(3.4 * 3 * 42.577 / 145 * 0.75)


def test_numbers_may_be_text():
    assert told(PixelBandwidth="145 ", ImagingFrequency="63.87") == told()


def test_the_files_own_axis_goes_before_the_scanners():
    assert axis(told(PhaseEncodingDirection="j-")) == 0
    assert axis(told(PhaseEncodingAxis="i")) == 1


def test_pixels_that_the_scanner_interpolated_are_those_it_measured():
    assert told(BaseResolution=10).mm == pytest.approx(2 * told().mm)
    assert told(BaseResolution=1000) == told()  # more than the file has: cropped, so not to be told


def test_at_the_echo_times_of_t2_fat_is_not_told_by_its_brightness():
    assert told().told_by_brightness and told(EchoTime=0.012).told_by_brightness
    assert not told(EchoTime=0.1).told_by_brightness


@pytest.mark.parametrize(
    "options, suppressed",
    [
        ("FS", True),
        ("SP\\FS", True),
        ("PFP_FS", True),
        (["SAT1", "FS"], True),
        ("PFP", False),
        ("PFSS", False),
        ("", False),
        (None, False),
    ],
)
def test_fat_may_have_been_suppressed(options, suppressed):
    assert told(ScanOptions=options).suppressed is suppressed


def test_a_file_that_was_turned_after_the_scan_is_told_by_the_scans_own_axes():
    rows_to_the_back_columns_down = [0, 1, 0, 0, 0, -1]
    for direction, wanted in ((sagittal().direction, 1), (np.eye(3), 2), (np.eye(3)[:, [2, 0, 1]], 0)):
        fields = SIEMENS | {"ImageOrientationPatientDICOM": rows_to_the_back_columns_down}
        assert axis(fat_shift(fields, direction, SPACING, SIZE), direction) == wanted
    oblique = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
    assert fat_shift(fields, oblique, SPACING, SIZE) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"PixelBandwidth": None},
        {"PixelBandwidth": 0},
        {"PixelBandwidth": -145},
        {"PixelBandwidth": "wide"},
        {"PixelBandwidth": [145]},
        {"PixelBandwidth": float("nan")},
        {"PixelBandwidth": 1e-3},
        {"ImagingFrequency": None},
        {"ImagingFrequency": 63.87e6},
        {"InPlanePhaseEncodingDirectionDICOM": None},
        {"InPlanePhaseEncodingDirectionDICOM": "OTHER"},
    ],
)
def test_a_header_that_does_not_tell_or_makes_no_sense_tells_nothing(fields):
    assert told(**fields) is None


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_a_sidecar_beside_a_file_is_read_with_it(tmp_path, suffix):
    path = tmp_path / f"sub-1.a_T1w{suffix}"
    write_volume(sagittal(), path)
    assert fat_shift_of(read_volume(path)) is None
    assert sidecar_of(path) == tmp_path / "sub-1.a_T1w.json"
    sidecar_of(path).write_text(json.dumps(SIEMENS), encoding="utf-8")
    assert fat_shift_of(read_volume(path)) == fat_shift(SIEMENS, sagittal().direction, SPACING, SIZE)


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"\xff\xfe{", b'{"PixelBandwidth": {}}', b"[" * 200_000])
def test_a_sidecar_that_is_none_does_no_harm(tmp_path, content):
    write_volume(sagittal(), tmp_path / "a.nii")
    (tmp_path / "a.json").write_bytes(content)
    assert fat_shift_of(read_volume(tmp_path / "a.nii")) is None


def test_a_dicom_series_tells_it_itself(tmp_path):
    # In float32 a gantry that is not tilted; the matrix: 10 samples along the columns, 30 lines.
    tags = {"PixelBandwidth": 145, "ImagingFrequency": 63.87, "InPlanePhaseEncodingDirection": "ROW"}
    write_image_series(tmp_path / "a", sagittal(), **tags)
    down = pytest.approx((0, 0, -PIXELS * 0.75))
    assert fat_shift_of(read_volume(tmp_path / "a")) == FatShift(down)
    write_image_series(
        tmp_path / "b", sagittal(), **tags, AcquisitionMatrix=[0, 10, 30, 0], ScanOptions=["SP", "FS"], EchoTime=100
    )
    twice = pytest.approx((0, 0, -2 * PIXELS * 0.75))
    assert fat_shift_of(read_volume(tmp_path / "b")) == FatShift(twice, True, False)
    write_image_series(tmp_path / "c", sagittal())
    assert fat_shift_of(read_volume(tmp_path / "c")) is None


def test_it_stays_with_the_scan():
    shift = FatShift((0.0, 0.0, 1.0))
    volume = replace(sagittal(), meta={FAT_SHIFT: shift})
    assert fat_shift_of(volume.with_array(volume.array * 2)) == shift
    assert fat_shift_of(canonical(volume)[0]) == shift, "in the patient, however the array is turned"
