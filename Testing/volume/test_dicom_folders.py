"""Folders of DICOM slices."""

import shutil

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from SpineLib.errors import SpineError
from SpineLib.volume import list_dicom_series, read_dicom, read_volume
from SpineLib.volume.told import modality_of

ORIENTATION = [0, 1, 0, 0, 0, -1]  # sagittal: the columns run to posterior, the rows to inferior


def write_series(folder, number, description, positions, *, patient="Doe^Jane", modality="MR"):
    folder.mkdir(exist_ok=True)
    series, frame = generate_uid(), generate_uid()
    for n, position in enumerate(positions):
        slice_ = pydicom.Dataset()
        slice_.file_meta = pydicom.dataset.FileMetaDataset()
        slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        slice_.file_meta.MediaStorageSOPClassUID = slice_.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID = generate_uid()
        slice_.PatientName, slice_.PatientID, slice_.Modality = patient, "4711", modality
        slice_.SeriesInstanceUID, slice_.StudyInstanceUID, slice_.FrameOfReferenceUID = series, frame, frame
        slice_.SeriesNumber, slice_.SeriesDescription, slice_.InstanceNumber = number, description, n + 1
        slice_.ImagePositionPatient, slice_.ImageOrientationPatient = list(map(float, position)), ORIENTATION
        slice_.PixelSpacing, slice_.SliceThickness = [0.75, 0.5], 4
        slice_.Rows, slice_.Columns, slice_.SamplesPerPixel = 10, 12, 1
        slice_.BitsAllocated = slice_.BitsStored = 16
        slice_.HighBit, slice_.PixelRepresentation, slice_.PhotometricInterpretation = 15, 0, "MONOCHROME2"
        slice_.PixelData = (np.arange(120, dtype=np.uint16) + 1000 * n).tobytes()
        slice_.save_as(folder / f"{number}-{99 - n}.dcm", enforce_file_format=True)


def positions(count=6, step=4.4, axis=(1, 0, 0)):
    return [np.array([-10, -20, 30]) + step * n * np.array(axis) for n in range(count)]


def test_a_series_is_read_with_its_place_and_modality(tmp_path):
    write_series(tmp_path, 3, "t1_tse_sag", positions())
    volume = read_volume(tmp_path, "T1")
    assert volume.shape == (6, 10, 12) and modality_of(volume) == "MR" and volume.name == "T1"
    np.testing.assert_allclose(volume.spacing, (0.5, 0.75, 4.4), atol=1e-4)
    last = volume.array[:, 0, 0].tolist().index(5000)  # of the six slices
    np.testing.assert_allclose(volume.ijk_to_lps @ [2, 3, last, 1], [-10 + 22, -20 + 1, 30 - 2.25, 1], atol=1e-4)


def test_slices_that_run_from_left_to_right_keep_their_place(tmp_path):
    write_series(tmp_path, 3, "t1", positions(step=-4.0))
    volume = read_volume(tmp_path)
    position = dict(zip(volume.array[:, 0, 0].tolist(), range(6)))
    np.testing.assert_allclose((volume.ijk_to_lps @ [0, 0, position[5000], 1])[:3], [-30, -20, 30], atol=1e-4)


def test_two_series_in_one_folder_are_listed_without_the_patient(tmp_path):
    write_series(tmp_path, 3, "t1_tse_sag", positions())
    write_series(tmp_path, 5, "t2_tse_sag", positions(4))
    (tmp_path / "readme.txt").write_text("not a slice")
    with pytest.raises(SpineError, match=r"3: t1_tse_sag \(MR, 6 slices\); 5: t2_tse_sag \(MR, 4 slices\)") as caught:
        read_volume(tmp_path, "T1")
    assert "Doe" not in str(caught.value) and "4711" not in str(caught.value)
    first, second = list_dicom_series(tmp_path)
    assert read_dicom(tmp_path, second.uid).shape == (4, 10, 12)
    with pytest.raises(SpineError, match=r"no series '1.2.3' but 2 DICOM series.*3: t1_tse_sag"):
        read_dicom(tmp_path, "1.2.3")


def test_one_of_several_series_is_chosen_by_its_number(tmp_path):
    folder = tmp_path / "Bilder #1 ü"
    write_series(folder, 3, "t1_tse_sag", positions())
    write_series(folder, 5, "t2_tse_sag", positions(4))
    assert read_volume(f"{folder}#5", "T2").shape == (4, 10, 12)
    assert read_volume(f"{folder}#3", "T1").shape == (6, 10, 12)
    with pytest.raises(SpineError, match="no series '4'"):
        read_volume(f"{folder}#4", "T1")
    with pytest.raises(SpineError, match="does not exist"):
        read_volume(f"{folder}2#3", "T1")


@pytest.mark.parametrize(
    "places, words",
    [
        (positions(7)[:3] + positions(7)[5:], "lacks 2 of its slices"),
        ([*positions(5), np.array([9.6, -20, 30])], "unevenly spaced"),
        (positions(6, axis=(1, 0, 0.2)), "tilted gantry"),
        ([*positions(5), positions(5)[2]], "several images of each place"),
    ],
)
def test_an_irregular_series_is_refused(tmp_path, places, words):
    write_series(tmp_path, 3, "t1", places)
    with pytest.raises(SpineError, match=words):
        read_volume(tmp_path, "T1")


def test_a_folder_without_slices_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(SpineError, match="holds no DICOM images"):
        read_volume(tmp_path)


def test_a_damaged_slice_is_refused(tmp_path):
    write_series(tmp_path, 3, "t1", positions())
    victim = sorted(tmp_path.iterdir())[2]
    victim.write_bytes(victim.read_bytes()[:-200])
    with pytest.raises(SpineError, match="damaged"):
        read_volume(tmp_path, "T1")


def test_the_real_ct_series_has_20_slices(shared_data, tmp_path):
    folder = tmp_path / "Bilder ü"
    shutil.copytree(shared_data / "ct_dicom", folder)
    volume = read_volume(folder)
    assert volume.shape == (20, 512, 512) and modality_of(volume) == "CT" and volume.spacing[2] == pytest.approx(2.0)
