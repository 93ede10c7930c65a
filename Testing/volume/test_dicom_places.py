"""The values and places of DICOM slices: read right, or refused with what is the matter. Right values are computed with
numpy from what was written with pydicom."""

import shutil

import numpy as np
import pytest
from pydicom.dataset import Dataset

from SpineLib.errors import SpineError
from SpineLib.volume import list_dicom_series, read_volume
from SpineLib.volume.told import notes_of
from Testing.volume.slices import GAP, change, matrix, places, values, write_slices


def assert_read(volume, wanted=None, place=None):
    """Voxels and places are what was written; of the places 1e-4 mm are lost to decimals in the file."""
    wanted = values() if wanted is None else wanted
    np.testing.assert_array_equal(volume.array, wanted)
    np.testing.assert_allclose(volume.ijk_to_lps, matrix() if place is None else place, atol=1e-4)


# --- values


@pytest.mark.parametrize(
    "stored, rescale, signed",
    [
        (lambda n: values()[n] + (1024 if n % 2 else 2047), lambda n: (1, -1024 if n % 2 else -2047), False),
        (lambda n: values()[n] - 700 * (n > 2) + (1024 if n > 2 else 0), lambda n: (1, -1024 if n > 2 else 0), False),
        (lambda n: np.round(values()[n] / (1 if n == 0 else 0.0625)), lambda n: (1 if n == 0 else 0.0625, 0), False),
        (lambda n: values()[n] - 400 * (n > 2), lambda n: (1, 0), [n > 2 for n in range(6)]),
    ],
    ids=["intercepts", "no intercept first", "whole slope first", "signed later"],
)
def test_a_rescale_or_a_sign_that_differs_between_slices_is_each_slices_own(tmp_path, stored, rescale, signed):
    pictures = np.array([stored(n) for n in range(6)])

    def scale(one, n):
        one.RescaleSlope, one.RescaleIntercept = rescale(n)

    write_slices(tmp_path, pictures, edit=scale, signed=signed)
    volume = read_volume(tmp_path, "T1")
    assert_read(volume, np.array([one * rescale(n)[0] + rescale(n)[1] for n, one in enumerate(pictures)]))
    assert any("scaled differently" in note for note in notes_of(volume)) is (len({rescale(n) for n in range(6)}) > 1)


@pytest.mark.parametrize("slope, intercept", [(0, 0), ("abc", 0), (1, "-10 24"), (float("nan"), 0)])
def test_a_rescale_that_is_no_number_is_refused(tmp_path, slope, intercept):
    def scale(one, n):
        one.add_new("RescaleSlope", "LO", str(slope))
        one.add_new("RescaleIntercept", "LO", str(intercept))

    files = write_slices(tmp_path, edit=scale)
    for file in files:  # written as text, since pydicom writes no such numbers
        content = file.read_bytes()
        file.write_bytes(
            content.replace(b"\x28\x00\x52\x10LO", b"\x28\x00\x52\x10DS").replace(
                b"\x28\x00\x53\x10LO", b"\x28\x00\x53\x10DS"
            )
        )
    with pytest.raises(SpineError, match="rescale slope or intercept that is no number or zero"):
        read_volume(tmp_path)


def test_exchanged_black_and_white_is_told(tmp_path):
    write_slices(tmp_path, edit=lambda one, n: setattr(one, "PhotometricInterpretation", "MONOCHROME1"))
    volume = read_volume(tmp_path)
    assert_read(volume)
    assert "MONOCHROME1" in notes_of(volume)[0]


@pytest.mark.parametrize("kind", ["palette", "table of values"])
def test_numbers_of_a_table_are_not_taken_for_grey_values(tmp_path, kind):
    def tabled(one, n):
        if kind == "palette":
            one.PhotometricInterpretation = "PALETTE COLOR"
        else:
            table = Dataset()
            table.LUTDescriptor, table.ModalityLUTType = [3, 0, 16], "US"
            table.add_new("LUTData", "OW", np.array([9, 5, 1], np.uint16).tobytes())
            one.ModalityLUTSequence = [table]

    write_slices(tmp_path, edit=tabled)
    with pytest.raises(SpineError, match="holds numbers of a table"):
        read_volume(tmp_path)


def test_a_rescale_that_only_some_slices_tell_is_refused(tmp_path):
    def some(one, n):
        if n < 3:
            one.RescaleSlope, one.RescaleIntercept = 1, -1024

    write_slices(tmp_path, edit=some)
    with pytest.raises(SpineError, match="slope and intercept in some of its slices and none in others"):
        read_volume(tmp_path)


def test_a_rescale_that_changes_nothing_may_be_told_by_some_slices(tmp_path):
    write_slices(tmp_path, edit=lambda one, n: setattr(one, "RescaleIntercept", 0) if n < 3 else None)
    assert_read(read_volume(tmp_path))


