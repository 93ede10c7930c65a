"""Masks of other programs and older Slicers: every segment, every label, as they are meant; and in how much memory."""

import tracemalloc

import nibabel
import nrrd
import numpy as np
import pytest
from vtk.util.numpy_support import vtk_to_numpy

from SpineLib.errors import SpineError
from SpineLib.volume import SegmentInfo, Volume, write_segmentation, write_volume
from SpineLib.volume.labels import whole_labels
from SpineLib.volume.segments import read_mask, read_segments
from SpineLib.volume.told import notes_of

SIDE = 30


def ball(centre, radius):
    """(i, j, k), 1 inside."""
    grid = np.indices((SIDE,) * 3).astype(float)
    return (((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(0) <= radius**2).astype(np.uint8)


#: The second and third overlap.
BALLS = [ball((6, 12, 12), 5), ball((18, 14, 14), 6), ball((22, 14, 14), 6)]
WHOLE = {"Segmentation_ContainedRepresentationNames": "Binary labelmap|"}


def described(number, **values):
    usual = {"ID": f"Segment_{number + 1}", "Name": "ABC"[number], "Color": "0.5 0.5 0.5"}
    values = {key: value for key, value in (usual | values).items() if value is not None}
    return {f"Segment{number}_{key}": value for key, value in values.items()}


def write(path, array, header=None):
    """A file as pynrrd writes it; a fourth axis (the first) are layers."""
    layered = array.ndim == 4
    directions = np.vstack([[np.nan] * 3, np.eye(3)]) if layered else np.eye(3)
    fields = {
        "space": "left-posterior-superior",
        "space directions": directions,
        "space origin": [1.0, 2.0, 3.0],
        "kinds": ["list"] * layered + ["domain"] * 3,
        "encoding": "gzip",
    }
    nrrd.write(str(path), array, fields | (header or {}))
    return path


def assert_segments(path, wanted):
    """Names and voxels (i, j, k), in order."""
    _, segments = read_segments(path, "before")
    assert [segment.info.name for segment in segments] == [name for name, _ in wanted]
    for segment, (_, mask) in zip(segments, wanted):
        np.testing.assert_array_equal(segment.mask.array.T, mask)
        assert segment.voxels == mask.sum() and segment.mask.origin == (1, 2, 3)
    return segments


ABC = list(zip("ABC", BALLS))
LAYERED = np.stack(BALLS)
FLAT = BALLS[0] + 2 * BALLS[1]
TODAY = described(0, LabelValue="1", Layer="0") | described(1, LabelValue="2", Layer="0")


@pytest.mark.parametrize(
    "array, header, wanted",
    [
        (LAYERED, described(0) | described(1) | described(2), ABC),
        (LAYERED[[0, 2]], described(0) | described(2), [ABC[0], ABC[2]]),
        (
            np.stack([FLAT, BALLS[2]]),
            TODAY | described(2, LabelValue="1", Layer="1"),
            ABC,
        ),
        (FLAT, TODAY, ABC[:2]),
        (FLAT, described(0, LabelValue="1") | described(2, LabelValue="2"), [ABC[0], ("C", BALLS[1])]),
        (FLAT, described(0, LabelValue="1", ID=None) | described(1, LabelValue="2", ID=None), ABC[:2]),
        (5 * BALLS[0] + 9 * BALLS[1], described(0, LabelValue="5") | described(1, LabelValue="9"), ABC[:2]),
        (FLAT, described(1, LabelValue="2") | described(0, LabelValue="1"), ABC[:2]),
        (FLAT, None, [("1", BALLS[0]), ("2", BALLS[1])]),
        (LAYERED, None, [("1", BALLS[0]), ("2", BALLS[1]), ("3", BALLS[2])]),
        (FLAT.astype(float), TODAY, ABC[:2]),
        (BALLS[0][None], described(0), ABC[:1]),
        (FLAT, described(0, LabelValue="1", Name=None) | described(1, LabelValue="2", Name=""),
         [("Segment_1", BALLS[0]), ("Segment_2", BALLS[1])]),
        (FLAT, TODAY | described(2, LabelValue="7"), ABC[:2]),
    ],
    ids=["Slicer 4.10", "a deleted one in 4.10", "today, layered", "today", "a gap", "no ID", "no layer", "other order",
         "no words", "layers without words", "floating point", "one of one", "no name", "an empty one"],
)  # fmt: skip
def test_segmentations_of_all_makes(tmp_path, array, header, wanted):
    assert_segments(write(tmp_path / "m.seg.nrrd", array, WHOLE | header if header else None), wanted)
    if header:  # known by its words; without any, a file of layers may be a vector image
        assert_segments(write(tmp_path / "m.nrrd", array, WHOLE | header), wanted)


@pytest.mark.parametrize(
    "header, words",
    [
        (
            described(0, LabelValue="1", Layer="0") | described(1, LabelValue="2", Layer="1"),
            "in a layer that it does not",
        ),
        (described(0, LabelValue="one"), "damaged header"),
        (described(0, LabelValue="1", Layer="-1"), "damaged header"),
    ],
)
def test_a_segmentation_that_contradicts_itself_is_refused(tmp_path, header, words):
    with pytest.raises(SpineError, match=words):
        read_segments(write(tmp_path / "m.seg.nrrd", FLAT, header), "before")


def test_labels_that_belong_to_no_segment_are_left_aside_and_said(tmp_path):
    path = write(tmp_path / "m.seg.nrrd", FLAT, described(0, LabelValue="1", Layer="0"))
    grid, [segment] = read_segments(path, "before")
    assert segment.info.name == "A"
    assert notes_of(grid) == (
        "The before file holds labels that belong to none of its segments (2); they were left aside.",
    )


def test_slicers_own_reader_finds_the_same_segments(tmp_path):
    slicer = pytest.importorskip("slicer")
    whole = {"Segmentation_MasterRepresentation": "Binary labelmap", "Segmentation_ReferenceImageExtentOffset": "0 0 0"}
    extent = {"Extent": " ".join(3 * [f"0 {SIDE - 1}"]), "Tags": "|"}
    parts = [described(number, **extent) for number in range(3)]
    today = [described(number, **extent, LabelValue=str(number + 1), Layer="0") for number in range(2)]
    for array, header in ((LAYERED, parts[0] | parts[1] | parts[2]), (FLAT, today[0] | today[1])):
        path = write(tmp_path / "m.seg.nrrd", array, WHOLE | whole | header)
        node, storage = slicer.vtkMRMLSegmentationNode(), slicer.vtkMRMLSegmentationStorageNode()
        storage.SetFileName(str(path))
        assert storage.ReadData(node) == 1
        known = node.GetSegmentation()
        _, segments = read_segments(path)
        names = [known.GetNthSegment(number).GetName() for number in range(known.GetNumberOfSegments())]
        assert names == [segment.info.name for segment in segments]
        for number, segment in enumerate(segments):
            voxels = slicer.vtkOrientedImageData()
            node.GetBinaryLabelmapRepresentation(known.GetNthSegmentID(number), voxels)
            scalars = vtk_to_numpy(voxels.GetPointData().GetScalars())
            assert np.count_nonzero(scalars) == segment.voxels


@pytest.mark.parametrize("dtype", ["u1", "i2", "i8", "f4", "f8", "u8"])
def test_a_label_map_of_any_type_becomes_whole_numbers(tmp_path, dtype):
    path = tmp_path / "m.nii.gz"
    nibabel.save(nibabel.Nifti1Image(FLAT.astype(dtype), np.eye(4), dtype=np.dtype(dtype)), path)
    mask = read_mask(path, "lesion")
    assert mask.array.dtype == np.uint8
    np.testing.assert_array_equal(mask.array.T, FLAT)


def test_labels_that_a_slope_has_made_fractions_are_rounded(tmp_path):
    labels = FLAT.astype(np.float32) * 14.99998 / 2
    labels[BALLS[0] > 0] = 0.9999999
    image = nibabel.Nifti1Image(labels, np.eye(4))
    image.header.set_data_dtype(np.int16)  # nibabel then stores a slope
    nibabel.save(image, tmp_path / "m.nii.gz")
    assert not np.array_equal(nibabel.load(tmp_path / "m.nii.gz").get_fdata() % 1, 0 * labels)
    mask = read_mask(tmp_path / "m.nii.gz", "lesion")
    assert sorted(np.unique(mask.array)) == [0, 1, 15]
    assert [segment.info.label for segment in read_segments(tmp_path / "m.nii.gz")[1]] == [1, 15]


@pytest.mark.parametrize("values", [0.02, 0.5, -1, np.nan, np.inf, 2.0**33])
def test_a_probability_a_scan_or_impossible_numbers_are_no_mask(tmp_path, values):
    write_volume(Volume(FLAT.astype(np.float64) * values), tmp_path / "m.nrrd")
    for read in (read_mask, read_segments):
        with pytest.raises(SpineError, match="is no mask"):
            read(tmp_path / "m.nrrd", "lesion")
    write_volume(Volume(np.arange(27000, dtype=np.uint16).reshape((SIDE,) * 3)), tmp_path / "scan.nrrd")
    with pytest.raises(SpineError, match="is no mask"):
        read_mask(tmp_path / "scan.nrrd", "lesion")


def test_high_labels_are_kept():
    array = np.zeros((4, 5, 6), np.int64)
    array[1, 2, 3], array[2, 3, 4] = 70_000, 4_000_000_000
    np.testing.assert_array_equal(whole_labels(array, "lesion"), array)


def test_a_mask_of_a_segmentation_is_one_label_map(tmp_path):
    header = TODAY | described(2, LabelValue="1", Layer="1")
    mask = read_mask(write(tmp_path / "m.seg.nrrd", np.stack([FLAT, BALLS[2]]), header), "metastasis")
    wanted = BALLS[0].copy()
    wanted[BALLS[1] > 0], wanted[BALLS[2] > 0] = 2, 3  # two of label 1: numbered in order, the later one on top
    np.testing.assert_array_equal(mask.array.T, wanted)
    assert notes_of(mask) == ("Segments of the metastasis file overlap; there the later one counts.",)
    alone = read_mask(write(tmp_path / "n.seg.nrrd", 5 * BALLS[0] + 9 * BALLS[1], described(0, LabelValue="5")), "x")
    np.testing.assert_array_equal(alone.array.T, 5 * BALLS[0])


def test_an_empty_segmentation_and_an_empty_label_map_mark_nothing(tmp_path):
    for path in (write(tmp_path / "m.seg.nrrd", 0 * FLAT, TODAY), write(tmp_path / "m.nrrd", 0 * FLAT)):
        assert read_segments(path)[1] == [] and not read_mask(path).array.any()


@pytest.mark.parametrize("name", ["ordinary", "größe → 1", "a:=b", "two\nlines", "back\\slash", "|", " spaces "])
def test_a_segments_name_survives(tmp_path, name):
    labels = Volume(FLAT.T.copy())
    write_segmentation(tmp_path / "m.seg.nrrd", labels, [SegmentInfo(1, name, (1, 0, 0), "")])
    assert read_segments(tmp_path / "m.seg.nrrd")[1][0].info.name == " ".join(name.split())


def test_labels_beyond_16_bits_are_written_as_they_are(tmp_path):
    labels = Volume(FLAT.T.astype(np.uint32) * 65536)
    write_segmentation(tmp_path / "m.seg.nrrd", labels, [SegmentInfo(65536, "A", (1, 0, 0), "")])
    [segment] = read_segments(tmp_path / "m.seg.nrrd")[1]
    np.testing.assert_array_equal(segment.mask.array.T, BALLS[0])


def test_the_memory_of_a_label_map_grows_with_the_image_and_not_with_its_labels(tmp_path):
    array = np.zeros((120, 128, 128), np.int16)
    for label in range(117):
        array[label : label + 3, (3 * label) % 100 : (3 * label) % 100 + 12, 40:60] = label + 1
    write_volume(Volume(array), tmp_path / "m.nii.gz")
    tracemalloc.start()
    _, segments = read_segments(tmp_path / "m.nii.gz")
    voxels = [segment.mask.array.sum(dtype=int) for segment in segments]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert voxels == [np.count_nonzero(array == label + 1) for label in range(117)]
    # As stored (2 bytes a voxel), as whole numbers (1), an empty mask (1), a mask at a time (1), and what is unpacked.
    assert peak < 5.5 * array.size + 12e6


@pytest.mark.parametrize("name", ["DzZ_T1", "DzZ_T2", "healthy08_T2", "healthy02_T2", "AKa_STIR"])
def test_a_real_mr_image_of_8_bits_is_no_mask(shared_data, name):
    with pytest.raises(SpineError, match="The metastasis file is no mask"):
        read_mask(shared_data / "mr_lumbar" / f"{name}.nii.gz", "metastasis")


def test_a_whole_body_of_117_labels_stays_a_mask(tmp_path):
    array = np.zeros((9, 52, 52), np.uint8)
    for number in range(117):  # each of 3 x 4 x 4 voxels
        k, j, i = 3 * (number // 39), 4 * (number % 39 // 13), 4 * (number % 13)
        array[k : k + 3, j : j + 4, i : i + 4] = number + 1
    write_volume(Volume(array), tmp_path / "body.nrrd")
    assert len(np.unique(read_mask(tmp_path / "body.nrrd", "vertebrae").array)) == 118
