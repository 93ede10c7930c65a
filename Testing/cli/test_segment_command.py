"""``spine segment`` from files to files."""

import csv
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.volume import read_volume, write_volume
from Testing.tasks.tiny import patient, save_tiny


def arguments(case, *more):
    return ["segment", "--t1", str(case / "T1.nii.gz"), "--t2", str(case / "T2.nii.gz"), *more]


def test_one_patient_gets_segmentation_probability_table_and_report(case, capsys):
    more = [
        "-o",
        case / "o.seg.nrrd",
        "--probability",
        case / "p.nrrd",
        "--json",
        case / "r.json",
        "--csv",
        case / "t.csv",
        "--model",
        "tiny-2d-t1-t2",
    ]
    assert main(arguments(case, *map(str, more))) == 0
    mask = read_volume(case / "o.seg.nrrd").array
    np.testing.assert_array_equal(mask > 0, read_volume(case / "p.nrrd").array >= 0.5)
    report = json.loads((case / "r.json").read_text())
    assert len(report["lesions"]) == 1 and report["provenance"]["model"]["id"] == "tiny-2d-t1-t2"
    [row] = csv.DictReader((case / "t.csv").open())
    assert float(row["volume_ml"]) == pytest.approx(report["lesions"][0]["volume_ml"], abs=1e-3)
    told = capsys.readouterr().out
    assert told.startswith("1 lesion, ") and "simulated data" in told and "Research use only" in told


def test_a_dicom_series_gets_objects_for_the_archive_that_hold_the_lesions_as_measured(case, capsys):
    highdicom = pytest.importorskip("highdicom")
    from Testing.volume.series import write_image_series

    for name in ("T1", "T2"):
        write_image_series(case / f"dicom-{name}", read_volume(case / f"{name}.nii.gz"), StudyDate="20240102")
    line = ["segment", "--t1", str(case / "dicom-T1"), "--t2", str(case / "dicom-T2"), "--model", "tiny-2d-t1-t2"]
    line += ["-o", str(case / "o.seg.nrrd"), "--json", str(case / "r.json"), "--dicom", str(case / "archive")]
    assert main(line) == 0
    files = {path.name for path in (case / "archive").iterdir()}
    assert files == {"lesions.dcm", "measurements.dcm", "picture_1.dcm", "report.txt"}
    [lesion] = json.loads((case / "r.json").read_text())["lesions"]
    seg = highdicom.seg.segread(case / "archive" / "lesions.dcm")
    mask = read_volume(case / "o.seg.nrrd")
    assert np.count_nonzero(seg.pixel_array) == np.count_nonzero(mask.array)
    document = highdicom.sr.srread(case / "archive" / "measurements.dcm")
    [group] = document.content.get_volumetric_roi_measurement_groups()
    told = {one.name.value: one.value for one in group.get_measurements()}
    # Six digits are written.
    assert told["118565006"] == pytest.approx(lesion["volume_ml"], rel=1e-5)
    assert group.tracking_uid == seg.SegmentSequence[0].TrackingUID
    text = (case / "archive" / "report.txt").read_text(encoding="utf-8")
    assert text.startswith("1 metastasis on T1 and T2, ") and "Lesion 1" in text and "tiny-2d-t1-t2" in text
    assert "Doe" not in text and "4711" not in text


def test_objects_for_the_archive_of_files_that_are_no_dicom_are_refused_before_any_work(case, capsys):
    line = ["--model", "tiny-2d-t1-t2", "-o", str(case / "o.seg.nrrd"), "--dicom", str(case / "archive")]
    assert main(arguments(case, *line)) == 1
    assert "folders of DICOM files" in capsys.readouterr().err
    assert not (case / "archive").exists() and not (case / "o.seg.nrrd").exists()


@pytest.mark.parametrize("name", ["o.nii.gz", "o.nrrd", "o.mha"])
def test_other_endings_give_a_labelmap(case, name):
    assert main(arguments(case, "-o", str(case / name), "--model", "tiny-2d-t1-t2")) == 0
    assert read_volume(case / name).same_grid(read_volume(case / "T1.nii.gz"))


