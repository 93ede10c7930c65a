"""What goes to the archive: read back by highdicom and pydicom, and checked by dciodvfy where it is installed."""

from __future__ import annotations

import math
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

highdicom = pytest.importorskip("highdicom", reason="highdicom is an optional dependency")
import pydicom  # noqa: E402
from pydicom.sr.codedict import codes  # noqa: E402

from SpineLib.reports.dicom_objects import Marked, write_dicom_objects  # noqa: E402
from SpineLib.reports.key_pictures import key_picture  # noqa: E402
from SpineLib.reports.viewer import Layer  # noqa: E402
from SpineLib.tasks.followup.compare import compare  # noqa: E402
from SpineLib.tasks.segmentation.lesions import measure_lesion  # noqa: E402
from SpineLib.tasks.segmentation.naming import (  # noqa: E402
    ALTERED_STRUCTURE,
    METASTASIS,
    NECROSIS_ZONE,
    SECONDARY_NEOPLASM,
    Code,
    terminology_entry,
)
from SpineLib.volume import SegmentInfo, Volume, read_dicom  # noqa: E402
from SpineLib.volume.dicom_seg import SegAlgorithm  # noqa: E402
from Testing.volume.series import write_image_series  # noqa: E402

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
#: A lesion whose level is known, and one whose level is not.
AT_L3 = terminology_entry(ALTERED_STRUCTURE, SECONDARY_NEOPLASM, Code("36470004", "L3 vertebra"))
MODEL = SegAlgorithm("mets-t1t2-2d", "3")
TAGS = {
    "StudyDate": "20240102",
    "StudyTime": "101500",
    "StudyID": "1",
    "AccessionNumber": "A1",
    "PatientBirthDate": "19500102",
    "PatientSex": "F",
}


@pytest.fixture
def examination(tmp_path):
    """Two series of one patient, with two metastases in the first and the necrosis of one in the second, written."""
    array = np.random.default_rng(0).integers(0, 900, (9, 60, 50))
    scan = Volume(array, (0.8, 0.8, 4.0), (-20.0, -30.0, 25.0), SAGITTAL)
    write_image_series(tmp_path / "before", scan, **TAGS)
    write_image_series(tmp_path / "after", scan, **TAGS | {"StudyDate": "20240302"})
    series = read_dicom(tmp_path / "before")
    tumours, dead = np.zeros(series.shape, np.uint8), np.zeros(series.shape, np.uint8)
    tumours[2:5, 10:24, 12:26] = 1
    tumours[5:7, 40:46, 30:38] = 2
    dead[2:6, 8:23, 10:28] = 1
    marked = []
    for name, labels, segments, when in (
        (
            "metastases",
            tumours,
            [SegmentInfo(1, "Lesion 1", (0.8, 0.4, 0), AT_L3), SegmentInfo(2, "Lesion 2", (0.9, 0.9, 0.2), METASTASIS)],
            "before",
        ),
        ("necroses", dead, [SegmentInfo(1, "Necrosis 1", (0.3, 0.7, 0.9), NECROSIS_ZONE)], "after"),
    ):
        volume = series.with_array(labels)
        lesions = {n: measure_lesion(series.with_array(labels == n), number=n) for n in range(1, len(segments) + 1)}
        marked.append(
            Marked(name, volume, segments, lesions, tmp_path / when, MODEL if when == "before" else None, f"{when} it")
        )
    one = compare(series.with_array((tumours == 1).astype(np.uint8)), series.with_array(dead), error_mm=1.2)
    marked[0].comparisons.update({1: one.to_dict(), 2: None})
    picture = key_picture("Metastasis 1", [("T1", series, [Layer("a", marked[0].labels, "#d55e00")])], marked[0].labels)
    (tmp_path / "out").mkdir()
    names, notes = write_dicom_objects(tmp_path / "out", marked, [picture])
    assert notes == [] and names == ["metastases.dcm", "necroses.dcm", "measurements.dcm", "picture_1.dcm"]
    return tmp_path, marked, one, picture


def groups_of(folder):
    """The measurement groups of the document by tracking identifier."""
    document = highdicom.sr.srread(folder / "out" / "measurements.dcm")
    groups = document.content.get_volumetric_roi_measurement_groups()
    return document, {group.tracking_identifier: group for group in groups}


def value(group, code):
    [found] = group.get_measurements(name=highdicom.sr.CodedConcept(code[0], code[1], code[2]))
    return found.value, found.unit.value


def test_highdicom_reads_the_measures_of_each_lesion_back(examination):
    folder, marked, one, _ = examination
    _, groups = groups_of(folder)
    assert set(groups) == {"Lesion 1", "Lesion 2", "Necrosis 1"}
    for number in (1, 2):
        lesion, group = marked[0].lesions[number], groups[f"Lesion {number}"]
        # Numbers are written with six digits.
        for code, number_, unit in (
            (codes.SCT.Volume, lesion.volume_ml, "ml"),
            (codes.SCT.LongAxis, lesion.diameter_in_plane_mm, "mm"),
            (codes.IBSI.Maximum3DDiameterOfAMesh, lesion.diameter_3d_mm, "mm"),
        ):
            assert value(group, (code.value, code.scheme_designator, code.meaning)) == (
                pytest.approx(number_, rel=1e-5),
                unit,
            )
    first = groups["Lesion 1"]
    assert value(first, ("ABL-COVERED", "99SPINEONC", "Covered (completeness)")) == (
        pytest.approx(100 * one.values["covered_share"], rel=1e-5),
        "%",
    )
    assert value(first, ("REGISTR-ERROR", "99SPINEONC", "Registration error")) == (pytest.approx(1.2), "mm")
    outcome = highdicom.sr.CodedConcept("ABL-OUTCOME", "99SPINEONC", "Outcome of the ablation")
    said = {n: [each.value.value for each in g.get_qualitative_evaluations(name=outcome)] for n, g in groups.items()}
    assert said == {"Lesion 1": ["ABL-UNKNOWN"], "Lesion 2": ["ABL-NONE"], "Necrosis 1": []}
    assert one.verdict.outcome == "not to be told"


