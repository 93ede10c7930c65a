"""A folder in the form of DeepLesion: pictures become HU, marks become boxes and diameters."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLab.training.ct_lesions.deeplesion import read_deeplesion, read_picture
from SpineLib.errors import SpineError
from SpineLib.tasks.ct.checks import check_ct

HEADER = (
    "File_name,Patient_index,Study_index,Series_ID,Key_slice_index,Measurement_coordinates,Bounding_boxes,"
    "Lesion_diameters_Pixel_,Normalized_lesion_location,Coarse_lesion_type,Possibly_noisy,Slice_range,"
    "Spacing_mm_px_,Image_size,DICOM_windows,Patient_gender,Patient_age,Train_Val_Test"
)
#: Two lesions in one slice (a doubtful one among them), one in another series; as the data set writes its lines.
LINES = (
    '000001_01_01_109.png,1,1,1,109,"21, 31, 41, 31, 31, 26, 31, 36","16, 21, 46, 41","20, 10","0.44, 0.28, 0.43",1,0,'
    '"108, 110","0.8, 0.8, 5","64, 48","-175, 275",F,62,2',
    '000001_01_01_109.png,1,1,1,109,"11, 11, 15, 11, 13, 9, 13, 13","6, 4, 20, 18","4, 4","0.1, 0.2, 0.4",5,1,'
    '"108, 110","0.8, 0.8, 5","64, 48","-175, 275",F,62,2',
    '000007_02_03_055.png,7,2,3,55,"5, 5, 9, 5, 7, 4, 7, 6","2, 1, 12, 11","4, 2","0.3, 0.3, 0.4",-1,0,"50, 60",'
    '"0.7, 0.7, -1","64, 48","-1500, 500",M,50,1',
)


def hu(number: int) -> np.ndarray:
    """Slice ``number``: 48 rows, 64 columns; air, fat, bone, and its own value in the corner."""
    array = np.full((48, 64), -1000)
    array[6:44, 6:60] = -100
    array[20:30, 20:40] = 700
    array[0, 0] = number
    return array


def write_picture(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray((array + 32768).astype(np.uint16)), str(path))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "DL_info.csv").write_text("\n".join([HEADER, *LINES]) + "\n")
    for number in (108, 109, 110):
        write_picture(tmp_path / "Images_png" / "000001_01_01" / f"{number:03d}.png", hu(number))
    write_picture(tmp_path / "Images_png" / "000007_02_03" / "055.png", hu(55))
    return tmp_path


def test_pictures_become_hounsfield_units(folder):
    found = read_picture(folder / "Images_png" / "000001_01_01" / "109.png")
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, hu(109))


def test_marks_are_counted_from_zero_and_measured_in_mm(folder):
    image = read_deeplesion(folder)[0]
    assert (image.series, image.slice, image.patient, image.part) == ("000001_01_01", 109, "000001", "validation")
    assert image.size == (48, 64) and image.spacing == (0.8, 0.8, 5.0) and image.window == (-175.0, 275.0)
    [mark] = image.lesions
    assert mark.box == (15.0, 20.0, 45.0, 40.0) and mark.kind == "bone"
    assert mark.long_axis == (20.0, 30.0, 40.0, 30.0) and mark.short_axis == (30.0, 25.0, 30.0, 35.0)
    assert mark.diameters_mm == pytest.approx((16.0, 8.0))


def test_the_default_window_makes_8_bit(folder):
    grey = read_deeplesion(folder)[0].grey()
    assert grey.dtype == np.uint8
    assert grey[25, 30] == 255 and grey[1, 1] == 0 and grey[8, 8] == round(75 / 450 * 255)


def test_doubtful_marks_are_left_out_unless_wanted(folder):
    assert len(read_deeplesion(folder, noisy=True)[0].lesions) == 2


def test_kinds_of_lesion_are_chosen(folder):
    assert [image.series for image in read_deeplesion(folder, ["bone"])] == ["000001_01_01"]
    assert [image.lesions[0].kind for image in read_deeplesion(folder, ["unknown"])] == ["unknown"]
    with pytest.raises(SpineError, match="no kind of lesion"):
        read_deeplesion(folder, ["spine"])


def test_slices_that_follow_each_other_make_a_ct_from_caudal_to_cranial(folder):
    volume = read_deeplesion(folder)[0].volume()
    assert volume.shape == (3, 48, 64) and volume.spacing == (0.8, 0.8, 5.0)
    assert volume.array[:, 0, 0].tolist() == [110, 109, 108]  # k runs up, slices are numbered downwards
    assert any("5.0 mm" in note for note in check_ct(volume))


def test_a_missing_neighbour_ends_the_volume(folder):
    (folder / "Images_png" / "000001_01_01" / "110.png").unlink()
    assert read_deeplesion(folder)[0].volume().shape[0] == 2


def test_a_negative_distance_of_slices_is_taken_as_its_amount(folder):
    assert read_deeplesion(folder)[1].spacing == (0.7, 0.7, 1.0)


def test_slices_whose_archive_was_not_unpacked_are_left_out(folder):
    (folder / "Images_png" / "000007_02_03" / "055.png").unlink()
    assert [image.series for image in read_deeplesion(folder)] == ["000001_01_01"]
    absent = read_deeplesion(folder, present=False)[1]
    with pytest.raises(SpineError, match="000007_02_03/055.png"):
        absent.hu()


def test_a_picture_of_8_bit_is_refused(folder):
    path = folder / "Images_png" / "000001_01_01" / "109.png"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((48, 64), np.uint8)), str(path))
    with pytest.raises(SpineError, match="of 16 bit"):
        read_deeplesion(folder)[0].hu()


def test_a_damaged_picture_is_refused(folder):
    path = folder / "Images_png" / "000001_01_01" / "109.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(SpineError, match="cannot be read"):
        read_deeplesion(folder)[0].hu()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("Bounding_boxes", "Boxes"), "lacks the column Bounding_boxes"),
        (lambda text: text.replace('"16, 21, 46, 41"', '"16, 21, 46"'), "not DeepLesion's"),
        (lambda text: text.replace('"-175, 275"', '"275, -175"'), "not DeepLesion's"),
        (lambda text: text.replace(",F,62,2", ",F,62,9"), "not DeepLesion's"),
        (lambda text: HEADER + "\n", "no picture"),
    ],
)
def test_a_list_that_is_not_the_data_sets_is_refused(folder, change, words):
    path = folder / "DL_info.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(SpineError, match=words):
        read_deeplesion(folder)


def test_a_folder_without_the_list_is_refused(tmp_path):
    with pytest.raises(SpineError, match="DL_info.csv"):
        read_deeplesion(tmp_path)