def test_existing_files_are_kept_unless_overwriting_is_asked_for(case, capsys):
    (case / "o.seg.nrrd").write_text("precious")
    command = arguments(case, "-o", str(case / "o.seg.nrrd"), "--model", "tiny-2d-t1-t2")
    assert main(command) == 1
    assert (case / "o.seg.nrrd").read_text() == "precious"
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    assert read_volume(case / "o.seg.nrrd").array.max() == 1


@pytest.fixture
def follow_up(case):
    """A patient before and after an ablation, and tiny models of both tasks that have T2 in common."""
    save_tiny(case / "models", inputs=("T2",))
    save_tiny(case / "models", inputs=("ceT1",), target="necrosis")
    save_tiny(case / "models", 3, inputs=("ceT1",), target="necrosis")
    images = patient()
    for session, name in (("before", "T1w"), ("after", "ce-gd_T1w")):
        anat = case / "bids" / "sub-001" / f"ses-{session}" / "anat"
        anat.mkdir(parents=True)
        write_volume(images["T1"], anat / f"sub-001_ses-{session}_{name}.nii.gz")
        write_volume(images["T2"], anat / f"sub-001_ses-{session}_T2w.nii.gz")
    return case


def test_each_task_chooses_among_its_own_models(follow_up, monkeypatch):
    from SpineLib.cli.choosing import TASKS, best_model
    from SpineLib.errors import SpineError
    from SpineLib.models import catalogue, read_card

    monkeypatch.setattr(catalogue, "bundled_folders", lambda: [])
    necrosis = read_card(best_model(["ceT1", "T2", "T1"], TASKS["necrosis"]))
    assert necrosis.task == "necrosis-segmentation" and necrosis.network["dimensions"] == 2
    assert read_card(best_model(["ceT1", "T2"])).id == "tiny-2d-t2"
    with pytest.raises(SpineError, match="for necrosis-segmentation works on T2 alone"):
        best_model(["T2"], TASKS["necrosis"])


def test_necrosis_is_segmented_and_told_as_such(follow_up, capsys):
    image = follow_up / "bids" / "sub-001" / "ses-after" / "anat" / "sub-001_ses-after_ce-gd_T1w.nii.gz"
    command = ["segment", "--cet1", str(image), "-o", str(follow_up / "o.seg.nrrd"), "--model", "necrosis-2d-cet1"]
    assert main([*command, "--json", str(follow_up / "r.json"), "--task", "necrosis"]) == 0
    assert "1 necrosis" in capsys.readouterr().out
    assert json.loads((follow_up / "r.json").read_text())["provenance"]["target"] == "necrosis"
    assert main([*command, "--overwrite", "--task", "metastasis"]) == 1
    assert "is for necrosis-segmentation" in capsys.readouterr().err
    assert main([*command, "--overwrite", "--session", "after"]) == 1
    assert "use it with --bids" in capsys.readouterr().err


def test_of_a_follow_up_the_scans_after_ablation_are_segmented_for_necrosis(follow_up, capsys):
    command = ["segment", "--bids", str(follow_up / "bids"), "-o", str(follow_up / "out")]
    assert main([*command, "--model", "necrosis-2d-cet1"]) == 0
    assert {file.name for file in (follow_up / "out").iterdir()} == {
        "sub-001_ses-after_necroses.seg.nrrd",
        "sub-001_ses-after_necroses.csv",
        "sub-001_ses-after_necroses_report.json",
        "summary_necroses.csv",
    }
    # Metastases in the same folder: neither is taken for the other's work, nor overwritten.
    assert main([*command, "--model", "tiny-2d-t1-t2", "--session", "before"]) == 0
    [row] = csv.DictReader((follow_up / "out" / "summary.csv").open())
    assert (row["case"], row["status"], row["lesions"]) == ("sub-001_ses-before", "done", "1")
    [row] = csv.DictReader((follow_up / "out" / "summary_necroses.csv").open())
    assert (row["case"], row["status"], row["necroses"]) == ("sub-001_ses-after", "done", "1")
    assert main([*command, "--task", "necrosis", "--session", "later"]) == 1
    assert "No patient has the session 'later'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more, words",
    [
        (["-o", "T1.nii.gz", "--overwrite"], "name of an input"),
        (["-o", "no/o.nrrd"], "does not exist"),
        (["-o", "o.png"], "cannot be written"),
        (["-o", "o.nrrd", "--model", "nothing"], "no model 'nothing'"),
        (["-o", "o.nrrd", "--threshold", "3"], "between 0 and 1"),
        (["-o", "o.nrrd", "--device", "mps"], "no device"),
    ],
)
def test_mistakes_get_one_sentence_and_write_nothing(case, capsys, monkeypatch, more, words):
    monkeypatch.chdir(case)
    before = {file: file.read_bytes() for file in case.rglob("*") if file.is_file()}
    model = [] if "--model" in more else ["--model", "tiny-2d-t1-t2"]
    assert main(arguments(case, *more, *model)) == 1
    told = capsys.readouterr().err
    assert words in told.splitlines()[-1]
    assert {file: file.read_bytes() for file in case.rglob("*") if file.is_file()} == before


