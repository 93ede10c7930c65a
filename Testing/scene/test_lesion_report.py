"""The report of a segmentation, from the scene to files."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from SpineLib.errors import SpineError  # noqa: E402
from SpineLib.jobs.registry import run_job  # noqa: E402
from SpineLib.scene.lesionreport import export_lesion_report, has_series  # noqa: E402
from SpineLib.scene.nodes import volume_to_node  # noqa: E402
from SpineLib.scene.results import SOURCE_ROLE, add_segmentation  # noqa: E402
from SpineLib.scene.review import set_review  # noqa: E402
from SpineLib.tasks.segmentation.lesions import find_lesions  # noqa: E402
from SpineLib.volume import Volume, read_dicom  # noqa: E402
from Testing.volume.series import write_image_series  # noqa: E402

PROVENANCE = {"task": "segment", "target": "metastasis"}


@pytest.fixture
def found(scene, tmp_path):
    """A DICOM series in the scene with two lesions of 300 and 60 voxels, and where its files lie."""
    array = np.random.default_rng(0).integers(0, 900, (8, 40, 30))
    direction = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
    write_image_series(tmp_path / "scan", Volume(array, (1.0, 1.0, 4.0), (5.0, -9.0, 30.0), direction))
    image = read_dicom(tmp_path / "scan")
    probability = np.zeros(image.shape, np.float32)
    probability[2:5, 10:20, 10:20] = 0.8
    probability[5:7, 30:36, 20:25] = 0.6
    _, labels, lesions = find_lesions(image.with_array(probability), 0.5)
    node = volume_to_node(image, "T1")
    segmentation, ids = add_segmentation(labels, lesions, node, name="Found", provenance=PROVENANCE)
    (tmp_path / "job").mkdir()
    return tmp_path, node, segmentation, ids, lesions


def test_the_report_tells_of_what_was_not_rejected(found):
    folder, node, segmentation, ids, lesions = found
    set_review(segmentation, ids[1], "rejected")
    _, parameters = export_lesion_report(segmentation, {"T1": node}, folder / "job")
    answer = run_job("lesion-report", parameters, folder / "job")
    assert answer["files"] == ["report.html", "report.txt", "lesions.csv"]
    text = (folder / "job" / "report.txt").read_text(encoding="utf-8").strip()
    assert text == answer["text"] and text.startswith(f"1 metastasis on T1, {lesions[0].volume_ml:.1f} ml in all")
    assert "Lesion 1" in text and "Lesion 2" not in text
    rows = (folder / "job" / "lesions.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 2 and "0.8" in rows[1], "the mean probability goes along"


def test_with_a_series_the_archive_gets_segments_measures_pictures_and_text(found, monkeypatch):
    highdicom = pytest.importorskip("highdicom")
    folder, node, segmentation, _, lesions = found
    assert not has_series(segmentation, {"T1": node})
    files = {str(number): str(path) for number, path in enumerate(sorted((folder / "scan").iterdir()))}
    node.SetAttribute("DICOM.instanceUIDs", " ".join(files))
    monkeypatch.setattr(slicer, "dicomDatabase", SimpleNamespace(fileForInstance=files.get), raising=False)
    assert has_series(segmentation, {"T1": node})
    _, parameters = export_lesion_report(segmentation, {"T1": node}, folder / "job", with_dicom=True)
    answer = run_job("lesion-report", parameters, folder / "job")
    assert {"lesions.dcm", "measurements.dcm", "picture_1.dcm", "picture_2.dcm"} <= set(answer["files"])
    seg = highdicom.seg.segread(folder / "job" / "lesions.dcm")
    assert [each.SegmentLabel for each in seg.SegmentSequence] == ["Lesion 1", "Lesion 2"]
    assert np.count_nonzero(seg.pixel_array) == 300 + 60
    document = highdicom.sr.srread(folder / "job" / "measurements.dcm")
    volumes = [
        next(one.value for one in group.get_measurements() if one.name.value == "118565006")
        for group in document.content.get_volumetric_roi_measurement_groups()
    ]
    assert volumes == pytest.approx([lesion.volume_ml for lesion in lesions], rel=1e-5)


def test_a_moved_scan_is_told_of_where_the_scanner_put_it(found):
    folder, node, segmentation, _, _ = found
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = 40, -20, 10
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    for moved in (node, segmentation):
        moved.SetAndObserveTransformNodeID(transform.GetID())
    from SpineLib.volume import read_volume

    _, parameters = export_lesion_report(segmentation, {"T1": node}, folder / "job")
    assert read_volume(parameters["labels"]).same_grid(read_dicom(folder / "scan"))


def test_nothing_to_report_is_said(found):
    folder, node, segmentation, ids, _ = found
    for one in ids:
        set_review(segmentation, one, "rejected")
    with pytest.raises(SpineError, match="Nothing is segmented"):
        export_lesion_report(segmentation, {"T1": node}, folder / "job")
    with pytest.raises(SpineError, match="nothing to report"):
        export_lesion_report(None, {}, folder / "job")


def test_two_patients_and_a_wrong_order_are_asked_about_and_what_was_rejected_earlier_is_not_new(found):
    from SpineLib.scene.response import doubts, export_examinations

    folder, node, earlier, ids, _ = found
    other = volume_to_node(read_dicom(folder / "scan"), "T1 later")
    later = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "later")
    later.Copy(earlier)
    later.SetNodeReferenceID(SOURCE_ROLE, other.GetID())
    assert doubts(earlier, later) == []
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    for volume, patient, date in ((node, "4711", "20240302"), (other, "4712", "20240102")):
        person = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient")
        study = hierarchy.CreateStudyItem(person, "study")
        hierarchy.SetItemAttribute(person, "DICOM.PatientID", patient)
        hierarchy.SetItemAttribute(study, "DICOM.StudyDate", date)
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
    patients, order = doubts(earlier, later)
    assert "different patient IDs" in patients and "later one by its date" in order
    set_review(earlier, ids[1], "rejected")
    _, parameters = export_examinations(earlier, later, folder / "job")
    parameters["later_to_earlier_lps"] = np.eye(4).tolist()
    answer = run_job("response", parameters, folder / "job")
    assert [one["response"] for one in answer["response"]["lesions"]] == ["SD", "not to be told"]
    assert "different patient IDs" in answer["response"]["notes"][0]


def test_two_examinations_with_their_series_get_dicom_objects_with_the_response(found, monkeypatch):
    pytest.importorskip("highdicom")
    from SpineLib.scene.response import export_examinations, has_both_series

    folder, node, earlier, _, lesions = found
    later = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "later")
    later.Copy(earlier)
    later.GetSegmentation().RemoveSegment(later.GetSegmentation().GetNthSegmentID(1))
    assert not has_both_series(earlier, later) and not has_both_series(earlier, None)
    files = {str(number): str(path) for number, path in enumerate(sorted((folder / "scan").iterdir()))}
    node.SetAttribute("DICOM.instanceUIDs", " ".join(files))
    monkeypatch.setattr(slicer, "dicomDatabase", SimpleNamespace(fileForInstance=files.get), raising=False)
    assert has_both_series(earlier, later)
    _, parameters = export_examinations(earlier, later, folder / "job", with_dicom=True)
    parameters["later_to_earlier_lps"] = np.eye(4).tolist()
    answer = run_job("response", parameters, folder / "job")
    assert [one["response"] for one in answer["response"]["lesions"]] == ["SD", "CR"]
    assert {"earlier.dcm", "later.dcm", "measurements.dcm"} <= set(answer["files"])
    assert all((folder / "job" / name).is_file() for name in answer["files"])
