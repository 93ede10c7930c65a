"""``spine followup`` from files to files."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.models import catalogue
from SpineLib.tasks.registration.quality import RegistrationQuality
from SpineLib.tasks.registration.record import write_registration
from SpineLib.tasks.registration.register import Registration
from SpineLib.volume import SegmentInfo, Volume, read_volume, write_segmentation, write_volume
from SpineLib.volume.transform import read_transform, write_transform
from Testing.layers import write_layers
from Testing.tasks.tiny import patient, save_tiny
from Testing.volume.series import write_image_series

SHIFT = np.array([[1.0, 0, 0, 4], [0, 1, 0, -3], [0, 0, 1, 2], [0, 0, 0, 1]])
FILES = {
    "after_to_before.tfm",
    "comparison.csv",
    "comparison.json",
    "margin.vtp",
    "metastases.seg.nrrd",
    "necroses.seg.nrrd",
    "report.html",
}


def moved(volume: Volume) -> Volume:
    """The volume as the scan after sees it: ``SHIFT`` brings it back."""
    return Volume(volume.array, volume.spacing, tuple(np.subtract(volume.origin, SHIFT[:3, 3])), volume.direction)


@pytest.fixture
def case(tmp_path, monkeypatch):
    """Scans before and after, masks, transform, and tiny models as the only ones of the user."""
    models = tmp_path / "models"
    save_tiny(models)
    save_tiny(models, inputs=("ceT1", "T2"), target="necrosis")
    monkeypatch.setenv("SPINE_MODELS", str(models))
    before, after = patient(radius=7), patient(radius=12)
    write_volume(before["T1"], tmp_path / "before_T1.nii.gz")
    write_volume(before["T2"], tmp_path / "before_T2.nii.gz")
    write_volume(moved(after["T1"]), tmp_path / "after_ceT1.nii.gz")
    write_volume(moved(after["T2"]), tmp_path / "after_T2.nii.gz")
    masks = {"metastasis": before["T1"], "necrosis": moved(after["T1"])}
    for name, image in masks.items():
        write_volume(image.with_array((image.array == 400).astype(np.uint8)), tmp_path / f"{name}.nrrd")
    write_transform(SHIFT, tmp_path / "given.tfm")
    return tmp_path


def command(case, *more, masks=True, transform=True):
    line = ["followup"]
    for option, name in (
        ("--before-t1", "before_T1"),
        ("--before-t2", "before_T2"),
        ("--after-cet1", "after_ceT1"),
        ("--after-t2", "after_T2"),
    ):
        line += [option, str(case / f"{name}.nii.gz")]
    if masks:
        line += ["--metastasis", str(case / "metastasis.nrrd"), "--necrosis", str(case / "necrosis.nrrd")]
    if transform:
        line += ["--transform", str(case / "given.tfm")]
    return [*line, "-o", str(case / "out"), *more]


def test_masks_and_transform_give_segmentations_figures_surface_and_report(case, capsys):
    assert main(command(case)) == 0
    assert {path.name for path in (case / "out").iterdir()} == FILES
    told = capsys.readouterr().out
    assert "covered; 100.0 % covered" in told and "Research use only" in told
    [row] = csv.DictReader((case / "out" / "comparison.csv").open())
    record = json.loads((case / "out" / "comparison.json").read_text())
    assert row["outcome"] == record["metastases"][0]["outcome"] == "covered"
    assert float(row["covered_share"]) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(read_transform(case / "out" / "after_to_before.tfm"), SHIFT, atol=1e-9)
    assert read_volume(case / "out" / "necroses.seg.nrrd").same_grid(read_volume(case / "after_T2.nii.gz"))
    assert set(record["files"]) == FILES


@pytest.mark.parametrize("simulated", [False, True])
def test_the_report_says_that_scans_are_simulated_where_a_sidecar_does(case, simulated):
    (case / "before_T2.json").write_text(json.dumps({"Simulated": simulated}))
    assert main(command(case)) == 0
    assert json.loads((case / "out" / "comparison.json").read_text())["simulated_data"] is simulated
    assert ("imulated data" in (case / "out" / "report.html").read_text(encoding="utf-8")) is simulated


def test_models_segment_what_no_mask_was_given_for(case):
    assert (
        main(
            command(case, "--metastasis-model", "tiny-2d-t1-t2", "--necrosis-model", "necrosis-2d-cet1-t2", masks=False)
        )
        == 0
    )
    record = json.loads((case / "out" / "comparison.json").read_text())
    assert record["metastases"][0]["outcome"] == "covered"
    assert set(record["models"]) == {"tiny-2d-t1-t2", "necrosis-2d-cet1-t2"} and record["simulated_training_data"]
    assert "Simulated training data" in (case / "out" / "report.html").read_text(encoding="utf-8")


def test_models_for_t1_and_stir_need_no_code_before_or_after(case, monkeypatch):
    """Their cards say what they are shown; the options are those of all sequences."""
    monkeypatch.setattr(catalogue, "bundled_folders", lambda: [])
    for target in ("metastasis", "necrosis"):
        save_tiny(case / "models", inputs=("STIR", "T1"), target=target)  # marks what is bright on its first input
    scans = {"before-t1": "before_T2", "before-stir": "before_T1", "after-t1": "after_T2", "after-stir": "after_ceT1"}
    options = [part for name, file in scans.items() for part in (f"--{name}", str(case / f"{file}.nii.gz"))]
    assert main(["followup", *options, "--transform", str(case / "given.tfm"), "-o", str(case / "out")]) == 0
    record = json.loads((case / "out" / "comparison.json").read_text())
    assert set(record["models"]) == {"tiny-2d-stir-t1", "necrosis-2d-stir-t1"}
    assert record["metastases"][0]["outcome"] == "covered"


def test_results_are_kept_unless_overwriting_is_asked_for(case, capsys):
    assert main(command(case)) == 0
    (case / "out" / "mine.txt").write_text("notes")
    before = (case / "out" / "report.html").stat().st_mtime_ns
    assert main(command(case)) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (case / "out" / "report.html").stat().st_mtime_ns == before
    assert main(command(case, "--overwrite")) == 0
    assert (case / "out" / "mine.txt").read_text() == "notes"
    assert (case / "out" / "report.html").stat().st_mtime_ns > before


def test_a_foreign_file_of_the_same_name_stays(case, capsys):
    (case / "out").mkdir()
    (case / "out" / "report.html").write_text("precious")
    assert main(command(case)) == 1
    assert "no follow-up wrote" in capsys.readouterr().err
    assert [path.name for path in (case / "out").iterdir()] == ["report.html"]
    assert (case / "out" / "report.html").read_text() == "precious"


@pytest.mark.parametrize(
    "spoil, words",
    [
        ("swapped names", "seems to be the later one by its name"),
        ("empty metastasis", "No metastasis is marked"),
        ("no after", "one from after"),
        ("singular", "transform"),
        ("dicom seg of files", "folders of DICOM"),
        ("no model", "No installed model for metastasis-segmentation"),
    ],
)
def test_mistakes_get_one_sentence_and_write_nothing(case, capsys, spoil, words):
    line = command(case)
    if spoil == "swapped names":
        for first, second in (("before_T1", "after_T1"), ("after_ceT1", "before_ceT1")):
            (case / f"{first}.nii.gz").rename(case / f"{second}.nii.gz")
        line = [
            "followup",
            "--before-t1",
            str(case / "after_T1.nii.gz"),
            "--after-cet1",
            str(case / "before_ceT1.nii.gz"),
            "-o",
            str(case / "out"),
        ]
    elif spoil == "empty metastasis":
        mask = read_volume(case / "metastasis.nrrd")
        write_volume(mask.with_array(mask.array * 0), case / "metastasis.nrrd")
    elif spoil == "no after":
        line = ["followup", "--before-t1", str(case / "before_T1.nii.gz"), "-o", str(case / "out")]
    elif spoil == "singular":
        text = (case / "given.tfm").read_text().splitlines()
        line[line.index("--transform") + 1] = str(case / "flat.tfm")
        text = [line_ if not line_.startswith("Parameters:") else "Parameters: " + "0 " * 12 for line_ in text]
        text = [line_.replace("Euler3DTransform", "AffineTransform") for line_ in text]
        (case / "flat.tfm").write_text("\n".join(text) + "\n")
    elif spoil == "dicom seg of files":
        line += ["--dicom", str(case / "archive")]
    elif spoil == "no model":
        line = [
            "followup",
            "--before-stir",
            str(case / "before_T1.nii.gz"),
            "--after-cet1",
            str(case / "after_ceT1.nii.gz"),
            "-o",
            str(case / "out"),
        ]
    assert main(line) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert words in told and "unexpectedly" not in told
    assert not (case / "out").exists() and not list(case.glob(".spine*"))


def test_control_c_leaves_the_folder_as_it_was_and_ends_with_130(case, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    (case / "out").mkdir()
    (case / "out" / "mine.txt").write_text("notes")
    monkeypatch.setattr("SpineLib.tasks.followup.follow_up.compare", interrupted)
    assert main(command(case)) == 130
    assert [path.name for path in (case / "out").iterdir()] == ["mine.txt"] and not list(case.glob(".spine*"))


def dicom_case(case, after_tags):
    """The same scans as DICOM folders of one patient, two days apart; returns the command."""
    tags = {"StudyDate": "20240102", "PatientBirthDate": "19500102", "PatientID": "ID-4711-X"}
    write_image_series(case / "A", read_volume(case / "before_T1.nii.gz"), **tags)
    write_image_series(
        case / "B",
        read_volume(case / "after_ceT1.nii.gz"),
        **tags | {"StudyDate": "20240104", "ContrastBolusAgent": "Gadobutrol"} | after_tags,
    )
    return [
        "followup",
        "--before-t1",
        str(case / "A"),
        "--after-cet1",
        str(case / "B"),
        "--metastasis",
        str(case / "metastasis.nrrd"),
        "--necrosis",
        str(case / "necrosis.nrrd"),
        "--transform",
        str(case / "given.tfm"),
        "-o",
        str(case / "out"),
    ]


def test_dicom_scans_get_objects_for_the_archive_and_name_the_patient_only_when_asked_to(case, capsys):
    pytest.importorskip("highdicom")
    import pydicom

    line, archive = dicom_case(case, {}), case / "archive"
    assert main([*line, "--dicom", str(archive)]) == 0
    assert {path.name for path in archive.iterdir()} == {
        "metastases.dcm",
        "necroses.dcm",
        "measurements.dcm",
        "picture_1.dcm",
        "report.txt",
    }
    texts = [
        path.read_text(encoding="utf-8")
        for path in [*(case / "out").iterdir(), *archive.iterdir()]
        if path.suffix in (".html", ".json", ".csv", ".txt")
    ]
    assert len(texts) == 4
    secrets = "Doe^Jane", "Doe Jane", "ID-4711-X", "19500102", "1950-01-02", "20240102", "2024-01-02"
    assert not any(secret in text for text in texts for secret in secrets)
    for name, folder in (("metastases", "A"), ("necroses", "B")):
        seg = pydicom.dcmread(archive / f"{name}.dcm")
        source = pydicom.dcmread(next((case / folder).iterdir()))
        assert seg.FrameOfReferenceUID == source.FrameOfReferenceUID
        assert np.count_nonzero(seg.pixel_array) == np.count_nonzero(
            read_volume(case / f"{'metastasis' if folder == 'A' else 'necrosis'}.nrrd").array
        )
    assert "Metastasis 1" in (archive / "report.txt").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main([*line, "--dicom", str(archive), "-o", str(case / "other")]) == 1
    assert "holds files already" in capsys.readouterr().err and not (case / "other").exists()
    assert main([*line, "--include-patient", "--overwrite"]) == 0
    text = (case / "out" / "report.html").read_text(encoding="utf-8")
    assert "Doe Jane" in text and "1950-01-02" in text and "2024-01-04" in text


@pytest.mark.parametrize(
    "tags, option, words",
    [
        ({"PatientID": "0815"}, "--allow-different-patients", "different patient IDs"),
        ({"StudyDate": "20240101"}, "--swap-check=off", "later one by its date"),
    ],
)
def test_another_patient_or_the_wrong_order_is_refused_unless_the_user_is_sure(case, capsys, tags, option, words):
    line = dicom_case(case, tags)
    assert main(line) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert words in told and "0815" not in told and "Doe" not in told
    assert main([*line, option]) == 0


def test_the_distances_to_the_canal_are_told_and_stand_in_the_report(case, capsys):
    metastasis = read_volume(case / "metastasis.nrrd")
    canal = np.zeros(metastasis.shape, np.uint8)
    canal[:, :, :3] = 1
    write_volume(metastasis.with_array(canal), case / "canal.nrrd")
    assert main(command(case, "--canal", str(case / "canal.nrrd"))) == 0
    told = capsys.readouterr().out
    assert "Metastasis 1: Lesion " in told and told.count("spinal canal") == 2
    assert "spinal canal" in (case / "out" / "report.html").read_text(encoding="utf-8")
    assert json.loads((case / "out" / "comparison.json").read_text())["spine"]
    quality = RegistrationQuality(0.8, 0.1, 1.0, 0.1, 0.2, error_mm=6.0, trusted=False, reasons=("It is bent.",))
    write_registration(Registration(SHIFT, quality, {}, []), case / "given.tfm")
    assert main(command(case, "--canal", str(case / "canal.nrrd"), "--overwrite")) == 0
    told = capsys.readouterr().out
    assert "Necrosis to spinal canal: not to be told; the registration is not to be trusted." in told


def test_an_after_scan_without_contrast_is_told(case, capsys):
    assert main(dicom_case(case, {"ContrastBolusAgent": ""})) == 0
    assert "names no contrast agent" in capsys.readouterr().out


def test_when_nothing_tells_the_order_a_terminal_is_asked(case, monkeypatch, capsys):
    line = command(case)
    for n, name in enumerate(["before_T1", "before_T2", "after_ceT1", "after_T2"]):
        (case / f"{name}.nii.gz").rename(case / f"{n}.nii.gz")
        line = [str(case / f"{n}.nii.gz") if part == str(case / f"{name}.nii.gz") else part for part in line]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "n")
    assert main(line) == 1
    assert "not begun" in capsys.readouterr().err and len(asked) == 1 and "before the ablation" in asked[0]
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert main(line) == 0
    assert "Neither dates nor names tell" in capsys.readouterr().out and len(asked) == 1


@pytest.fixture
def cohort(tmp_path):
    from Testing.followup_balls import write_followup_cohort

    folder = write_followup_cohort(tmp_path / "bids", cases=3)
    (folder / "sub-002" / "ses-after" / "anat" / "sub-002_ses-after_T2w.nii.gz").write_text("broken")
    return tmp_path


def test_segments_that_overlap_and_nearly_whole_numbers_are_masks_too(case, capsys):
    metastasis, necrosis = (read_volume(case / f"{name}.nrrd") for name in ("metastasis", "necrosis"))
    write_layers(case / "m.seg.nrrd", metastasis, {"metastasis": metastasis.array, "core": metastasis.array})
    write_volume(necrosis.with_array((necrosis.array * 0.9999999).astype(np.float32)), case / "n.nrrd")
    line = [part.replace("metastasis.nrrd", "m.seg.nrrd").replace("necrosis.nrrd", "n.nrrd") for part in command(case)]
    assert main(line) == 0
    told = capsys.readouterr().out
    assert "covered; 100.0 % covered" in told and "Segments of the metastasis file overlap" in told


def test_the_numbers_names_and_levels_of_a_readers_metastases_are_kept(case, capsys):
    image = read_volume(case / "metastasis.nrrd")
    labels = image.with_array(7 * image.array.astype(np.uint8))
    labels.array[:2, :2, :2] = 3
    tags = {number: {"SpineOncology.Level": level} for number, level in ((3, "L4"), (7, "L2"))}
    named = [SegmentInfo(n, name, (1.0, 0.0, 0.0), "", tags[n]) for n, name in ((3, "small one"), (7, "painful"))]
    write_segmentation(case / "named.seg.nrrd", labels, named)
    line = command(case, "--no-canal")
    line[line.index("--metastasis") + 1] = str(case / "named.seg.nrrd")
    assert main(line) == 0
    printed = capsys.readouterr().out
    assert "Metastasis 7 is 'painful' of the file." in printed and "Metastasis 3 is 'small one'" in printed
    record = json.loads((case / "out" / "comparison.json").read_text())
    assert {one["lesion"]["id"]: one["lesion"]["level"] for one in record["metastases"]} == {7: "L2", 3: "L4"}


def test_a_folder_goes_on_after_a_bad_case_and_takes_up_where_it_ended(cohort, capsys):
    line = ["followup", "--bids", str(cohort / "bids"), "--labels", "-o", str(cohort / "out")]
    assert main(line) == 1
    told = capsys.readouterr()
    assert "sub-002: failed: The T2 file is no NIfTI image" in told.err
    rows = list(csv.DictReader((cohort / "out" / "cohort.csv").open()))
    assert [row["status"] for row in rows] == ["done", "failed", "done"]
    assert rows[0]["treated"] == "1" and rows[0]["not_treated"] == "1"
    assert rows[0]["simulated_data"] == "True"
    first = (cohort / "out" / "sub-001" / "report.html").stat().st_mtime_ns

    good = cohort / "bids" / "sub-002" / "ses-after" / "anat"
    (good / "sub-002_ses-after_T2w.nii.gz").unlink()
    assert main(line) == 0
    rows = list(csv.DictReader((cohort / "out" / "cohort.csv").open()))
    assert [row["status"] for row in rows] == ["kept", "done", "kept"]
    assert (cohort / "out" / "sub-001" / "report.html").stat().st_mtime_ns == first
    page = (cohort / "out" / "cohort.html").read_text(encoding="utf-8")
    assert "Simulated data, not patients" in page and 'href="sub-003/report.html"' in page


def test_of_several_images_the_one_is_taken_that_is_asked_for(cohort, capsys):
    for name in ("sub-002", "sub-003"):
        shutil.rmtree(cohort / "bids" / name)
    anat = cohort / "bids" / "sub-001" / "ses-after" / "anat"
    (anat / "sub-001_ses-after_T2w.nii.gz").rename(anat / "sub-001_ses-after_acq-sag_T2w.nii.gz")
    shutil.copy(anat / "sub-001_ses-after_acq-sag_T2w.nii.gz", anat / "sub-001_ses-after_acq-ax_T2w.nii.gz")
    line = ["followup", "--bids", str(cohort / "bids"), "--labels", "-o", str(cohort / "out")]
    assert main(line) == 1
    assert "choose one with --acq" in capsys.readouterr().err
    assert main([*line, "--acq", "sag"]) == 0
    (row,) = csv.DictReader((cohort / "out" / "cohort.csv").open())
    assert "After the ablation: Of 2 T2 images the one of acq-sag was taken." in row["message"]
    assert main([*line, "--acq", "ax"]) == 1
    assert "done earlier from other images" in capsys.readouterr().err


def test_a_mask_corrected_in_a_patients_folder_is_kept_and_compared_again(cohort, capsys):
    import SimpleITK

    line = ["followup", "--bids", str(cohort / "bids"), "--labels", "-o", str(cohort / "out")]
    main(line)
    file = cohort / "out" / "sub-001" / "necroses.seg.nrrd"
    image = SimpleITK.ReadImage(str(file))
    edited = SimpleITK.BinaryErode(image > 0, (1, 1, 1)) * SimpleITK.Cast(image, SimpleITK.sitkUInt8)
    for key in image.GetMetaDataKeys():
        edited.SetMetaData(key, image.GetMetaData(key))
    SimpleITK.WriteImage(edited, str(file))
    before = json.loads((file.parent / "comparison.json").read_text(encoding="utf-8"))["rows"]
    corrected = file.read_bytes()
    capsys.readouterr()
    main(line)
    assert "(corrected)" in capsys.readouterr().out and file.read_bytes() == corrected
    record = json.loads((file.parent / "comparison.json").read_text(encoding="utf-8"))
    volumes = [[row["necrosis_ml"] for row in rows if row.get("necrosis_ml")] for rows in (before, record["rows"])]
    assert 0 < sum(volumes[1]) < sum(volumes[0])
    assert any("changed" in note for note in record["notes"])
    main(line)
    assert "sub-001" in capsys.readouterr().out and file.read_bytes() == corrected


def test_a_kept_patient_whose_image_was_replaced_is_told(cohort, capsys):
    line = ["followup", "--bids", str(cohort / "bids"), "--labels", "-o", str(cohort / "out")]
    main(line)
    image = cohort / "bids" / "sub-001" / "ses-before" / "anat" / "sub-001_ses-before_T1w.nii.gz"
    scan = read_volume(image)
    write_volume(scan.with_array(scan.array[::-1].copy()), image)
    capsys.readouterr()
    assert main(line) == 1
    assert "sub-001: failed: An image of the case was changed" in capsys.readouterr().err


def test_a_follow_up_killed_while_its_files_moved_goes_on_by_itself(cohort):
    line = ["followup", "--bids", str(cohort / "bids"), "--labels", "-o", str(cohort / "out")]
    main(line)
    folder = cohort / "out" / "sub-001"
    whole = {path.name for path in folder.iterdir()}
    record = folder / "comparison.json"
    (folder / "comparison.json.part").write_text(json.dumps({"files": sorted(whole)}))
    record.unlink()  # as SIGKILL leaves it: the record comes last
    (folder / "report.html").unlink()
    main(line)
    assert {path.name for path in folder.iterdir()} == whole


def test_a_patient_without_a_session_fails_alone(cohort, capsys):
    import shutil

    shutil.rmtree(cohort / "bids" / "sub-001")
    shutil.rmtree(cohort / "bids" / "sub-003" / "ses-before")
    assert main(["followup", "--bids", str(cohort / "bids"), "--labels", "-o", str(cohort / "out")]) == 1
    assert "sub-003: failed: The patient has no images from before" in capsys.readouterr().err
