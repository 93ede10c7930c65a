"""The training set: what is kept of a patient, and what is not."""

import gzip
import json
import subprocess
import sys

import nibabel
import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from SpineLab.learning.patients import add_patient, first_result, remove_patient
from SpineLib.cohort.corrections import read_corrections
from SpineLib.cohort.mr import read_cohort
from SpineLib.errors import SpineError
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.segmentation import SegmentInfo

NAME, DATE, IDENTIFIER, FREE_TEXT = "Doe^Jane", "19560712", "MRN-48151623", "wife of the mayor, see letter"


def _volume(seed=0, shape=(6, 20, 20)):
    rng = np.random.default_rng(seed)
    return Volume(rng.integers(0, 1000, shape).astype(np.int16), (1.0, 1.0, 4.0))


def _mask(*boxes, shape=(6, 20, 20)):
    array = np.zeros(shape, np.uint8)
    for number, box in enumerate(boxes, start=1):
        array[box] = number
    return Volume(array, (1.0, 1.0, 4.0))


ONE, OTHER = np.s_[1:3, 2:6, 2:6], np.s_[3:5, 12:16, 12:16]


def test_a_kept_patient_is_a_case_of_a_cohort_as_any_other(tmp_path):
    image = _volume()
    add_patient(tmp_path / "set", {"T1": image}, _mask(ONE, OTHER), "lesion")
    (case,) = read_cohort(tmp_path / "set", ("T1",), labels=("lesion",)).cases
    assert np.array_equal(np.asarray(nibabel.load(case.sequences["T1"]).dataobj).T, image.array)
    assert np.array_equal(np.asarray(nibabel.load(case.labels["lesion"]).dataobj).T, _mask(ONE, OTHER).array)


def test_the_same_patient_is_known_again_whatever_the_file_and_replaces_itself_only_when_told_so(tmp_path):
    image = _volume()
    add_patient(tmp_path / "set", {"T1": image}, _mask(ONE), "lesion")
    write_volume(image, tmp_path / "again.nii.gz")
    again = read_volume(tmp_path / "again.nii.gz", "T1")
    with pytest.raises(SpineError, match="already as sub-001"):
        add_patient(tmp_path / "set", {"T1": again}, _mask(ONE, OTHER), "lesion")
    add_patient(tmp_path / "set", {"T1": again}, _mask(ONE, OTHER), "lesion", replace_known=True)
    (one,) = read_corrections(tmp_path / "set")
    assert (one.patient, one.lesions, one.number) == ("sub-001", 2, 1)


def test_images_of_two_patients_are_not_taken_for_one(tmp_path):
    for seed in (1, 2):
        add_patient(tmp_path / "set", {"T1": _volume(seed), "T2": _volume(seed + 10)}, _mask(ONE), "lesion")
    mixed = {"T1": _volume(1), "T2": _volume(12)}
    with pytest.raises(SpineError, match=r"of 2 patients of the training set \(sub-001, sub-002\)"):
        add_patient(tmp_path / "set", mixed, _mask(ONE), "lesion", replace_known=True)
    assert [len(one.images) for one in read_corrections(tmp_path / "set")] == [2, 2]


def test_a_removed_patient_leaves_no_file_and_its_number_is_not_mistaken_for_the_next_one(tmp_path):
    for seed in range(3):
        add_patient(tmp_path / "set", {"T1": _volume(seed)}, _mask(ONE), "lesion")
    remove_patient(tmp_path / "set", "sub-002")
    assert not [path for path in (tmp_path / "set").rglob("*") if "sub-002" in str(path)]
    assert add_patient(tmp_path / "set", {"T1": _volume(9)}, _mask(ONE), "lesion").patient == "sub-004"
    with pytest.raises(SpineError, match="no patient 'sub-002'"):
        remove_patient(tmp_path / "set", "sub-002")


def test_two_studies_of_one_person_stay_together_also_when_the_first_is_removed(tmp_path):
    for seed in range(3):
        add_patient(tmp_path / "set", {"T1": _volume(seed)}, _mask(ONE), "lesion", same_as="sub-001" if seed else "")
    remove_patient(tmp_path / "set", "sub-001")
    assert {one.person for one in read_corrections(tmp_path / "set")} == {"sub-002"}


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(SpineError, match="something else"):
        add_patient(tmp_path, {"T1": _volume()}, _mask(ONE), "lesion")


