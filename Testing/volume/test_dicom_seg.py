"""DICOM SEG: written on a DICOM series, read back by pydicom and highdicom."""

from __future__ import annotations

import sys

import numpy as np
import pytest

highdicom = pytest.importorskip("highdicom", reason="highdicom is an optional dependency")
import pydicom  # noqa: E402
from pydicom.uid import generate_uid  # noqa: E402

from SpineLib.errors import SpineError  # noqa: E402
from SpineLib.tasks.segmentation.naming import (  # noqa: E402
    ALTERED_STRUCTURE,
    METASTASIS,
    NECROSIS,
    VERTEBRA,
    terminology_entry,
)
from SpineLib.volume import SegmentInfo, Volume, read_dicom  # noqa: E402
from SpineLib.volume.dicom_facts import read_dicom_facts  # noqa: E402
from SpineLib.volume.dicom_seg import SegAlgorithm, write_dicom_seg  # noqa: E402
from Testing.volume.series import write_image_series  # noqa: E402

NECROTIC = terminology_entry(ALTERED_STRUCTURE, NECROSIS, VERTEBRA)
SEGMENTS = [
    SegmentInfo(1, "Lesion 1 (3.2 ml)", (1.0, 0.2, 0.1), METASTASIS),
    SegmentInfo(2, "Necrosis 1", (0.1, 0.4, 1.0), NECROTIC),
]
MODEL = SegAlgorithm("tiny", "1")


def tilted() -> np.ndarray:
    """Sagittal, turned by some degrees about two axes."""
    a, b = np.radians(12), np.radians(-7)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    return turn @ np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)


@pytest.fixture(params=["sagittal", "oblique"])
def scan(request, tmp_path):
    """A series' folder, the series read, and labels on it: two segments that overlap no slice wholly."""
    direction = tilted() if request.param == "oblique" else np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
    array = np.random.default_rng(0).integers(0, 900, (9, 14, 12))
    write_image_series(tmp_path / "scan", Volume(array, (0.75, 1.25, 4.0), (-20.0, -30.0, 25.0), direction))
    series = read_dicom(tmp_path / "scan")
    labels = np.zeros(series.shape, np.uint8)
    labels[2:5, 3:9, 2:6] = 1
    labels[4:7, 5:8, 6:11] = 2
    labels[4, 5, 6] = 0
    return tmp_path / "scan", series, series.with_array(labels)


def voxels(path) -> dict[str, set]:
    """Centres in LPS mm (0.01) of every segment's voxels, worked out from the file's own attributes alone."""
    data = pydicom.dcmread(path)
    frames = data.pixel_array.reshape(-1, data.Rows, data.Columns)
    shared = data.SharedFunctionalGroupsSequence[0]
    row, column = np.reshape(shared.PlaneOrientationSequence[0].ImageOrientationPatient, (2, 3)).astype(float)
    down, right = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    names = {segment.SegmentNumber: segment.SegmentLabel for segment in data.SegmentSequence}
    found = {name: set() for name in names.values()}
    for frame, group in zip(frames, data.PerFrameFunctionalGroupsSequence):
        corner = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        holder = group if "SegmentIdentificationSequence" in group else shared
        name = names[holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber]
        for j, i in np.argwhere(frame):
            found[name].add(tuple(np.round(corner + i * right * row + j * down * column, 2) + 0.0))
    return found


def centres(labels: Volume, label: int) -> set:
    points = np.c_[np.argwhere(labels.array == label)[:, ::-1], np.ones(np.count_nonzero(labels.array == label))]
    return {tuple(np.round(point[:3], 2) + 0.0) for point in points @ labels.ijk_to_lps.T}


def assert_same_place(found: set, wanted: set):
    """To 0.02 mm: DICOM keeps positions as decimal strings of 16 characters."""
    assert len(found) == len(wanted)
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(np.array(sorted(wanted))).query(np.array(sorted(found)))
    assert distance.max() < 0.02