def test_a_lesion_of_which_nothing_is_to_be_told_is_not_coded_as_untreated(examination, tmp_path):
    _, marked, _, _ = examination
    (tmp_path / "again" / "out").mkdir(parents=True)
    write_dicom_objects(tmp_path / "again" / "out", [replace(marked[0], untold={2})], [])
    _, groups = groups_of(tmp_path / "again")
    outcome = highdicom.sr.CodedConcept("ABL-OUTCOME", "99SPINEONC", "Outcome of the ablation")
    [said] = groups["Lesion 2"].get_qualitative_evaluations(name=outcome)
    assert said.value.value == "ABL-UNKNOWN"


def test_each_lesion_has_its_site_its_kind_and_the_segment_and_tracking_uid_of_the_dicom_seg(examination):
    folder, marked, _, _ = examination
    _, groups = groups_of(folder)
    for name, file in (("Lesion 1", "metastases"), ("Lesion 2", "metastases"), ("Necrosis 1", "necroses")):
        seg = highdicom.seg.segread(folder / "out" / f"{file}.dcm")
        group, referenced = groups[name], groups[name].reference_type
        assert referenced == codes.DCM.ReferencedSegment
        segment = group.referenced_segment
        assert segment.referenced_sop_instance_uid == seg.SOPInstanceUID
        described = seg.get_segment_description(segment.referenced_segment_numbers[0])
        assert described.tracking_uid == group.tracking_uid and described.segment_label == name
        mask = marked[file == "necroses"].labels.array == int(name[-1])
        assert len(group.referenced_segment.source_images_for_segmentation) == np.count_nonzero(mask.any(axis=(1, 2)))
    sites = {
        name: [site.topographical_modifier or site.value.value for site in g.finding_sites]
        for name, g in groups.items()
    }
    assert sites == {"Lesion 1": ["36470004"], "Lesion 2": ["51282000"], "Necrosis 1": ["51282000"]}
    assert {name: g.finding_type.value for name, g in groups.items()} == {
        "Lesion 1": "14799000",
        "Lesion 2": "14799000",
        "Necrosis 1": "6574001",
    }


def test_the_document_belongs_to_the_newest_study_and_refers_to_both(examination):
    folder, _, _, _ = examination
    document, _ = groups_of(folder)
    studies = {name: pydicom.dcmread(next((folder / name).iterdir())) for name in ("before", "after")}
    assert document.StudyInstanceUID == studies["after"].StudyInstanceUID
    assert document.PatientID == studies["after"].PatientID
    referred = {
        item.StudyInstanceUID
        for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")
        for item in document.get(keyword, [])
    }
    assert referred == {one.StudyInstanceUID for one in studies.values()}
    assert (document.CompletionFlag, document.VerificationFlag, document.PreliminaryFlag) == (
        "COMPLETE",
        "UNVERIFIED",
        "PRELIMINARY",
    )


def test_the_same_lesion_keeps_its_tracking_uid_when_it_is_written_again(examination):
    folder, marked, _, _ = examination
    (folder / "again").mkdir()
    write_dicom_objects(folder / "again", marked, [])
    uids = [
        [segment.TrackingUID for segment in pydicom.dcmread(folder / name / "metastases.dcm").SegmentSequence]
        for name in ("out", "again")
    ]
    assert uids[0] == uids[1] and len(set(uids[0])) == 2


def test_a_key_picture_comes_back_as_it_was_drawn_and_says_that_it_is_for_research(examination):
    folder, _, _, picture = examination
    capture = pydicom.dcmread(folder / "out" / "picture_1.dcm")
    np.testing.assert_array_equal(capture.pixel_array, picture.pixels)
    assert capture.Modality == "OT" and "Research use only" in capture.ImageComments
    assert capture.StudyInstanceUID == pydicom.dcmread(next((folder / "after").iterdir())).StudyInstanceUID


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("name", ["metastases", "necroses", "measurements", "picture_1"])
def test_dciodvfy_finds_no_error(examination, name):
    folder, _, _, _ = examination
    done = subprocess.run(["dciodvfy", folder / "out" / f"{name}.dcm"], capture_output=True, text=True)
    told = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
    assert told == []


def test_numbers_of_a_drawn_lesion_have_no_certainty(examination):
    folder, marked, _, _ = examination
    assert math.isnan(marked[1].lesions[1].mean_probability)
    _, groups = groups_of(folder)
    told = {each.name.value for each in groups["Necrosis 1"].get_measurements()}
    assert codes.SCT.Volume.value in told and codes.DCM.CertaintyOfFinding.value not in told
