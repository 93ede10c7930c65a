"""The response of two examinations as DICOM SR: read back by highdicom, with the standard's codes where it has some."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

highdicom = pytest.importorskip("highdicom", reason="highdicom is an optional dependency")
import pydicom  # noqa: E402
from pydicom.sr.codedict import codes  # noqa: E402

from SpineLib.cli.main import main  # noqa: E402
from SpineLib.reports.response_archive import Side, write_response  # noqa: E402
from SpineLib.tasks.response.labels import read_lesions  # noqa: E402
from SpineLib.tasks.response.response import response  # noqa: E402
from SpineLib.tasks.segmentation.naming import METASTASIS  # noqa: E402
from SpineLib.volume import SegmentInfo, Volume, read_dicom, write_segmentation  # noqa: E402
from SpineLib.volume.transform import write_transform  # noqa: E402
from Testing.volume.series import write_image_series  # noqa: E402

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
TAGS = {"StudyTime": "101500", "StudyID": "1", "AccessionNumber": "A1", "PatientBirthDate": "", "PatientSex": "F"}
SCHEME = "99SPINEONC"


@pytest.fixture
def written(tmp_path):
    """A lesion that shrinks to less than half, one that is gone, and a new one; the folder of DICOM objects."""
    array = np.random.default_rng(0).integers(0, 900, (9, 90, 70))
    scan = Volume(array, (0.8, 0.8, 4.0), (-20.0, -30.0, 25.0), SAGITTAL)
    for when, date in (("earlier", "20240102"), ("later", "20240302")):
        write_image_series(tmp_path / when, scan, **TAGS | {"StudyDate": date})
    series = read_dicom(tmp_path / "earlier")
    first, second = np.zeros(series.shape, np.uint8), np.zeros(series.shape, np.uint8)
    first[2:6, 10:34, 12:34] = 1
    first[3:6, 60:76, 40:58] = 2
    second[2:6, 14:28, 14:26] = 1
    second[3:6, 50:68, 8:26] = 2
    info = [
        SegmentInfo(1, "Lesion 1", (1, 0, 0), METASTASIS, {"SpineOncology.Level": "L3"}),
        SegmentInfo(2, "Lesion 2", (1, 0, 0), METASTASIS),
    ]
    for when, labels in (("earlier", first), ("later", second)):
        write_segmentation(tmp_path / f"{when}.seg.nrrd", series.with_array(labels), info)
    write_transform(np.eye(4), tmp_path / "t.tfm")
    call = ["response", "--transform", tmp_path / "t.tfm", "--dicom", tmp_path / "out"]
    for when in ("earlier", "later"):
        call += [f"--{when}", tmp_path / f"{when}.seg.nrrd", f"--{when}-image", tmp_path / when]
    assert main([str(one) for one in call]) == 0
    return tmp_path / "out"


def evaluations(group, name):
    return [one.value for one in group.get_qualitative_evaluations(name=name)]


def test_each_lesions_response_is_coded_by_the_standard_and_what_it_has_no_code_for_by_the_projects_own(written):
    assert sorted(path.name for path in written.iterdir()) == ["earlier.dcm", "later.dcm", "measurements.dcm"]
    document = highdicom.sr.srread(written / "measurements.dcm")
    groups = document.content.get_volumetric_roi_measurement_groups()
    sides = {pydicom.dcmread(written / f"{side}.dcm").SOPInstanceUID: side for side in ("earlier", "later")}
    when = {(sides[g.referenced_segment.referenced_sop_instance_uid], g.tracking_identifier): g for g in groups}
    assert set(when) == {(side, name) for side in ("earlier", "later") for name in ("Lesion 1", "Lesion 2")}
    response = highdicom.sr.CodedConcept.from_code(codes.DCM.CurrentResponse)
    told = {key: [(one.scheme_designator, one.value) for one in evaluations(g, response)] for key, g in when.items()}
    assert told == {
        ("earlier", "Lesion 1"): [],
        ("earlier", "Lesion 2"): [("DCM", codes.DCM.TargetLesionCompleteResponse.value)],
        ("later", "Lesion 1"): [("DCM", codes.DCM.TargetLesionPartialResponse.value)],
        ("later", "Lesion 2"): [(SCHEME, "RESP-NEW")],
    }
    method = highdicom.sr.CodedConcept.from_code(codes.DCM.ResponseEvaluationMethod)
    assert [one.value for one in evaluations(when["later", "Lesion 1"], method)] == ["RESP-MDA-WHO"]
    change = highdicom.sr.CodedConcept("CHANGE-VOLUME", SCHEME, "Change of volume")
    (number,) = when["later", "Lesion 1"].get_measurements(name=change)
    # 14 x 12 of 24 x 22 pixels in the same four slices.
    assert number.value == pytest.approx(100 * (14 * 12 / (24 * 22) - 1), abs=0.1) and number.unit.value == "%"


def test_all_lesions_together_are_told_in_a_group_of_their_own(written):
    document = highdicom.sr.srread(written / "measurements.dcm")
    (group,) = document.content.get_image_measurement_groups()
    assert group.tracking_identifier == "All lesions"
    (overall,) = evaluations(group, highdicom.sr.CodedConcept.from_code(codes.DCM.CurrentResponse))
    assert (overall.scheme_designator, overall.value) == (SCHEME, "RESP-PD"), "a lesion is new"


def test_the_same_lesion_has_one_tracking_uid_in_both_examinations_and_a_new_one_its_own(written):
    earlier, later = (
        {one.SegmentLabel: one.TrackingUID for one in pydicom.dcmread(written / f"{when}.dcm").SegmentSequence}
        for when in ("earlier", "later")
    )
    assert earlier["Lesion 1"] == later["Lesion 1"]
    assert len({*earlier.values(), *later.values()}) == 3


def test_the_private_codes_are_declared_as_such(written):
    document = pydicom.dcmread(written / "measurements.dcm")
    declared = {one.CodingSchemeDesignator: one for one in document.CodingSchemeIdentificationSequence}
    assert declared[SCHEME].CodingSchemeResponsibleOrganization == "SpineOncology"


def test_the_reason_and_the_notes_stand_in_the_report(written):
    document = pydicom.dcmread(written / "measurements.dcm")
    texts = " ".join(one.value for one in document.iterall() if one.keyword == "TextValue")
    assert "1 lesion is new." in texts and "after four weeks or more" in texts


@pytest.mark.parametrize(
    ("tags", "said", "allowed"),
    [
        ({"PatientID": "OTHER", "StudyDate": "20240302"}, "different patient IDs", ["--allow-different-patients"]),
        ({"StudyDate": "20231231"}, "later one by its date", ["--swap-check", "off"]),
    ],
)
def test_two_patients_and_the_wrong_order_are_refused(written, capsys, tags, said, allowed):
    folder = written.parent
    scan = read_dicom(folder / "later")
    write_image_series(folder / "odd", scan, **TAGS | tags)
    call = ["response", "--transform", folder / "t.tfm", "-o", folder / "r.json"]
    for when, series in (("earlier", "earlier"), ("later", "odd")):
        call += [f"--{when}", folder / f"{when}.seg.nrrd", f"--{when}-image", folder / series]
    assert main([str(one) for one in call]) == 1 and said in capsys.readouterr().err
    assert main([str(one) for one in [*call, *allowed]]) == 0
    assert said in (folder / "r.json").read_text()
    if "PatientID" in tags:
        assert main([str(one) for one in [*call, *allowed, "--overwrite", "--dicom", folder / "two"]]) == 1
        assert "one DICOM SR cannot tell of two patients" in capsys.readouterr().err and not (folder / "two").exists()


def test_without_a_trusted_registration_the_report_gives_no_class_and_takes_no_lesion_for_the_same(written):
    folder = written.parent
    sides = []
    for when in ("earlier", "later"):
        lesions, labels = read_lesions(folder / f"{when}.seg.nrrd", when)
        sides.append(Side(labels, lesions, folder / when))
    result = response(sides[0].lesions, sides[1].lesions, np.eye(4), trusted=False)
    (folder / "open").mkdir()
    write_response(folder / "open", result, *sides)
    document = highdicom.sr.srread(folder / "open" / "measurements.dcm")
    wanted = highdicom.sr.CodedConcept.from_code(codes.DCM.CurrentResponse)
    groups = document.content.get_volumetric_roi_measurement_groups() + document.content.get_image_measurement_groups()
    assert {one.value for group in groups for one in evaluations(group, wanted)} == {"RESP-UNKNOWN"}
    uids = [
        one.TrackingUID
        for when in ("earlier", "later")
        for one in pydicom.dcmread(folder / "open" / f"{when}.dcm").SegmentSequence
    ]
    assert len(set(uids)) == 4


def test_without_dicom_series_it_is_refused_before_any_work(written, capsys):
    folder = written.parent
    call = ["response", "--earlier", folder / "earlier.seg.nrrd", "--later", folder / "later.seg.nrrd"]
    assert main([str(one) for one in [*call, "--dicom", folder / "x"]]) == 1
    assert "--dicom needs both scans" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("name", ["earlier", "later", "measurements"])
def test_dciodvfy_finds_no_error(written, name):
    done = subprocess.run(["dciodvfy", written / f"{name}.dcm"], capture_output=True, text=True)
    assert [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")] == []
