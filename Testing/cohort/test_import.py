"""``spine cohort import`` on folders of the same form and names as the data sets have."""

from __future__ import annotations

import json
import shutil

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.cli.main import main
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.cohort.mr import read_cohort
from SpineLib.volume import Volume, read_volume
from Testing.own_patients import AFFINE, CENTRES, balls, save, scan
from Testing.training.ct_lesions.test_deeplesion import HEADER, LINES, hu, write_picture
from Testing.volume.series import write_image_series


def bring(source, folder, out, *more):
    return main(["cohort", "import", source, str(folder), "-o", str(out), *more])


@pytest.fixture
def hospital(tmp_path):
    """Three folders as somebody exported them, each in its own way."""
    for number, centres in enumerate(CENTRES.values()):
        mask = balls(centres)
        folder = tmp_path / "hospital" / f"Patient {number + 1}"
        save(scan(mask, -120, number), folder / "T1.nii.gz")
        save(scan(mask, 150, number + 9), folder / "t2_tse_sag.nii")
        save(mask.astype(np.uint8), folder / ("mask.nii.gz" if number else "Metastases.nii.gz"))
    return tmp_path / "hospital"


def test_plain_folders_become_a_cohort_that_a_training_reads(hospital, tmp_path, capsys):
    assert bring("plain", hospital, tmp_path / "out") == 0
    cohort = read_cohort(tmp_path / "out", ("T1", "T2"), labels=("lesion",))
    assert [case.name for case in cohort.cases] == ["sub-Patient1", "sub-Patient2", "sub-Patient3"]
    assert not cohort.simulated and [case.lesions().array.max() for case in cohort.cases] == [2, 1, 3]
    for case, folder in zip(cohort.cases, sorted(hospital.iterdir())):
        ours, theirs = (np.asarray(nibabel.load(p).dataobj) for p in (case.sequences["T2"], folder / "t2_tse_sag.nii"))
        assert np.array_equal(ours, theirs)


def test_folders_that_cannot_be_meant_are_named_and_the_others_go_on(hospital, tmp_path, capsys):
    (hospital / "Patient 1" / "second_mask.nii.gz").write_bytes((hospital / "Patient 1/Metastases.nii.gz").read_bytes())
    (hospital / "Patient 2" / "T1.nii.gz").unlink()
    (hospital / "Patient 2" / "t2_tse_sag.nii").rename(hospital / "Patient 2" / "scan.nii")
    assert bring("plain", hospital, tmp_path / "out") == 0
    told = capsys.readouterr().out
    assert "left out Patient 1: it has 2 masks" in told and "left out Patient 2: no image whose name says" in told


def test_an_import_goes_on_where_it_was_and_not_into_another_cohort(hospital, tmp_path, capsys):
    assert bring("plain", hospital, tmp_path / "out") == 0
    first = tmp_path / "out/sub-Patient1/anat/sub-Patient1_T1w.nii.gz"
    before = first.stat().st_mtime_ns
    assert bring("plain", hospital, tmp_path / "out") == 0 and first.stat().st_mtime_ns == before
    assert bring("verse", verse(tmp_path / "verse"), tmp_path / "out") == 1
    assert "holds another cohort" in capsys.readouterr().err


def test_nothing_of_a_folder_is_left_aside_without_a_word(hospital, tmp_path, capsys):
    mask = balls(CENTRES["sub-01"])
    one, two, three = sorted(hospital.iterdir())
    save(np.where(mask, 300, -900).astype(np.int16), one / "CT.nii.gz")
    for name in ("vertebrae.nii.gz", "bones.nii.gz"):
        save(mask.astype(np.uint8), two / name)
    save(scan(mask, 20, 5), three / "dwi_b800.nii.gz")
    assert bring("plain", hospital, tmp_path / "out") == 0
    told = capsys.readouterr()
    assert "left out Patient 1: it has a CT and MR images (CT.nii.gz, T1.nii.gz, t2_tse_sag.nii)" in told.out
    assert "left out Patient 2: it has 2 masks of vertebrae (bones.nii.gz, vertebrae.nii.gz)" in told.out
    assert "Of Patient 3 were left aside" in told.err and "dwi_b800.nii.gz" in told.err