def test_control_c_leaves_nothing_and_ends_with_130(case, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("SpineLib.inference.fastnet.FastNetwork.__call__", interrupted)
    assert main(arguments(case, "-o", str(case / "o.nrrd"), "--model", "tiny-2d-t1-t2")) == 130
    assert sorted(file.name for file in case.iterdir()) == ["T1.nii.gz", "T2.nii.gz", "models"]


@pytest.fixture
def cohort(case):
    for number in (1, 2, 3):
        anat = case / "bids" / f"sub-00{number}" / "anat"
        anat.mkdir(parents=True)
        for name, volume in patient(radius=6.0 + number).items():
            write_volume(volume, anat / f"sub-00{number}_{name}w.nii.gz")
    (case / "bids" / "sub-002" / "anat" / "sub-002_T1w.nii.gz").write_text("broken")
    return case


def test_a_folder_goes_on_after_a_bad_case_and_takes_up_where_it_ended(cohort, capsys):
    command = ["segment", "--bids", str(cohort / "bids"), "-o", str(cohort / "out"), "--model", "tiny-2d-t1-t2"]
    assert main(command) == 1
    told = capsys.readouterr()
    assert "sub-001: 1 lesion" in told.out and "sub-003: 1 lesion" in told.out
    assert "sub-002: failed: The T1 file is no NIfTI image" in told.err
    rows = list(csv.DictReader((cohort / "out" / "summary.csv").open()))
    assert [row["status"] for row in rows] == ["done", "failed", "done"]
    first = (cohort / "out" / "sub-001_lesions.seg.nrrd").stat().st_mtime_ns

    anat = cohort / "bids" / "sub-002" / "anat"
    write_volume(patient()["T1"], anat / "sub-002_T1w.nii.gz")
    assert main(command) == 0
    rows = list(csv.DictReader((cohort / "out" / "summary.csv").open()))
    assert [row["status"] for row in rows] == ["kept", "done", "kept"]
    assert (cohort / "out" / "sub-001_lesions.seg.nrrd").stat().st_mtime_ns == first


def test_in_a_folder_each_patient_has_the_vertebrae_that_the_pattern_names(cohort, capsys):
    grid = patient()["T1"]
    for case, number in (("sub-001", 22), ("sub-003", 23)):
        labels = cohort / "bids" / "derivatives" / "spine" / case / f"{case}_acq-sag_vertebrae.nii.gz"
        labels.parent.mkdir(parents=True)
        write_volume(grid.with_array(np.full(grid.shape, number, np.uint8)), labels)
    pattern = "derivatives/spine/{subject}/{case}*_vertebrae.nii.gz"
    command = ["segment", "--bids", str(cohort / "bids"), "-o", str(cohort / "out"), "--model", "tiny-2d-t1-t2"]
    assert main([*command, "--vertebrae", pattern, "--numbers", "verse"]) == 1
    assert "sub-002: failed: The pattern meets no file of this case" in capsys.readouterr().err
    tables = [(cohort / "out" / f"{case}_lesions.csv").read_text() for case in ("sub-001", "sub-003")]
    assert [text.splitlines()[1].split(",")[1] for text in tables] == ["L3", "L4"]


def test_a_result_of_an_image_that_was_replaced_since_is_not_kept_without_a_word(cohort, capsys):
    command = ["segment", "--bids", str(cohort / "bids"), "-o", str(cohort / "out"), "--model", "tiny-2d-t1-t2"]
    main(command)
    image = cohort / "bids" / "sub-001" / "anat" / "sub-001_T1w.nii.gz"
    other = patient()["T1"]
    write_volume(other.with_array(other.array + 1), image)
    capsys.readouterr()
    assert main(command) == 1
    told = capsys.readouterr()
    assert "sub-001: failed: An image of the case was changed after its result had been made" in told.err
    assert "sub-003" in told.out and "(kept)" in told.out
    assert main([*command, "--overwrite"]) == 1 and "sub-001: failed" not in capsys.readouterr().err
    main(command)
    assert "sub-001: failed" not in capsys.readouterr().err


def test_of_several_images_the_one_is_taken_that_is_asked_for(cohort, capsys):
    anat = cohort / "bids" / "sub-001" / "anat"
    (anat / "sub-001_T2w.nii.gz").rename(anat / "sub-001_acq-sag_T2w.nii.gz")
    shutil.copy(anat / "sub-001_acq-sag_T2w.nii.gz", anat / "sub-001_acq-ax_T2w.nii.gz")
    for number in (2, 3):
        shutil.rmtree(cohort / "bids" / f"sub-00{number}")
    command = ["segment", "--bids", str(cohort / "bids"), "-o", str(cohort / "out"), "--model", "tiny-2d-t1-t2"]
    assert main(command) == 1
    assert "2 T2 images (acq-ax, acq-sag); choose one with --acq" in capsys.readouterr().err
    assert main([*command, "--acq", "sag"]) == 0
    (row,) = csv.DictReader((cohort / "out" / "summary.csv").open())
    assert "Of 2 T2 images the one of acq-sag was taken." in row["message"]
    assert main([*command, "--acq", "sag"]) == 0 and "(kept)" in capsys.readouterr().out
    assert main([*command, "--acq", "ax"]) == 1
    assert "done earlier from other images" in capsys.readouterr().err
    assert main([*command, "--acq", "ax", "--overwrite"]) == 0
    assert main(["segment", "--t1", str(cohort / "T1.nii.gz"), "--acq", "sag", "-o", str(cohort / "x.nrrd")]) == 1
    assert "use it with --bids" in capsys.readouterr().err


def test_a_segmentation_that_lies_there_without_its_report_is_kept(cohort, capsys):
    command = ["segment", "--bids", str(cohort / "bids"), "-o", str(cohort / "out"), "--model", "tiny-2d-t1-t2"]
    (cohort / "out").mkdir()
    corrected = cohort / "out" / "sub-001_lesions.seg.nrrd"
    corrected.write_text("corrected by hand")
    assert main(command) == 1
    assert "sub-001: failed: A segmentation without its report lies in the output" in capsys.readouterr().err
    assert corrected.read_text() == "corrected by hand"
    main([*command, "--overwrite"])
    assert read_volume(corrected).array.any()


@pytest.mark.parametrize("at", ["write_result", "write_table", "write_text"])
def test_a_case_interrupted_while_its_files_are_written_begins_anew(cohort, monkeypatch, at):
    from SpineLib.tasks.segmentation import case_files

    def interrupted(*_):
        raise KeyboardInterrupt

    command = ["segment", "--bids", str(cohort / "bids"), "-o", str(cohort / "out"), "--model", "tiny-2d-t1-t2"]
    with monkeypatch.context() as patched:
        patched.setattr(case_files, at, interrupted)
        assert main(command) != 0
    assert not list((cohort / "out").glob("sub-001*"))
    main(command)
    assert (cohort / "out" / "sub-001_report.json").exists()


@pytest.mark.parametrize("killed_after", [0, 1, 2])
def test_a_case_that_was_killed_between_mask_and_report_goes_on_by_itself(cohort, monkeypatch, killed_after):
    from pathlib import Path

    command = ["segment", "--bids", str(cohort / "bids"), "-o", str(cohort / "out"), "--model", "tiny-2d-t1-t2"]
    out = cohort / "out"
    main(command)
    whole = {path.name: path.read_bytes() for path in out.glob("sub-001*")}
    (out / "sub-001_report.json").rename(out / "sub-001_report.json.part")  # as SIGKILL leaves it
    for name in ("sub-001_lesions.csv", "sub-001_lesions.seg.nrrd")[: 2 - killed_after]:
        (out / name).unlink()
    main(command)
    assert {path.name for path in out.glob("sub-001*")} == set(whole)
    assert Path(out / "sub-001_lesions.csv").read_bytes() == whole["sub-001_lesions.csv"]


def test_a_mask_corrected_by_hand_is_kept_and_its_lesions_are_measured_again(cohort, capsys):
    import SimpleITK

    command = ["segment", "--bids", str(cohort / "bids"), "-o", str(cohort / "out"), "--model", "tiny-2d-t1-t2"]
    main(command)
    file = cohort / "out" / "sub-001_lesions.seg.nrrd"
    image = SimpleITK.ReadImage(str(file))
    half = SimpleITK.GetArrayFromImage(image)
    half[: np.argwhere(half).mean(axis=0).astype(int)[0]] = 0
    edited = SimpleITK.GetImageFromArray(half)
    edited.CopyInformation(image)
    for key in image.GetMetaDataKeys():
        edited.SetMetaData(key, image.GetMetaData(key))
    SimpleITK.WriteImage(edited, str(file))
    corrected = file.read_bytes()
    capsys.readouterr()
    main(command)
    assert "(corrected)" in capsys.readouterr().out
    assert file.read_bytes() == corrected
    voxel_ml = float(np.prod(image.GetSpacing())) / 1000
    report = json.loads((cohort / "out" / "sub-001_report.json").read_text())
    assert report["total_volume_ml"] == pytest.approx(np.count_nonzero(half) * voxel_ml)
    assert report["lesions"][0]["mean_probability"] is None and any("changed" in note for note in report["notes"])
    [row] = csv.DictReader((cohort / "out" / "sub-001_lesions.csv").open())
    assert float(row["volume_ml"]) == pytest.approx(report["total_volume_ml"], abs=1e-4)
    rows = {row["case"]: row for row in csv.DictReader((cohort / "out" / "summary.csv").open())}
    assert float(rows["sub-001"]["total_volume_ml"]) == pytest.approx(report["total_volume_ml"], abs=1e-3)
    main(command)
    assert file.read_bytes() == corrected and "(kept)" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="file names are text on Windows")
