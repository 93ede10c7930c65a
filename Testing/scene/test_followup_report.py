"""Before and after in the scene: patient and dates, the two in the views, the report with DICOM SEG."""

from __future__ import annotations

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
import slicer

from SpineLib.errors import SpineError
from SpineLib.jobs.registry import run_job
from SpineLib.scene import comparison as com
from SpineLib.scene import dicomfacts
from SpineLib.scene.blend import checkerboard
from SpineLib.scene.followupreport import export_report
from SpineLib.scene.nodes import volume_from_node
from SpineLib.scene.scans import SIMULATED
from SpineLib.scene.stability import keep_form
from SpineLib.tasks.segmentation.naming import LEVEL, METASTASIS, NECROSIS_ZONE
from SpineLib.tasks.stability.form import StabilityForm
from SpineLib.volume import read_volume
from Testing.scene.ablation import make_case


@pytest.fixture
def case(scene):
    return make_case()


def compared(case, folder):
    (metastasis, one), (necrosis, other), transform = case[:3]
    what = com.collect_pair((metastasis, [one]), (necrosis, [other]), transform)
    return com.import_comparison(folder, run_job("compare", what.parameters(folder), folder), what).head


def in_study(volume, patient, date, **more):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    person = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), patient)
    study = hierarchy.CreateStudyItem(person, "study")
    for item, key, value in (
        (person, "PatientID", patient),
        (person, "PatientName", "Doe^Jane"),
        (study, "StudyDate", date),
        *((study, key, value) for key, value in more.items()),
    ):
        hierarchy.SetItemAttribute(item, f"DICOM.{key}", value)
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)


def test_patient_and_date_come_from_the_subject_hierarchy(case):
    before, after = case[3:]
    assert dicomfacts.facts_of(before) is None
    in_study(before, "4711", "2024-01-02", StudyTime="101500")
    facts = dicomfacts.facts_of(before)
    assert (facts.patient_id, facts.patient_name, facts.when) == ("4711", "Doe^Jane", "20240102101500")
    assert dicomfacts.facts_of(after) is None


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (("1", "20240101"), ("1", "20240103"), []),
        (("1", "20240103"), ("1", "20240101"), ["later one"]),
        (("1", "20240101"), ("2", "20240103"), ["different patient IDs"]),
        (None, None, []),  # the names say "before" and "after"
    ],
)
def test_what_is_doubtful_about_two_scans_is_asked(case, first, second, words):
    before, after = case[3:]
    for volume, facts in ((before, first), (after, second)):
        if facts:
            in_study(volume, *facts)
    questions = dicomfacts.doubts(before, after)
    assert len(questions) == len(words) and all(word in question for word, question in zip(words, questions))
    assert not any("Doe" in question or "2024" in question for question in questions)


def test_without_dates_and_telling_names_it_is_asked_which_came_first(case):
    before, after = case[3:]
    before.SetName("scan 1"), after.SetName("scan 2")
    (question,) = dicomfacts.doubts(before, after)
    assert "Nothing tells which scan came first" in question


def test_a_checkerboard_shows_both_in_turn_and_the_first_where_the_second_is_missing(case):
    before = volume_from_node(case[3])
    dark, bright = (
        before.with_array(np.tile(np.linspace(low, low + 1, before.shape[2]), (*before.shape[:2], 1)))
        for low in (0, 50)
    )
    same = checkerboard(dark, bright).array
    assert np.ptp(same - checkerboard(dark, dark).array) < 0.05, "each is scaled by itself"
    falling = before.with_array(bright.array[:, :, ::-1].copy())
    board = checkerboard(dark, falling).array
    first, second = checkerboard(dark, dark).array, checkerboard(falling, falling).array
    from_first = np.isclose(board, first)
    assert np.all(from_first | np.isclose(board, second)) and 0.3 < from_first.mean() < 0.7
    far = type(before)(falling.array, before.spacing, (500, 500, 500), before.direction)
    np.testing.assert_allclose(checkerboard(dark, far).array, first)