def test_images_may_be_called_after_the_spine_and_masks_in_german(hospital, tmp_path):
    for folder in hospital.iterdir():
        (folder / "T1.nii.gz").rename(folder / "LSpine_T1.nii.gz")
        next(path for path in folder.iterdir() if path.name.lower().startswith("m")).rename(folder / "Läsionen.nii.gz")
    assert bring("plain", hospital, tmp_path / "out") == 0
    cohort = read_cohort(tmp_path / "out", ("T1", "T2"), labels=("lesion",))
    assert [case.lesions().array.max() for case in cohort.cases] == [2, 1, 3]
    assert all("vertebrae" not in case.labels for case in cohort.cases)


def test_vertebrae_that_lie_elsewhere_are_refused_by_the_import_the_check_and_the_trainings(hospital, tmp_path, capsys):
    from SpineLab.cohort.check import check_cohort
    from SpineLab.training.detection import cases as detection
    from SpineLab.training.segmentation import dataset as segmentation
    from SpineLib.errors import SpineError
    from SpineLib.preprocess import Preparation

    assert bring("plain", hospital, tmp_path / "out") == 0
    moved = AFFINE.copy()
    moved[:3, 3] += 300
    for place in [
        *(folder / "vertebrae.nii.gz" for folder in hospital.iterdir()),
        *(
            folder / "anat" / f"{folder.name}_label-vertebrae_dseg.nii.gz"
            for folder in (tmp_path / "out/derivatives/labels").iterdir()
        ),
    ]:
        save(balls([(3, 20, 18)]).astype(np.uint8) * 20, place, moved)
    assert bring("plain", hospital, tmp_path / "again") == 1
    assert "100 % of the vertebrae lies outside of the image" in capsys.readouterr().out
    assert all("of the vertebrae lies outside" in one.why_not[0] for one in check_cohort(tmp_path / "out"))
    cohort = read_cohort(tmp_path / "out", ("T1", "T2"), labels=("lesion",))
    with pytest.raises(SpineError, match="Case sub-Patient1: 100 % of the vertebrae"):
        segmentation.prepare_cases(cohort, ("T1", "T2"), Preparation(slices=16).to_dict(), tmp_path / "s", processes=1)
    with pytest.raises(SpineError, match="Case sub-Patient1: 100 % of the vertebrae"):
        detection.prepare_cases(cohort, "T2", (2.0,), "slice", tmp_path / "d", processes=1)


def test_who_was_imported_before_is_named_and_comes_again_once_removed(hospital, tmp_path, capsys):
    assert bring("plain", hospital, tmp_path / "out") == 0
    shutil.rmtree(tmp_path / "out" / "sub-Patient2")
    assert bring("plain", hospital, tmp_path / "out") == 0
    assert (
        "2 patients were imported before and stay as they are (sub-Patient1, sub-Patient3)" in capsys.readouterr().err
    )
    assert (tmp_path / "out/sub-Patient2/anat/sub-Patient2_T1w.nii.gz").is_file()


def spider(folder):
    """SPIDER: images/N_tX.mha with masks/N_tX.mha; 1 is L5, 201 the disc below, 100 the canal."""
    for number in (1, 12):
        labels = np.zeros((8, 40, 36), np.uint8)
        for value, start in ((3, 2), (2, 14), (1, 26)):
            labels[:, start : start + 9, 8:24] = value
            labels[:, start + 9 : start + 12, 8:24] = 200 + value
        labels[:, :, 26:30] = 100
        for kind in ("images", "masks"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for sequence in ("t1", "t2"):
                array = labels if kind == "masks" else (200 + 10 * (labels == 2) + labels).astype(np.float32)
                image = sitk.GetImageFromArray(array)
                image.SetSpacing((3.0, 3.0, 4.0))
                sitk.WriteImage(image, str(folder / kind / f"{number}_{sequence}.mha"))
    (folder / "overview.csv").write_text("new_file_name\n1_t1\n")
    return folder


def test_spiders_vertebrae_get_the_numbers_of_verse_and_discs_that_of_the_vertebra_above(tmp_path):
    assert bring("spider", spider(tmp_path / "spider"), tmp_path / "out") == 0
    cases = read_cohort(tmp_path / "out", ("T1", "T2"), labels=("vertebrae", "discs", "canal")).cases
    assert [case.name for case in cases] == ["sub-spider001", "sub-spider012"]
    vertebrae, discs, canal = (read_volume(cases[0].labels[key]).array for key in ("vertebrae", "discs", "canal"))
    assert set(np.unique(vertebrae)) == {0, 22, 23, 24} and set(np.unique(canal)) == {0, 1}
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "spider/masks/1_t1.mha")))
    assert np.array_equal(vertebrae == 24, mask == 1) and np.array_equal(discs == 22, mask == 203)