# --- places


@pytest.mark.parametrize("uid", ["", "1.2.826.0.1"])
def test_slices_of_two_patients_make_no_volume(tmp_path, uid):
    def another(one, n):
        one.SeriesInstanceUID, one.PatientID = uid, "4711" if n < 3 else "4712"

    write_slices(tmp_path, edit=another)
    with pytest.raises(SpineError, match="holds slices of several patients") as error:
        read_volume(tmp_path)
    assert "471" not in str(error.value)


def test_a_patients_id_that_some_slices_lack_is_no_other_patient(tmp_path):
    write_slices(tmp_path, edit=lambda one, n: setattr(one, "PatientID", "" if n < 3 else "4711"))
    assert_read(read_volume(tmp_path))


def test_places_in_two_frames_of_reference_are_told(tmp_path):
    write_slices(tmp_path, edit=lambda one, n: setattr(one, "FrameOfReferenceUID", f"1.2.826.0.1.{n // 3}"))
    volume = read_volume(tmp_path)
    assert_read(volume)
    assert "tell several frames of reference" in notes_of(volume)[0]


@pytest.mark.parametrize("keyword, value", [("PixelSpacing", None), ("PixelSpacing", [0, 0.5]), ("PixelSpacing", [])])
def test_a_missing_or_zero_spacing_is_refused(tmp_path, keyword, value):
    write_slices(tmp_path, edit=lambda one, n: delattr(one, keyword) if value is None else setattr(one, keyword, value))
    with pytest.raises(SpineError, match="does not tell its voxel spacing|voxel spacing of zero"):
        read_volume(tmp_path)


@pytest.mark.parametrize("value", [[1e-9, 1e-9], [500, 500]])
def test_an_absurd_spacing_is_refused(tmp_path, value):
    write_slices(tmp_path, edit=lambda one, n: setattr(one, "PixelSpacing", value))
    with pytest.raises(SpineError, match="impossible voxel spacing"):
        read_volume(tmp_path)


@pytest.mark.parametrize("gap, decimals", [(0.625, 1), (1.25, 0), (0.8, 1), (4.4, 1), (3.3, 0)])
def test_positions_that_an_exporter_rounded_are_even_slices(tmp_path, gap, decimals):
    positions = np.round(places(24, gap), decimals)

    def thick(one, n):
        one.SliceThickness = gap

    write_slices(tmp_path, values(24), positions, edit=thick)
    volume = read_volume(tmp_path)
    assert volume.spacing[2] == pytest.approx(gap, abs=1e-6)
    true = matrix(places(24, gap), gap)
    # No slice lies farther from its true place than the rounding moved it.
    assert np.abs(volume.ijk_to_lps @ [0, 0, 23, 1] - true @ [0, 0, 23, 1]).max() <= 0.5 * 10.0**-decimals + 1e-6
    assert np.abs(volume.ijk_to_lps[:3, 3] - true[:3, 3]).max() <= 0.5 * 10.0**-decimals + 1e-6


def test_rounded_positions_of_oblique_slices_are_no_tilted_gantry(tmp_path):
    turn = np.radians(17)
    rows, columns = np.array([0, np.cos(turn), np.sin(turn)]), np.array([0, np.sin(turn), -np.cos(turn)])
    normal = np.cross(rows, columns)
    exact = np.array([-10.0, -20.0, 30.0]) + 0.9 * np.arange(8)[:, None] * normal

    def oblique(one, n):
        one.ImageOrientationPatient, one.SliceThickness = [*rows, *columns], 0.9

    write_slices(tmp_path, values(8), np.round(exact, 1), edit=oblique)
    volume = read_volume(tmp_path)
    assert volume.spacing[2] == pytest.approx(0.9)
    np.testing.assert_allclose(volume.direction, np.array([rows, columns, normal]).T, atol=1e-6)


@pytest.mark.parametrize("tilt, refused", [(0.3, False), (3.0, True)])
def test_a_tilt_up_to_half_a_degree_is_straightened_and_said_and_more_is_refused(tmp_path, tilt, refused):
    along = (-np.cos(np.radians(tilt)), 0, np.sin(np.radians(tilt)))
    write_slices(tmp_path, values(40), places(40, GAP, along))
    if refused:
        with pytest.raises(SpineError, match=r"tilted gantry \(3 degrees\)"):
            read_volume(tmp_path)
        return
    volume = read_volume(tmp_path)
    np.testing.assert_allclose(volume.direction.T @ volume.direction, np.eye(3), atol=1e-9)
    [note] = notes_of(volume)
    assert "0.3 degrees off right angles: they were straightened" in note
    true = np.eye(4)
    true[:3] = np.column_stack([matrix()[:3, :2], np.array(along) * GAP, places()[0]])
    corners = np.array([[i, j, k, 1] for i in (0, 11) for j in (0, 9) for k in (0, 39)], float).T
    worst = np.linalg.norm(((volume.ijk_to_lps - true) @ corners)[:3], axis=0).max()
    assert worst < 0.5 and f"by up to {worst:.1f} mm" in note


