"""``spine cohort check``: each patient with what it is good for, as a physicist reads it before a training."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from SpineLab.cohort.check import check_cohort
from SpineLib.cli.main import main
from SpineLib.volume import SegmentInfo, read_volume, write_segmentation
from Testing.own_patients import AFFINE, CENTRES, balls, mask_path, save, scan, write_patients


def by_name(folder, inputs=("T1", "T2"), **more):
    return {one.name: one for one in check_cohort(folder, inputs, **more)}


def test_volume_and_lesions_are_those_that_nibabel_counts(tmp_path):
    found = by_name(write_patients(tmp_path))
    for name, one in found.items():
        mask = nibabel.load(mask_path(tmp_path, name))
        ml = np.count_nonzero(mask.dataobj) * np.prod(mask.header.get_zooms()) / 1000
        assert one.taken and sum(one.lesions_ml) == pytest.approx(ml, rel=1e-5)
        assert len(one.lesions_ml) == len(CENTRES[name]) and "8 x 40 x 36 of 4 x 1 x 1.2 mm" in one.images["T1"]


def test_who_is_left_out_is_told_why(tmp_path):
    folder = write_patients(tmp_path)
    (folder / "sub-01/anat/sub-01_T2w.nii.gz").unlink()
    moved = AFFINE.copy()
    moved[2, 3] += 300
    save(balls(CENTRES["sub-02"]).astype(np.uint8), mask_path(folder, "sub-02"), moved)
    save(np.zeros((8, 40, 36), np.uint8), mask_path(folder, "sub-03"))
    found = by_name(folder)
    assert found["sub-01"].why_not == ["no T2"]
    assert "lies outside of the image" in found["sub-02"].why_not[0]
    assert found["sub-03"].taken and "healthy" in found["sub-03"].notes[0]


def test_one_patient_under_two_names_is_told(tmp_path):
    folder = write_patients(tmp_path)
    image = folder / "sub-01/anat/sub-01_T1w.nii.gz"
    (folder / "sub-03/anat/sub-03_T1w.nii.gz").write_bytes(image.read_bytes())
    assert "the same image as the T1 of sub-01" in by_name(folder)["sub-03"].notes[0]


def test_what_a_training_would_refuse_is_left_out_with_its_reason(tmp_path):
    folder = write_patients(tmp_path)
    mask = balls(CENTRES["sub-01"])
    ct = np.where(mask, 300, np.linspace(-1000, 60, 36)).astype(np.int16)
    save(ct, folder / "sub-01/anat/sub-01_T1w.nii.gz")
    save(np.full((8, 40, 36), 7, np.int16), folder / "sub-02/anat/sub-02_T2w.nii.gz")
    (folder / "sub-03/anat/sub-03_T2w.nii.gz").write_bytes((folder / "sub-03/anat/sub-03_T1w.nii.gz").read_bytes())
    found = by_name(folder)
    assert "is a CT, not an MR image" in found["sub-01"].why_not[0] and len(found["sub-01"].lesions_ml) == 2
    assert "is constant" in found["sub-02"].why_not[0]
    assert found["sub-03"].why_not == ["Its T2 is the same image as its T1"]


def test_one_patient_is_known_again_in_another_type_and_axis_order(tmp_path):
    folder = write_patients(tmp_path)
    scan = sitk.Round(sitk.ReadImage(str(folder / "sub-01/anat/sub-01_T1w.nii.gz")))
    sitk.WriteImage(scan, str(folder / "sub-01/anat/sub-01_T1w.nii.gz"))
    turned = sitk.DICOMOrient(sitk.Cast(scan, sitk.sitkInt16), "RAS")
    sitk.WriteImage(turned, str(folder / "sub-03/anat/sub-03_T1w.nii.gz"))
    assert "the same image as the T1 of sub-01" in by_name(folder)["sub-03"].notes[0]


def test_files_in_a_patients_folders_that_nothing_reads_are_told(tmp_path):
    folder = write_patients(tmp_path)
    images = folder / "sub-01/anat"
    (images / "sub-01_T1w.nii.gz").rename(images / "sub-01_acq-sag_T1w.nii.gz")
    second = mask_path(folder, "sub-02").with_name("sub-02_label-lesion_mask.nii")
    save(balls([(3, 12, 22)]).astype(np.uint8), second)
    found = by_name(folder)
    assert found["sub-01"].why_not == ["no T1"] and "sub-01_acq-sag_T1w.nii.gz" in found["sub-01"].notes[0]
    assert found["sub-02"].taken and found["sub-02"].notes == [f"left aside in its folders: {second.name}"]
    assert found["sub-03"].notes[0].startswith("The lesion mask was parted")


def test_a_folder_with_sessions_says_how_to_choose_one(tmp_path):
    mask = balls(CENTRES["sub-01"])
    place = tmp_path / "sub-01" / "ses-after" / "anat"
    save(scan(mask, 150, 1), place / "sub-01_ses-after_T2w.nii.gz")
    labels = tmp_path / "derivatives/labels/sub-01/ses-after/anat"
    save(mask.astype(np.uint8), labels / "sub-01_ses-after_label-necrosis_mask.nii.gz")
    assert by_name(tmp_path)["sub-01"].why_not == ["its files lie in sessions: choose with --session after"]
    assert by_name(tmp_path, ("T2",), label="necrosis", session="after")["sub-01"].taken
    assert not by_name(tmp_path, ("T2",), label="necrosis", session="before")["sub-01"].taken


def test_a_mask_that_a_model_began_is_told(tmp_path):
    folder = write_patients(tmp_path)
    mask = read_volume(mask_path(folder, "sub-01"))
    mask_path(folder, "sub-01").unlink()
    place = folder / "derivatives" / "labels"
    write_segmentation(place / "sub-01_lesions.seg.nrrd", mask, [SegmentInfo(1, "Lesion 1", (1, 0, 0), "")])
    (place / "sub-01_report.json").write_text(json.dumps({"provenance": {"model": {"id": "mets-t1t2-2d"}}}))
    assert "the mask began as one of 'mets-t1t2-2d'" in by_name(folder)["sub-01"].notes[-1]


def test_the_command_prints_a_table_and_writes_it_for_programs(tmp_path, capsys):
    folder = write_patients(tmp_path / "own")
    (folder / "sub-02/anat/sub-02_T2w.nii.gz").write_bytes(b"")
    assert main(["cohort", "check", str(folder), "--inputs", "T1,T2", "--json", str(tmp_path / "c.json")]) == 0
    told = capsys.readouterr().out
    assert "| sub-02 | left out: The T2 file is empty (0 bytes); copy or export it again |" in told
    assert "2 of 3 patients are taken (2 real), 5 lesions." in told
    rows = json.loads((tmp_path / "c.json").read_text())
    assert [row["taken"] for row in rows] == [True, False, True] and rows[0]["lesions"] == 2


def test_a_folder_with_nobody_to_take_ends_with_1_and_one_without_patients_with_a_sentence(tmp_path, capsys):
    assert main(["cohort", "check", str(write_patients(tmp_path / "own")), "--inputs", "STIR"]) == 1
    (tmp_path / "empty").mkdir()
    assert main(["cohort", "check", str(tmp_path / "empty")]) == 1
    assert "There is no patient" in capsys.readouterr().err
    assert main(["cohort", "check", str(tmp_path / "gone.csv")]) == 1
    assert "does not exist" in capsys.readouterr().err
    (tmp_path / "list.xlsx").write_bytes(b"PK")
    assert main(["cohort", "check", str(tmp_path / "list.xlsx")]) == 1
    assert "'list.xlsx' is no table of patients" in capsys.readouterr().err
