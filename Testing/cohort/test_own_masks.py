"""A patient's own mask as lesions: parted, counted, checked to lie on its image, whatever program drew it."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from SpineLib.cohort.masks import check_on_image, read_lesions, vertebrae_on
from SpineLib.cohort.mr import read_cohort
from SpineLib.errors import SpineError
from SpineLib.progress import remarks_to
from SpineLib.volume import SegmentInfo, Volume, read_dicom, read_volume, write_segmentation
from SpineLib.volume.told import notes_of
from Testing.own_patients import AFFINE, CENTRES, balls, mask_path, save, write_patients
from Testing.volume.series import write_image_series

THREE = CENTRES["sub-03"]


def test_a_binary_mask_is_parted_into_its_lesions(tmp_path):
    path = save(balls(THREE).astype(np.uint8), tmp_path / "mask.nii.gz")
    lesions = read_lesions(path)
    pieces, count = ndimage.label(np.asarray(nibabel.load(path).dataobj), np.ones((3, 3, 3)))
    assert count == 3 == lesions.array.max()
    assert np.array_equal(np.bincount(lesions.array.ravel())[1:], np.bincount(pieces.ravel())[1:])
    assert "3 pieces" in " ".join(notes_of(lesions))


def test_a_mask_of_255_is_as_binary_as_one_of_1(tmp_path):
    path = save(balls(THREE).astype(np.uint8) * 255, tmp_path / "mask.nii.gz")
    assert read_lesions(path).array.max() == 3


def test_numbers_are_kept_where_there_are_several_even_of_parted_lesions(tmp_path):
    array = balls(THREE[:2]).astype(np.uint8)
    array[balls(THREE[2:])] = 7
    assert set(np.unique(read_lesions(save(array, tmp_path / "mask.nii.gz")).array)) == {0, 1, 7}


def test_a_single_number_of_a_simulated_patient_stays_one_lesion(tmp_path):
    path = save(balls(THREE).astype(np.uint8), tmp_path / "mask.nii.gz")
    assert read_lesions(path, numbered=True).array.max() == 1


@pytest.mark.parametrize("first", [256, 512, 70000])
def test_numbers_beyond_eight_bits_do_not_wrap(tmp_path, first):
    array = np.where(balls(THREE[:1]), first, np.where(balls(THREE[1:]), first + 1, 0)).astype(np.int32)
    lesions = read_lesions(save(array, tmp_path / "mask.nii.gz"))
    assert set(np.unique(lesions.array)) == {0, 1, 2}
    assert (lesions.array == 1).sum() == (array == first).sum()


def test_a_mask_of_one_number_beyond_eight_bits_is_no_healthy_patient(tmp_path):
    path = save(balls(THREE).astype(np.int32) * 256, tmp_path / "mask.nii.gz")
    assert read_lesions(path).array.max() == 3


def test_a_mask_that_lies_elsewhere_is_refused(tmp_path):
    moved = AFFINE.copy()
    moved[:3, 3] += [0, 0, 200]
    folder = write_patients(tmp_path)
    save(balls(CENTRES["sub-02"]).astype(np.uint8), mask_path(folder, "sub-02"), moved)
    case = read_cohort(folder, ("T1",), labels=("lesion",)).cases[1]
    with pytest.raises(SpineError, match="100 % of lesion 1 lies outside of the image"):
        check_on_image(case.lesions(), read_volume(case.sequences["T1"]))


def test_a_mask_on_a_finer_grid_of_the_same_place_is_accepted(tmp_path):
    fine = np.kron(balls(THREE), np.ones((2, 1, 1))).astype(np.uint8)
    affine = AFFINE @ np.diag([0.5, 1, 1, 1])
    affine[:3, 3] = (AFFINE @ [-0.25, 0, 0, 1])[:3]
    image = save(balls(THREE).astype(np.float32), tmp_path / "image.nii.gz")
    check_on_image(read_lesions(save(fine, tmp_path / "mask.nii.gz", affine)), read_volume(image))


def test_the_segment_editors_one_segment_is_parted_and_its_several_are_not(tmp_path):
    image = read_volume(save(balls(THREE).astype(np.uint8), tmp_path / "mask.nii.gz"))
    write_segmentation(tmp_path / "one.seg.nrrd", image, [SegmentInfo(1, "Segment_1", (1, 0, 0), "")])
    assert read_lesions(tmp_path / "one.seg.nrrd").array.max() == 3
    two = image.with_array(image.array.copy())
    two.array[two.array.shape[0] // 2 :] *= 2
    segments = [SegmentInfo(n, f"Metastasis {n}", (1, 0, 0), "") for n in (1, 2)]
    write_segmentation(tmp_path / "two.seg.nrrd", two, segments)
    assert read_lesions(tmp_path / "two.seg.nrrd").array.max() == 2


def test_segments_that_are_no_lesions_are_left_aside_and_told_or_refused(tmp_path):
    array = np.zeros((4, 10, 10), np.uint8)
    array[1, 2:4, 2:4], array[2, 5:9, 5:9] = 1, 2
    volume = Volume(array)
    bone, lesion = SegmentInfo(1, "L3 vertebra", (1, 1, 1), ""), SegmentInfo(2, "lesion", (1, 0, 0), "")
    write_segmentation(tmp_path / "both.seg.nrrd", volume, [bone, lesion])
    told = []
    with remarks_to(told.append):
        found = read_lesions(tmp_path / "both.seg.nrrd")
    assert found.array.sum() == 16 and "'L3 vertebra'" in " ".join(told)
    write_segmentation(tmp_path / "bone.seg.nrrd", volume.with_array((array == 1).astype(np.uint8)), [bone])
    with pytest.raises(SpineError, match="no lesions \\('L3 vertebra'\\)"):
        read_lesions(tmp_path / "bone.seg.nrrd")


@pytest.fixture
def dicom_seg(tmp_path):
    """A series, and a SEG on it that highdicom wrote: two segments that overlap, empty frames left out."""
    highdicom = pytest.importorskip("highdicom", reason="highdicom is an optional dependency")
    import pydicom
    from pydicom.sr.codedict import codes

    rng, turn = np.random.default_rng(0), np.radians(11)
    direction = np.array([[0, np.sin(turn), np.cos(turn)], [1, 0, 0], [0, -np.cos(turn), np.sin(turn)]])
    direction[:, 2] = np.cross(direction[:, 0], direction[:, 1])
    scan = Volume(rng.integers(0, 900, (9, 14, 12)), (0.75, 1.25, 4.0), (-20.0, -30.0, 25.0), direction)
    asked = ("PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime", "AccessionNumber")
    write_image_series(tmp_path / "scan", scan, **dict.fromkeys((*asked, "ReferringPhysicianName"), ""))
    sources = sorted((pydicom.dcmread(f) for f in (tmp_path / "scan").iterdir()), key=lambda one: -one.InstanceNumber)
    planes = np.zeros((9, 14, 12, 2), np.uint8)
    planes[2:6, 3:9, 2:6, 0] = 1
    planes[4:8, 5:8, 4:11, 1] = 1
    description = [
        highdicom.seg.SegmentDescription(
            segment_number=n,
            segment_label=f"Lesion {n}",
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Neoplasm,
            algorithm_type="MANUAL",
        )
        for n in (1, 2)
    ]

    def write(kind):
        pixels = planes.astype(np.float32) * 0.8 if kind == "FRACTIONAL" else planes
        seg = highdicom.seg.Segmentation(
            source_images=sources, pixel_array=pixels, segmentation_type=kind, segment_descriptions=description,
            series_instance_uid=highdicom.UID(), series_number=9, sop_instance_uid=highdicom.UID(), instance_number=1,
            manufacturer="M", manufacturer_model_name="N", software_versions="1", device_serial_number="0",
        )  # fmt: skip
        seg.save_as(tmp_path / f"{kind}.dcm")
        return tmp_path / f"{kind}.dcm"

    return write, planes, read_dicom(tmp_path / "scan")


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_a_dicom_seg_is_read_where_highdicom_wrote_it(dicom_seg, kind):
    from SpineLib.volume.resampling import resample_like
    from SpineLib.volume.segments import read_segments

    write, planes, series = dicom_seg
    _, segments = read_segments(write(kind))
    order = planes if np.allclose(series.origin, (-20.0, -30.0, 25.0), atol=1e-3) else planes[::-1]
    assert [one.info.name for one in segments] == ["Lesion 1", "Lesion 2"]
    for number, one in enumerate(segments):
        assert np.array_equal(resample_like(one.mask, series, nearest=True).array, order[..., number])


def test_a_dicom_seg_gives_a_lesion_for_each_segment(dicom_seg):
    write, _, series = dicom_seg
    lesions = read_lesions(write("BINARY"))
    assert set(np.unique(lesions.array)) == {0, 1, 2}
    check_on_image(lesions, series)


def test_vertebrae_may_reach_beyond_an_image_that_shows_less_of_the_spine(tmp_path):
    labels = np.zeros((4, 40, 6), np.uint8)
    for number, start in ((20, 0), (21, 14), (22, 28)):
        labels[:, start : start + 10] = number
    save(labels, tmp_path / "v.nii.gz")
    mask = read_volume(tmp_path / "v.nii.gz")
    for rows, whole in ((30, True), (15, False)):  # of 30 marked rows 20 and 11 are seen
        save(np.ones((4, rows, 6), np.float32), tmp_path / "i.nii.gz")
        image = read_volume(tmp_path / "i.nii.gz")
        if whole:
            assert np.array_equal(vertebrae_on(tmp_path / "v.nii.gz", image).array, mask.array)
        else:
            with pytest.raises(SpineError, match="63 % of the vertebrae lies outside"):
                vertebrae_on(tmp_path / "v.nii.gz", image)


@pytest.mark.parametrize(
    ("label", "names", "kept"),
    [
        ("necrosis", ("Ablation zone", "Residual tumour"), 0),
        ("lesion", ("Nekrose", "Metastase L3"), 1),
        ("lesion", ("Läsion 1", "Wirbelkörper"), 0),
    ],
)
def test_tumour_left_over_is_no_necrosis_and_necrosis_no_metastasis(tmp_path, label, names, kept):
    mask = np.where(balls(THREE[:1]), 1, np.where(balls(THREE[1:2]), 2, 0)).astype(np.uint8)
    image = read_volume(save(mask, tmp_path / "mask.nii.gz"))
    segments = [SegmentInfo(number, name, (1, 0, 0), "") for number, name in enumerate(names, start=1)]
    write_segmentation(tmp_path / "m.seg.nrrd", image, segments)
    found = read_lesions(tmp_path / "m.seg.nrrd", label)
    assert np.array_equal(found.array > 0, image.array == kept + 1)
    assert "left aside" in notes_of(found)[0] and names[1 - kept] in notes_of(found)[0]


def test_segments_whose_names_say_nothing_are_lesions_and_that_is_told(tmp_path):
    mask = np.where(balls(THREE[:1]), 1, np.where(balls(THREE[1:2]), 2, 0)).astype(np.uint8)
    image = read_volume(save(mask, tmp_path / "mask.nii.gz"))
    write_segmentation(tmp_path / "m.seg.nrrd", image, [SegmentInfo(n, f"Segment_{n}", (1, 0, 0), "") for n in (1, 2)])
    found = read_lesions(tmp_path / "m.seg.nrrd")
    assert found.array.max() == 2
    (told,) = notes_of(found)
    assert "No segment of the lesion file is called a lesion" in told and "Segment_2" in told