def test_lesions_added_and_removed_are_counted():
    first, corrected = _mask(ONE).array, np.where(_mask(ONE, OTHER).array == 2, 2, 0)
    told = first_result(first, corrected)
    assert (told.dice, told.added, told.removed, told.kept) == (0.0, 1, 1, 0)
    assert first_result(first, first).dice == 1.0
    assert first_result(first * 0, first * 0).dice is None


def test_a_correction_that_lies_elsewhere_than_the_image_is_refused(tmp_path):
    away = Volume(_mask(ONE).array, (1.0, 1.0, 4.0), (500.0, 0.0, 0.0))
    with pytest.raises(SpineError, match="corrected"):
        add_patient(tmp_path / "set", {"T1": _volume()}, away, "lesion")


def _dicom_series(folder, image):
    """Slices with everything in their headers that must not be kept."""
    folder.mkdir()
    study, series, frame = (generate_uid() for _ in range(3))
    for number, plane in enumerate(image.array):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        one.SOPClassUID, one.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = study, series, frame
        one.PatientName, one.PatientID, one.PatientBirthDate, one.StudyDate = NAME, IDENTIFIER, DATE, DATE
        one.PatientComments = one.SeriesDescription = one.ImageComments = FREE_TEXT
        one.Modality, one.InstanceNumber = "MR", number + 1
        one.ImageOrientationPatient, one.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 4 * number]
        one.PixelSpacing, one.SliceThickness = [1, 1], 4
        one.Rows, one.Columns = plane.shape
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
        one.PixelData = plane.astype("<u2").tobytes()
        one.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return [str(uid) for uid in (study, series, frame)]


def test_no_name_date_identifier_or_free_text_reaches_the_folder(tmp_path):
    from SpineLib.volume.segmentation import write_segmentation

    image = _volume()
    uids = _dicom_series(tmp_path / NAME.replace("^", "_"), image)
    mask = tmp_path / f"{IDENTIFIER}.seg.nrrd"
    write_segmentation(mask, _mask(ONE), [SegmentInfo(1, f"{NAME} {FREE_TEXT}", (1.0, 0.0, 0.0), "")])
    command = [sys.executable, "-m", "SpineLib", "learn", "add", "--t1", str(tmp_path / NAME.replace("^", "_"))]
    done = subprocess.run(
        [*command, "--mask", str(mask), "--model", "none", "--folder", str(tmp_path / "set")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    secrets = [NAME, "Doe", "Jane", DATE, IDENTIFIER, FREE_TEXT, "mayor", str(tmp_path), *uids]
    files = [path for path in (tmp_path / "set").rglob("*") if path.is_file()]
    assert len(files) == 5
    for path in files:
        content = path.read_bytes()
        if path.name.endswith(".gz"):
            content += gzip.decompress(content)
        for secret in secrets:
            for coded in (secret.encode(), secret.encode("utf-16-le")):
                assert coded.lower() not in content.lower(), f"'{secret}' stands in {path.name}"
                assert secret not in str(path.relative_to(tmp_path / "set"))
    facts = json.loads(next(path for path in files if path.name.endswith("correction.json")).read_text())
    assert not {key for key in facts if "date" in key or "time" in key}


def test_the_command_keeps_lists_and_removes(tmp_path, base, ball_patients):
    (images, truth), root = ball_patients[0], tmp_path / "set"
    for name, volume in images.items():
        write_volume(volume, tmp_path / f"{name}.nii.gz")
    write_volume(truth, tmp_path / "mask.nii.gz")

    def spine(*words):
        return subprocess.run(
            [sys.executable, "-m", "SpineLib", "learn", *words, "--folder", str(root)], capture_output=True, text=True
        )

    given = ["--t1", str(tmp_path / "T1.nii.gz"), "--t2", str(tmp_path / "T2.nii.gz"), "--model", str(base.folder)]
    done = spine("add", *given, "--mask", str(tmp_path / "mask.nii.gz"))
    assert done.returncode == 0 and "sub-001: T1, T2" in done.stdout and "first result: Dice" in done.stdout
    assert "replace it" in spine("add", *given, "--mask", str(tmp_path / "mask.nii.gz")).stderr
    (told,) = json.loads(spine("list", "--json").stdout)["patients"]
    assert told["model"]["sha256"] == base.card.sha256
    assert "sub-001" in spine("list").stdout
    assert spine("remove", "sub-001").returncode == 0
    assert "No patient" in spine("list").stdout