def test_every_voxel_lies_where_it_lay(scan, tmp_path):
    folder, _, labels = scan
    notes = write_dicom_seg(tmp_path / "o.dcm", labels, SEGMENTS, folder, description="Lesions", algorithm=MODEL).notes
    found = voxels(tmp_path / "o.dcm")
    assert notes == []
    assert_same_place(found["Lesion 1 (3.2 ml)"], centres(labels, 1))
    assert_same_place(found["Necrosis 1"], centres(labels, 2))


def test_highdicom_reads_it_back_on_the_source_slices(scan, tmp_path):
    folder, series, labels = scan
    write_dicom_seg(tmp_path / "o.dcm", labels, SEGMENTS, folder, description="Lesions", algorithm=MODEL)
    seg = highdicom.seg.segread(tmp_path / "o.dcm")
    order = sorted((pydicom.dcmread(file) for file in folder.iterdir()), key=lambda one: -one.InstanceNumber)
    pixels = seg.get_pixels_by_source_instance(
        [one.SOPInstanceUID for one in order], ignore_spatial_locations=False, assert_missing_frames_are_empty=True
    )
    volume = labels.array if np.array_equal(order[0].pixel_array, series.array[0]) else labels.array[::-1]
    for place, label in ((0, 1), (1, 2)):
        np.testing.assert_array_equal(pixels[..., place], volume == label)


def test_what_the_standard_asks_for_is_there(scan, tmp_path):
    folder, _, labels = scan
    write_dicom_seg(tmp_path / "o.dcm", labels, SEGMENTS, folder, description="Lesions", algorithm=MODEL)
    data = pydicom.dcmread(tmp_path / "o.dcm")
    source = pydicom.dcmread(next(folder.iterdir()))
    assert data.Modality == "SEG" and data.SegmentationType == "BINARY"
    assert data.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.4" == data.file_meta.MediaStorageSOPClassUID
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert data[keyword].value == source[keyword].value
    assert data.SeriesInstanceUID != source.SeriesInstanceUID
    [referenced] = data.ReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == source.SeriesInstanceUID
    there = {pydicom.dcmread(file).SOPInstanceUID for file in folder.iterdir()}
    assert {one.ReferencedSOPInstanceUID for one in referenced.ReferencedInstanceSequence} <= there
    first, second = data.SegmentSequence
    codes = [
        (item[0].CodeValue, item[0].CodingSchemeDesignator)
        for item in (
            first.SegmentedPropertyCategoryCodeSequence,
            first.SegmentedPropertyTypeCodeSequence,
            first.AnatomicRegionSequence,
            second.SegmentedPropertyTypeCodeSequence,
        )
    ]
    assert codes == [("49755003", "SCT"), ("14799000", "SCT"), ("51282000", "SCT"), ("6574001", "SCT")]
    assert first.SegmentAlgorithmType == "AUTOMATIC" and first.SegmentAlgorithmName == "tiny"
    assert data.ContentDescription == "Research use only, not a medical device"
    slices = {pydicom.dcmread(file).SOPInstanceUID: pydicom.dcmread(file) for file in folder.iterdir()}
    for group in data.PerFrameFunctionalGroupsSequence:
        [derived] = group.DerivationImageSequence[0].SourceImageSequence
        np.testing.assert_allclose(
            slices[derived.ReferencedSOPInstanceUID].ImagePositionPatient,
            group.PlanePositionSequence[0].ImagePositionPatient,
            atol=1e-4,
        )


def test_a_mask_in_another_axis_order_gives_the_same_file(scan, tmp_path):
    from Testing.tasks.tiny import reordered

    folder, _, labels = scan
    turned = reordered(labels, (2, 0, 1), (True, False, True))
    assert write_dicom_seg(tmp_path / "o.dcm", turned, SEGMENTS, folder, description="Lesions").notes == []
    assert_same_place(voxels(tmp_path / "o.dcm")["Lesion 1 (3.2 ml)"], centres(labels, 1))
    assert pydicom.dcmread(tmp_path / "o.dcm").SegmentSequence[0].SegmentAlgorithmType == "MANUAL"