def test_painted_lesions_are_called_painted_wherever_they_go(tmp_path):
    assert bring("spider", spider(tmp_path / "spider"), tmp_path / "out", "--paint", "2") == 0
    cohort = read_cohort(tmp_path / "out", ("T1", "T2"), labels=("lesion",))
    assert {case.origin for case in cohort.cases} == {"real with painted lesions"} and cohort.simulated
    assert [case.lesions().array.max() for case in cohort.cases] == [2, 2]
    facts = json.loads((tmp_path / "out/derivatives/labels/sub-spider001/anat/sub-spider001_painted.json").read_text())
    assert len(facts["lesions"]) == 2
    lesion = read_volume(cohort.cases[0].labels["lesion"]).array > 0
    before = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "spider/images/1_t1.mha")))
    after = read_volume(cohort.cases[0].sequences["T1"]).array
    assert np.median(after[lesion]) < np.median(before[lesion]) and after.shape == before.shape


def verse(folder):
    """VerSe by subject, and one patient as for the challenge."""
    bones = balls([(3, 20, 18)], 14).astype(np.uint8) * 21
    ct = (300 * (bones > 0)).astype(np.int16)
    for name, stem in (("sub-verse004", "sub-verse004"), ("sub-gl003", "sub-gl003_dir-ax")):
        save(ct, folder / "dataset-01training/rawdata" / name / f"{stem}_ct.nii.gz")
        save(bones, folder / "dataset-01training/derivatives" / name / f"{stem}_seg-vert_msk.nii.gz")
    save(ct, folder / "test/verse500_CT-sag.nii.gz")
    save(bones, folder / "test/verse500_CT-sag_seg.nii.gz")
    save(ct, folder / "dataset-01training/rawdata/sub-gl279/sub-gl279_ct.nii.gz")
    return folder


def test_verse_trains_vertebrae_and_a_patient_without_a_mask_is_named(tmp_path, capsys):
    assert bring("verse", verse(tmp_path / "verse"), tmp_path / "out") == 0
    assert "left out sub-gl279: its CT or its mask is missing" in capsys.readouterr().out
    cases = read_ct_cohort(tmp_path / "out", ("vertebrae",))
    assert [case.name for case in cases] == ["sub-gl003", "sub-verse004", "sub-verse500"]
    assert set(np.unique(read_volume(cases[0].vertebrae).array)) == {0, 21} and not cases[0].simulated


def test_numbers_that_are_not_the_data_sets_and_patients_without_a_ct_are_named(tmp_path, capsys):
    folder = verse(tmp_path / "verse")
    bones = balls([(3, 20, 18)], 14)
    place = folder / "dataset-01training/derivatives"
    save(bones.astype(np.uint16) * 400, place / "sub-verse004/sub-verse004_seg-vert_msk.nii.gz")  # 144 as uint8
    save(bones.astype(np.uint8) * 0, place / "sub-gl003/sub-gl003_dir-ax_seg-vert_msk.nii.gz")
    save(bones.astype(np.uint8) * 20, place / "sub-verse005/sub-verse005_seg-vert_msk.nii.gz")
    assert bring("verse", folder, tmp_path / "out") == 0
    told = capsys.readouterr().out
    assert "left out sub-verse004: its mask holds numbers that are not VerSe's (400)" in told
    assert "left out sub-gl003: its mask holds no vertebra" in told
    assert "left out sub-verse005: its CT or its mask is missing" in told