@pytest.mark.parametrize("again", ["same UID", "another UID"])
def test_slices_that_are_there_twice_are_read_once_and_said(tmp_path, again):
    from pydicom.uid import generate_uid

    for file in write_slices(tmp_path):
        copy = file.with_name(file.name + " (1)")
        shutil.copy(file, copy)
        if again == "another UID":
            change(copy, lambda one: setattr(one, "SOPInstanceUID", generate_uid()))
    volume = read_volume(tmp_path, "T1")
    assert_read(volume)
    assert notes_of(volume) == ("The T1 series holds 6 slices twice, pixel by pixel; each was read once.",)


def test_one_slice_twice_is_read_once(tmp_path):
    first, *_ = write_slices(tmp_path)
    shutil.copy(first, tmp_path / "copy")
    volume = read_volume(tmp_path, "T1")
    assert_read(volume)
    assert notes_of(volume) == ("The T1 series holds 1 slice twice, pixel by pixel; each was read once.",)


def test_echoes_of_one_series_are_chosen_between(tmp_path):
    for echo, add in ((12, 0), (96, 5)):
        write_slices(
            tmp_path,
            values() + add,
            series="1.2.3",
            stem=f"E{echo}-",
            edit=lambda one, n, e=echo: setattr(one, "EchoTime", e),
        )
    assert [one.key for one in list_dicom_series(tmp_path)] == ["3.1", "3.2"]
    with pytest.raises(SpineError, match=r"2 DICOM series.*3\.1: t1_tse_sag, echo time 12\.0 .*echo time 96\.0"):
        read_volume(tmp_path)
    assert_read(read_volume(f"{tmp_path}#3.2"), values() + 5)


def test_series_that_share_a_number_can_each_be_chosen(tmp_path):
    write_slices(tmp_path, series="1.2.3.1", stem="A", description="first")
    write_slices(tmp_path, values(4), series="1.2.3.2", stem="B", description="second")
    write_slices(tmp_path, values(5), series="1.2.3.3", stem="C", number=8)
    with pytest.raises(
        SpineError, match=r"2 DICOM series.*3\.1: first \(MR, 6 slices\); 3\.2: second \(MR, 4 slices\)"
    ):
        read_volume(f"{tmp_path}#3")
    assert read_volume(f"{tmp_path}#3.2").shape[0] == 4
    assert read_volume(f"{tmp_path}#8").shape[0] == 5


def test_series_without_a_number_can_each_be_chosen(tmp_path):
    for stem, count in (("A", 6), ("B", 4)):
        write_slices(
            tmp_path, values(count), series=f"1.2.{count}", stem=stem, edit=lambda one, n: delattr(one, "SeriesNumber")
        )
    assert read_volume(f"{tmp_path}#n1").shape[0] == 4 and read_volume(f"{tmp_path}#n2").shape[0] == 6


def test_series_whose_uids_were_blanked_are_told_apart_by_number(tmp_path):
    for number, count in ((3, 6), (5, 4)):
        write_slices(
            tmp_path,
            values(count),
            stem=f"S{number}-",
            number=number,
            edit=lambda one, n: setattr(one, "SeriesInstanceUID", ""),
        )
    assert read_volume(f"{tmp_path}#5").shape[0] == 4


def test_slices_of_unlike_size_or_spacing_are_refused(tmp_path):
    def other(one, n):
        if n == 3:
            one.Rows, one.Columns = one.Columns, one.Rows

    write_slices(tmp_path / "size", edit=other)
    with pytest.raises(SpineError, match="unlike sizes"):
        read_volume(tmp_path / "size")
    write_slices(tmp_path / "spacing", edit=lambda one, n: setattr(one, "PixelSpacing", [0.75 + 0.1 * (n == 2), 0.5]))
    with pytest.raises(SpineError, match="unlike voxel spacings"):
        read_volume(tmp_path / "spacing")


def test_rows_and_columns_that_are_not_at_right_angles_are_refused(tmp_path):
    skewed = [0, 1, 0, 0, np.sin(0.05), -np.cos(0.05)]
    write_slices(tmp_path, edit=lambda one, n: setattr(one, "ImageOrientationPatient", skewed))
    with pytest.raises(SpineError, match=r"not at right angles \(2\.9 degrees"):
        read_volume(tmp_path)