def test_a_mask_on_a_finer_grid_is_brought_to_the_series_and_this_is_told(scan, tmp_path):
    folder, series, labels = scan
    fine = Volume(
        labels.array.repeat(2, axis=1).repeat(2, axis=2),
        (0.375, 0.625, 4.0),
        (series.ijk_to_lps @ [-0.25, -0.25, 0, 1])[:3],
        series.direction,
    )
    [note] = write_dicom_seg(tmp_path / "o.dcm", fine, SEGMENTS, folder, description="Lesions").notes
    assert "nearest label" in note
    assert_same_place(voxels(tmp_path / "o.dcm")["Necrosis 1"], centres(labels, 2))


@pytest.mark.parametrize(
    "case, words",
    [
        ("empty", "Nothing is segmented"),
        ("elsewhere", "outside the DICOM series"),
        ("no codes", "has no terminology"),
        ("name", r"ends in \.dcm"),
        ("no series", "no DICOM images"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_leaves_no_file(scan, tmp_path, case, words):
    folder, _, labels = scan
    segments, path = SEGMENTS, tmp_path / "o.dcm"
    if case == "empty":
        labels = labels.with_array(labels.array * 0)
    elif case == "elsewhere":
        labels = Volume(labels.array, labels.spacing, (500.0, 0.0, 0.0), labels.direction)
    elif case == "no codes":
        segments = [SegmentInfo(1, "Lesion", (1, 0, 0), "")]
    elif case == "name":
        path = tmp_path / "o.nrrd"
    elif case == "no series":
        folder = tmp_path / "empty"
        folder.mkdir()
    with pytest.raises(SpineError, match=words):
        write_dicom_seg(path, labels, segments, folder, description="Lesions")
    assert not path.exists()


def test_without_the_package_one_sentence_tells_how_to_get_it(scan, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(SpineError, match="pip install highdicom"):
        write_dicom_seg(tmp_path / "o.dcm", scan[2], SEGMENTS, scan[0], description="Lesions")


def test_a_real_ct_series_carries_a_segmentation_once_its_blanked_uids_are_replaced(shared_data, tmp_path):
    series = read_dicom(shared_data / "ct_dicom")
    labels = np.zeros(series.shape, np.uint8)
    labels[5:9, 200:230, 240:280] = 1
    labels = series.with_array(labels)
    with pytest.raises(SpineError, match="lacks UIDs"):
        write_dicom_seg(tmp_path / "o.dcm", labels, SEGMENTS, shared_data / "ct_dicom", description="Lesions")
    (tmp_path / "ct").mkdir()
    study = generate_uid()
    for file in (shared_data / "ct_dicom").glob("*.dcm"):
        slice_ = pydicom.dcmread(file)
        slice_.StudyInstanceUID = slice_.SeriesInstanceUID = study
        slice_.SOPClassUID = slice_.file_meta.MediaStorageSOPClassUID
        slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID
        slice_.save_as(tmp_path / "ct" / file.name)
    write_dicom_seg(tmp_path / "o.dcm", labels, SEGMENTS, tmp_path / "ct", description="Lesions", algorithm=MODEL)
    assert_same_place(voxels(tmp_path / "o.dcm")["Lesion 1 (3.2 ml)"], centres(labels, 1))


def test_a_series_tells_dates_contrast_and_a_name_with_umlauts(tmp_path):
    volume = Volume(np.arange(3 * 4 * 5).reshape(3, 4, 5), (1, 1, 3))
    write_image_series(
        tmp_path / "a",
        volume,
        SpecificCharacterSet="ISO_IR 100",
        PatientName="Müller^Jürgen",
        StudyDate="20240102",
        StudyTime="091500.1",
        ContrastBolusAgent="Gadobutrol",
    )
    write_image_series(tmp_path / "b", volume)
    facts = read_dicom_facts(tmp_path / "a")
    assert (facts.patient_name, facts.when, facts.contrast_agent) == ("Müller^Jürgen", "20240102091500", "Gadobutrol")
    other = read_dicom_facts(tmp_path / "b")
    assert other.when == "" and other.contrast_agent is None and other.patient_id == "4711"
    (tmp_path / "image.nrrd").touch()
    assert read_dicom_facts(tmp_path / "image.nrrd") is None
