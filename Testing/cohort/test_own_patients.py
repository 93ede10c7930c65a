"""Folders and tables of a hospital's own patients: who is taken, who is left out and why, and what they are called."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLab.training.detection.cases import LESION, VERTEBRA
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.cohort.mr import described, read_cohort
from SpineLib.errors import SpineError
from SpineLib.progress import remarks_to
from SpineLib.volume import SegmentInfo, read_volume, write_segmentation
from Testing.own_patients import CENTRES, balls, mask_path, save, scan, write_patients
from Testing.volume.series import write_image_series


def read(folder, inputs=("T1", "T2"), **more):
    told = []
    with remarks_to(told.append):
        return read_cohort(folder, inputs, labels=("lesion",), **more), " ".join(told)


def test_patients_are_real_unless_something_says_otherwise(tmp_path):
    cohort, told = read(write_patients(tmp_path))
    assert [case.origin for case in cohort.cases] == ["real"] * 3 and not cohort.simulated and told == ""
    assert described(cohort) == "A cohort; patients: 3 real."


def test_a_patient_left_out_is_named_with_what_is_missing(tmp_path):
    folder = write_patients(tmp_path)
    mask_path(folder, "sub-02").unlink()
    (folder / "sub-03/anat/sub-03_T2w.nii.gz").unlink()
    cohort, told = read(folder)
    assert [case.name for case in cohort.cases] == ["sub-01"]
    assert "2 of 3 patients were left out (sub-02: no lesion; sub-03: no T2)" in told


def test_participants_tell_patient_by_patient_what_is_simulated(tmp_path):
    folder = write_patients(tmp_path)
    (folder / "participants.tsv").write_text(
        "participant_id\tsimulated\nsub-01\tfalse\nsub-02\ttrue\nsub-03\tpainted\n"
    )
    cohort, _ = read(folder)
    assert [case.origin for case in cohort.cases] == ["real", "simulated", "real with painted lesions"]
    assert cohort.simulated and "1 real, 1 real with painted lesions, 1 simulated" in described(cohort)


@pytest.mark.parametrize("kind", ["csv", "semicolons", "json"])
def test_a_table_of_patients_is_a_cohort_too(tmp_path, kind):
    folder, rows = write_patients(tmp_path / "data"), []
    for name in CENTRES:
        images = folder / name / "anat"
        rows.append(
            {
                "patient": name.upper(),
                "T1": str((images / f"{name}_T1w.nii.gz").relative_to(tmp_path)),
                "t2": str((images / f"{name}_T2w.nii.gz").relative_to(tmp_path)),
                "mask": str(mask_path(folder, name).relative_to(tmp_path)) if name != "sub-02" else "gone.nii.gz",
                "age": 61,
            }
        )
    if kind == "json":
        table = tmp_path / "patients.json"
        table.write_text("\ufeff" + json.dumps({"patients": rows}), encoding="utf-8")
    else:
        table, sign = tmp_path / "patients.csv", "," if kind == "csv" else ";"
        lines = [list(rows[0]), *([str(v) for v in row.values()] for row in rows)]
        table.write_text("\ufeff" + "\n".join(sign.join(line) for line in lines) + "\n", encoding="utf-8")
    cohort, told = read(table)
    assert [case.name for case in cohort.cases] == ["SUB-01", "SUB-03"]
    assert cohort.cases[1].lesions().array.max() == 3 and not cohort.simulated
    assert "SUB-02: the lesion file that the table names is not there" in told and "left aside: age" in told


def test_a_table_says_who_is_simulated_and_who_has_painted_lesions(tmp_path):
    folder = write_patients(tmp_path)
    words = ["true", "painted", "n/a"]
    rows = [f"{n},{n}/anat/{n}_T1w.nii.gz,{mask_path(tmp_path, n)},{w}" for n, w in zip(CENTRES, words)]
    (folder / "t.csv").write_text("\r\n".join(["sep=,", "patient,T1,mask,simulated", " , ,,", *rows, "", ""]))
    cohort, _ = read(folder / "t.csv", ("T1",))
    assert [case.origin for case in cohort.cases] == ["simulated", "real with painted lesions", "real"]


def test_rows_of_a_session_are_told_where_none_was_chosen(tmp_path):
    folder = write_patients(tmp_path)
    rows = [f"{n},{n}/anat/{n}_T1w.nii.gz,{mask_path(tmp_path, n)},{s}" for n, s in zip(CENTRES, ("", "after", ""))]
    (folder / "t.csv").write_text("\n".join(["patient,T1,mask,session", *rows]))
    cohort, told = read(folder / "t.csv", ("T1",))
    assert len(cohort.cases) == 2 and "1 rows of the table are of a session (after) and were left aside" in told
    assert [case.name for case in read(folder / "t.csv", ("T1",), session="after")[0].cases] == ["sub-02"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("participant_id\tsimulated\nsub-01\tmaybe\n", "told as 'maybe'"),
        ("participant_id;simulated\nsub-01;true\n", "has no column 'participant_id'"),
        ("participant_id\tsimulated\tname\nsub-01\ttrue\tM\xfcller\n", "save it in UTF-8"),
    ],
)
def test_nobody_is_called_real_because_the_participants_could_not_be_read(tmp_path, text, words):
    folder = write_patients(tmp_path)
    (folder / "participants.tsv").write_bytes(text.encode("latin-1"))
    with pytest.raises(SpineError, match=words):
        read(folder)


def test_participants_may_lack_the_prefix_and_a_truth_tells_that_a_patient_was_simulated(tmp_path):
    folder = write_patients(tmp_path)
    (folder / "participants.tsv").write_text("participant_id\tage\tsimulated\n01\t60\tyes\nsub-02\tn/a\tn/a\n")
    (folder / "derivatives/labels/sub-03/sub-03_truth.json").write_text("{}")
    assert [case.origin for case in read(folder)[0].cases] == ["simulated", "real", "simulated"]


def test_a_training_reads_the_series_of_a_table_and_prepares_again_what_was_replaced(tmp_path):
    from SpineLab.training.segmentation.dataset import prepare_cases
    from SpineLib.preprocess import Preparation

    mask = balls(CENTRES["sub-01"])
    save(mask.astype(np.uint8), tmp_path / "mask.nii.gz")
    for number, gain in ((3, -120), (4, 150), (5, -90)):
        save(scan(mask, gain, number), tmp_path / "one.nii.gz")
        write_image_series(tmp_path / str(number), read_volume(tmp_path / "one.nii.gz"), SeriesNumber=number)
    (tmp_path / "both").mkdir()
    for file in [*(tmp_path / "3").iterdir(), *(tmp_path / "4").iterdir()]:
        shutil.copy(file, tmp_path / "both" / f"{file.parent.name}-{file.name}")
    (tmp_path / "t.csv").write_text("patient,T1,T2,mask\nA,3,both#4,mask.nii.gz\n")
    preparation, means = Preparation(slices=16).to_dict(), []
    for _ in range(2):
        cohort, _ = read(tmp_path / "t.csv")
        cases = prepare_cases(cohort, ("T1", "T2"), preparation, tmp_path / "cache", processes=1)
        means.append(float(cases[0].channels[0].mean()))
        shutil.rmtree(tmp_path / "3")
        shutil.copytree(tmp_path / "5", tmp_path / "3")
    assert len(cases[0].centres) == 2 and means[0] != means[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient,T1\nA,x\nA,y\n", "names the patient 'A' twice"),
        ("name of person,T1\nA,x\n", "names no patient"),
        ("patient,T1,mask\n", "holds no patient"),
        ("patient,T1,mask\n../A,x,y\n", "no name of a folder"),
        ("patient,T1,mask,lesion\nA,x,y,z\n", "several columns of lesion"),
        ("patient,T1,t1\nA,x,y\n", "several columns"),
        ("patient,T1,T1\nA,x,y\n", "several columns 'T1'"),
        ("patient,T1,mask\nA,x,y,z\n", "more cells than columns"),
        ("patient,T1,session\nA,x,pre\n", "has the session 'pre'; write before or after"),
        ("patient,T1,session\nA,x,after\n", "only patients of the session after; choose with --session"),
        ("patient,T1,simulated\nA,x,perhaps\n", "A is simulated is told as 'perhaps'; write false, true, or painted"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(tmp_path, text, words):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SpineError, match=words):
        read(tmp_path / "t.csv")


@pytest.mark.parametrize("place", ["derivatives/labels", "derivatives/labels/sub-01/anat"])
def test_masks_of_the_batch_command_are_found_where_it_writes_them(tmp_path, place):
    folder = write_patients(tmp_path)
    mask = read_volume(mask_path(folder, "sub-01"))
    mask_path(folder, "sub-01").unlink()
    write_segmentation(folder / place / "sub-01_lesions.seg.nrrd", mask, [SegmentInfo(1, "Lesion 1", (1, 0, 0), "")])
    cohort, _ = read(folder)
    assert cohort.cases[0].labels["lesion"].name == "sub-01_lesions.seg.nrrd"
    assert cohort.cases[0].lesions().array.max() == 2


def test_a_training_case_of_a_binary_mask_has_a_row_for_each_lesion(tmp_path):
    from SpineLab.training.segmentation.dataset import cache_folder, prepare_cases
    from SpineLib.preprocess import Preparation

    cohort, _ = read(write_patients(tmp_path / "own", value=256))
    preparation = Preparation(slices=16).to_dict()
    place = cache_folder(cohort, ("T1", "T2"), preparation)
    cases = prepare_cases(cohort, ("T1", "T2"), preparation, place, processes=1)
    assert [len(case.centres) for case in cases] == [2, 1, 3]


def test_a_training_on_a_mask_that_lies_elsewhere_is_refused_by_name(tmp_path):
    from SpineLab.training.segmentation.dataset import prepare_cases
    from SpineLib.preprocess import Preparation

    folder = write_patients(tmp_path / "own")
    moved = np.diag([4.0, 1, 1, 1])
    moved[:3, 3] = [500, 500, 500]
    save(balls(CENTRES["sub-02"]).astype(np.uint8), mask_path(folder, "sub-02"), moved)
    cohort, _ = read(folder)
    with pytest.raises(SpineError, match="Case sub-02: 100 % of lesion 1 lies outside"):
        prepare_cases(cohort, ("T1", "T2"), Preparation(slices=16).to_dict(), tmp_path / "cache", processes=1)


def test_one_patient_under_two_names_is_refused_by_the_trainings(tmp_path):
    from SpineLab.training.detection import loop as detection
    from SpineLab.training.detection.config import DetectorConfig
    from SpineLab.training.segmentation import session as segmentation
    from SpineLab.training.segmentation.config import SegmentationConfig
    from Testing.trainings import TINY

    folder = write_patients(tmp_path / "own")
    for name in CENTRES:
        bones = folder / f"derivatives/labels/{name}/anat/{name}_label-vertebrae_dseg.nii.gz"
        save(balls([(3, 20, 18)], 14).astype(np.uint8) * 20, bones)
    for key in ("T1w", "T2w"):
        scan_ = sitk.Round(sitk.ReadImage(str(folder / f"sub-01/anat/sub-01_{key}.nii.gz")))
        sitk.WriteImage(scan_, str(folder / f"sub-01/anat/sub-01_{key}.nii.gz"))
        sitk.WriteImage(sitk.Cast(scan_, sitk.sitkInt16), str(folder / f"sub-03/anat/sub-03_{key}.nii.gz"))
    mets = SegmentationConfig.from_dict(TINY)
    detector = DetectorConfig.read("siamese-dense").changed(sequence="T2")
    for training, config in ((segmentation, mets), (detection, detector)):
        with pytest.raises(SpineError, match="sub-03 and sub-01 have the same image: one patient would be trained on"):
            training.run_training(config, folder, tmp_path / "run", cache=tmp_path / "cache", processes=1)


def test_the_detector_learns_from_lesion_masks_alone_and_says_who_found_the_vertebrae(tmp_path, monkeypatch):
    from SpineLab.training.detection import cases as module

    folder = write_patients(tmp_path / "own")

    class Known:
        class card:
            id = "spine-mr"

    bones = np.zeros((36, 40, 8), np.uint8)
    bones[10:26] = 1
    monkeypatch.setattr(module, "spine_model", lambda: Known)
    monkeypatch.setattr(module, "see_vertebrae", lambda image, bundle: image.with_array(bones))
    cohort, _ = read(folder, ("T2",))
    told = []
    with remarks_to(told.append):
        cases = module.prepare_cases(cohort, "T2", (2.0,), "slice", tmp_path / "cache", processes=1)
    assert "3 of 3 cases have no mask of the vertebrae; the model 'spine-mr' found them." in told
    assert [len(np.unique(case.lesions)) - 1 for case in cases] == [2, 1, 3]
    assert all((case.kinds == LESION).any() and (case.kinds == VERTEBRA).any() for case in cases)


def test_the_model_that_comes_along_sees_no_column_in_noise_and_does_not_fail(tmp_path):
    from SpineLab.training.detection.vertebrae import see_vertebrae, spine_model

    image = read_volume(save(scan(np.zeros((8, 40, 36)), 0, 1), tmp_path / "T2.nii.gz"), "T2")
    seen = see_vertebrae(image, spine_model())
    assert seen.same_grid(image) and seen.array.dtype == np.uint8


def write_cts(folder, lesion=True):
    """CTs of patients: no bone before the tumour, no truth, no description."""
    mask = balls([(3, 20, 18)])
    for name in ("sub-01", "sub-02"):
        labels = folder / "derivatives/labels" / name / "ct"
        save(
            (40 + 300 * balls([(3, 20, 18)], 14) - 200 * mask).astype(np.int16),
            folder / name / "ct" / f"{name}_ct.nii.gz",
        )
        save(balls([(3, 20, 18)], 14).astype(np.uint8) * 22, labels / f"{name}_label-vertebrae_dseg.nii.gz")
        if lesion:
            save(mask.astype(np.uint8), labels / f"{name}_label-lesion_mask.nii.gz")
    return folder


def test_patients_with_a_ct_need_only_ct_vertebrae_and_lesion(tmp_path):
    first, _ = read_ct_cohort(write_cts(tmp_path))
    assert first.intact is None and first.truth == {} and first.origin == "real" and first.whole == first.vertebrae
    assert first.lesions().array.max() == 1


def test_vertebrae_drawn_on_another_grid_are_learned_on_that_of_the_ct(tmp_path):
    from SpineLab.training.vertebrae.cases import prepare_cases

    folder = write_cts(tmp_path / "own")
    (first, _) = prepare_cases(read_ct_cohort(folder, ("vertebrae",)), None, (), tmp_path / "first", processes=1)
    for place in folder.glob("derivatives/labels/*/ct/*vertebrae*"):
        image = sitk.ReadImage(str(place))
        sitk.WriteImage(sitk.DICOMOrient(sitk.ConstantPad(image, (2, 3, 1), (1, 0, 2)), "RAI"), str(place))
    (second, _) = prepare_cases(read_ct_cohort(folder, ("vertebrae",)), None, (), tmp_path / "second", processes=1)
    assert first.mask.any() and np.array_equal(first.mask, second.mask)


def test_vertebrae_are_learned_from_patients_without_lesion_masks_and_lesions_are_not(tmp_path):
    folder = write_cts(tmp_path, lesion=False)
    assert len(read_ct_cohort(folder, ("vertebrae",))) == 2
    with pytest.raises(SpineError, match="holds no case 'sub-\\*/ct' with CT, vertebrae, lesion"):
        read_ct_cohort(folder)


def test_lesions_of_patients_on_ct_become_boxes(tmp_path):
    from SpineLab.training.ct_lesions.cases import prepare_cases
    from SpineLib.preprocess.ct_slices import SlicePreparation

    cases = prepare_cases(read_ct_cohort(write_cts(tmp_path / "own")), SlicePreparation(), tmp_path / "c", processes=1)
    assert all(len(case.boxes) for case in cases)