def test_file_names_of_any_bytes_neither_abort_nor_stop_a_batch_nor_steer_the_terminal(case, tmp_path, repository):
    for name in (b"sub-M\xfcller", b"sub-a\nb", b"sub-\x1b[2Jx", "sub-病".encode()):
        anat = os.path.join(os.fsencode(tmp_path), b"bids", name, b"anat")
        os.makedirs(anat)
        for sequence in (b"T1", b"T2"):
            source = os.path.join(os.fsencode(case), sequence + b".nii.gz")
            shutil.copy(source, os.path.join(anat, name + b"_" + sequence + b"w.nii.gz"))
    line = ["segment", "--bids", str(tmp_path / "bids"), "-o", str(tmp_path / "out"), "--model", "tiny-2d-t1-t2"]
    done = subprocess.run(
        [sys.executable, "-m", "SpineLib", *line],
        cwd=repository,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1"},
    )
    said = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-500:]
    assert (
        r"sub-M\udcfcller: 1" in said and r"sub-a\nb: 1" in said and r"sub-\x1b[2Jx: 1" in said and "sub-病: 1" in said
    )
    made = os.listdir(os.fsencode(tmp_path / "out"))
    assert b"sub-M\xfcller_lesions.seg.nrrd" in made and not [name for name in made if name.startswith(b"output")]
    again = subprocess.run([sys.executable, "-m", "SpineLib", *line], cwd=repository, capture_output=True)
    assert again.returncode == 0 and again.stdout.count(b"(kept)") == 4


def test_contrast_enhanced_t1_is_told_from_t1(tmp_path):
    from SpineLib.cohort.images import find_cases

    anat = tmp_path / "sub-7" / "ses-1" / "anat"
    anat.mkdir(parents=True)
    for name in ("T1w.nii.gz", "ce-gd_T1w.nii.gz", "T2w.nii", "STIR.nrrd", "T2w.json", "ce-gd_T2w.nii"):
        (anat / f"sub-7_ses-1_{name}").touch()
    [(name, images)] = find_cases(tmp_path)
    assert name == "sub-7_ses-1"
    assert {key: [file.name[12:] for file in files] for key, files in images.items()} == {
        "T1": ["T1w.nii.gz"],
        "ceT1": ["ce-gd_T1w.nii.gz"],
        "T2": ["T2w.nii"],
        "STIR": ["STIR.nrrd"],
    }