def test_spine_mets_gives_vertebrae_and_the_class_of_their_lesions(tmp_path, capsys):
    highdicom = pytest.importorskip("highdicom", reason="highdicom is an optional dependency")
    import pydicom
    from pydicom.sr.codedict import codes

    study = tmp_path / "mets" / "10250" / "03-04-2012-NA-Spine-31435"
    empty = ("PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime", "AccessionNumber")
    volume = Volume(np.full((8, 20, 16), 40), (1.0, 1.0, 2.0))
    write_image_series(study / "3.000000-BONE-19343", volume, **dict.fromkeys((*empty, "ReferringPhysicianName"), ""))
    sources = [pydicom.dcmread(file) for file in sorted((study / "3.000000-BONE-19343").iterdir())]
    sources.sort(key=lambda one: one.ImagePositionPatient[2])
    planes = np.zeros((8, 20, 16, 3), np.uint8)
    planes[0, 15:18, 4:8, 2] = 1
    planes[1:4, 4:12, 4:12, 0] = planes[4:7, 4:12, 4:12, 1] = 1
    segments = [
        highdicom.seg.SegmentDescription(n, label, codes.SCT.AnatomicalStructure, codes.SCT.Vertebra, "MANUAL")
        for n, label in enumerate(("L2_vertebra", "L1 vertebra", "Cord"), start=1)
    ]
    seg = highdicom.seg.Segmentation(
        source_images=sources, pixel_array=planes, segmentation_type="BINARY", segment_descriptions=segments,
        series_instance_uid=highdicom.UID(), series_number=300, sop_instance_uid=highdicom.UID(), instance_number=1,
        manufacturer="M", manufacturer_model_name="N", software_versions="1", device_serial_number="0",
    )  # fmt: skip
    (study / "300.000000-Segmentation-99").mkdir()
    seg.save_as(study / "300.000000-Segmentation-99" / "1-1.dcm")
    (tmp_path / "mets" / "lesions.csv").write_text("Case,Vertebra,Lesion type\n10250,L1,osteolytic\n10250,L2,mixed\n")
    assert bring("spine-mets-ct-seg", tmp_path / "mets", tmp_path / "out") == 0
    assert "neither a level nor a lesion were left aside: Cord." in capsys.readouterr().err
    (case,) = read_ct_cohort(tmp_path / "out", ("vertebrae",))
    labels = read_volume(case.vertebrae)
    assert (labels.array == 21).sum() == planes[..., 0].sum() and (labels.array == 20).sum() == planes[..., 1].sum()
    table = (tmp_path / "out/derivatives/labels/sub-10250/ct/sub-10250_levels.tsv").read_text().splitlines()
    assert table[1:] == ["L1\t20\tlytic", "L2\t21\tmixed"]


def test_deeplesion_gives_one_key_slice_a_patient_with_the_ellipse_of_its_diameters(tmp_path):
    (tmp_path / "dl").mkdir()
    (tmp_path / "dl/DL_info.csv").write_text("\n".join([HEADER, *LINES]) + "\n")
    for number in (108, 109, 110):
        write_picture(tmp_path / "dl/Images_png/000001_01_01" / f"{number:03d}.png", hu(number))
    assert bring("deeplesion", tmp_path / "dl", tmp_path / "out") == 0
    place = tmp_path / "out/derivatives/labels/sub-000001/ct/sub-000001_label-lesion_mask.nii.gz"
    mask = read_volume(place)
    marked = np.flatnonzero(mask.array.any(axis=(1, 2)))
    ct = read_volume(tmp_path / "out/sub-000001/ct/sub-000001_ct.nii.gz")
    assert len(marked) == 1 and ct.array[marked[0], 0, 0] == 109
    # Diameters of 20 and 10 pixels of 0.8 mm; a rim of half a pixel is 15 % of the area.
    assert (mask.array > 0).sum() == pytest.approx(np.pi * 10 * 5, rel=0.15)