def test_the_report_is_of_what_was_compared_and_names_nobody_unless_asked(case, tmp_path):
    before, after = case[3:]
    in_study(before, "MR-4711", "20240101")
    head = compared(case, tmp_path)
    (metastasis, segment) = case[0]
    metastasis.GetSegmentation().GetSegment(segment).SetTag(LEVEL, "L3")
    keep_form(metastasis, segment, StabilityForm(bilsky="1b", confirmed=True))
    watch, parameters = export_report(head, before, after, tmp_path)
    watch.release()
    assert "Bilsky grade 1b" in parameters["spine"][0]
    keep_form(metastasis, segment, StabilityForm(bilsky="1b"))
    assert not export_report(head, before, after, tmp_path)[1]["spine"], "nobody has confirmed it"
    answer = run_job("followup-report", parameters, tmp_path)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert answer["files"] == ["report.html", "report.txt", "comparison.csv", "comparison.json"]
    assert "Bilsky grade 1b: thecal sac deformed" in html
    assert "Metastasis 1 (L3, " in html and "Metastasis 1 (L3, " in answer["text"]
    [row] = csv.DictReader((tmp_path / "comparison.csv").open())
    [told] = json.loads((tmp_path / "comparison.json").read_text())["metastases"]
    assert row["level"] == told["lesion"]["level"] == "L3"
    assert "Covered, margin too small" in html and "Doe Jane" not in html and "MR-4711" not in html
    named = export_report(head, before, after, tmp_path, with_patient=True)[1]
    assert named["patient"] | {"Name": "Doe Jane", "ID": "MR-4711", "Scan before": "2024-01-01"} == named["patient"]
    assert "Simulated data" not in html
    before.SetAttribute(SIMULATED, "1")
    assert export_report(head, before, after, tmp_path)[1]["simulated"]


def test_a_report_of_what_has_changed_since_is_refused(case, tmp_path):
    head = compared(case, tmp_path)
    case[2].SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.eye(4)))
    with pytest.raises(SpineError, match="out of date"):
        export_report(head, *case[3:], tmp_path)
    with pytest.raises(SpineError, match="compare first"):
        export_report(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode"), *case[3:], tmp_path)


def test_both_segmentations_become_dicom_seg_of_their_own_series(case, tmp_path, monkeypatch):
    pytest.importorskip("highdicom")
    pydicom = pytest.importorskip("pydicom")
    from Testing.volume.series import write_image_series

    files, volumes, studies = {}, case[3:], {}
    for (node, segment), volume, name, terminology in zip(
        case[:2], volumes, ("metastases", "necroses"), (METASTASIS, NECROSIS_ZONE), strict=True
    ):
        image = volume_from_node(volume)
        image = image.with_array(np.round(1000 * image.array))
        studies[name], _, _ = write_image_series(tmp_path / "database" / name, image)
        uids = []
        for path in sorted((tmp_path / "database" / name).glob("*.dcm")):
            uids.append(str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID))
            files[uids[-1]] = str(path)
        volume.SetAttribute("DICOM.instanceUIDs", " ".join(uids))
        node.GetSegmentation().GetSegment(segment).SetTerminology(terminology)
    monkeypatch.setattr(slicer, "dicomDatabase", SimpleNamespace(fileForInstance=files.get), raising=False)
    head = compared(case, tmp_path)
    (tmp_path / "job").mkdir()
    watch, parameters = export_report(head, *volumes, tmp_path / "job", with_dicom=True)
    watch.release()
    answer = run_job("followup-report", parameters, tmp_path / "job")
    assert answer["files"][4:] == ["metastases.dcm", "necroses.dcm", "measurements.dcm", "picture_1.dcm"]
    for name, meaning in (("metastases", "Neoplasm, Secondary"), ("necroses", "Necrosis")):
        seg = pydicom.dcmread(tmp_path / "job" / f"{name}.dcm")
        assert str(seg.StudyInstanceUID) == str(studies[name])
        assert seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning == meaning
        mask = read_volume(parameters["dicom"][name]["labels"])
        assert seg.pixel_array.sum() == (mask.array > 0).sum()


def test_a_scan_that_is_not_in_the_dicom_database_has_no_series(case, tmp_path):
    assert dicomfacts.series_files(case[3]) == []
    with pytest.raises(SpineError, match="not loaded from Slicer's DICOM database"):
        dicomfacts.copy_series(case[3], tmp_path / "series")
