"""Reading what is marked in a file: segmentations, also with overlapping segments, labelmaps, masks."""

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.errors import SpineError
from SpineLib.volume import SegmentInfo, Volume, write_segmentation, write_volume
from SpineLib.volume.segments import choose_segment, read_segments


def labels():
    array = np.zeros((4, 5, 6), np.uint8)
    array[1, 1:3, 1:3], array[2, 3, 3:6] = 1, 7
    return Volume(array, (1.0, 2.0, 3.0), (5, 6, 7), np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float))


def test_a_segmentation_gives_its_segments_with_names_and_codes_and_drops_empty_ones(tmp_path):
    infos = [
        SegmentInfo(7, "Lesion ü", (1, 0, 0), "a~b~c", {"x": "1"}),
        SegmentInfo(1, "Other", (0, 1, 0), "d"),
        SegmentInfo(3, "Empty", (0, 0, 1), ""),
    ]
    write_segmentation(tmp_path / "s.seg.nrrd", labels(), infos)
    empty, segments = read_segments(tmp_path / "s.seg.nrrd", "before")
    assert [(one.info.name, one.info.label, one.info.terminology) for one in segments] == [
        ("Lesion ü", 7, "a~b~c"),
        ("Other", 1, "d"),
    ]
    assert segments[0].info.tags["x"] == "1"
    np.testing.assert_array_equal(segments[0].mask.array, labels().array == 7)
    assert segments[0].mask.same_grid(labels()) and empty.same_grid(labels()) and not empty.array.any()


def test_overlapping_segments_lie_in_layers(tmp_path):
    first, second = np.zeros((4, 5, 6), np.uint8), np.zeros((4, 5, 6), np.uint8)
    first[1:3, 1:4, 1:4], second[2:4, 2:5, 2:5] = 1, 1
    image = sitk.Compose(sitk.GetImageFromArray(first), sitk.GetImageFromArray(second))
    for number, name in enumerate(("A", "B")):
        for key, value in {"ID": name, "Name": name, "LabelValue": "1", "Layer": str(number), "Tags": ""}.items():
            image.SetMetaData(f"Segment{number}_{key}", value)
    sitk.WriteImage(image, str(tmp_path / "s.seg.nrrd"))
    _, segments = read_segments(tmp_path / "s.seg.nrrd")
    np.testing.assert_array_equal(segments[0].mask.array, first)
    np.testing.assert_array_equal(segments[1].mask.array, second)


def test_a_labelmap_gives_a_segment_for_each_number_and_an_image_is_refused(tmp_path):
    write_volume(labels(), tmp_path / "l.nii.gz")
    _, segments = read_segments(tmp_path / "l.nii.gz")
    assert [one.info.name for one in segments] == ["1", "7"] and int(segments[1].mask.array.sum()) == 3
    write_volume(labels().with_array(np.random.default_rng(0).random((4, 5, 6), np.float32)), tmp_path / "p.nrrd")
    with pytest.raises(SpineError, match="before file is no mask"):
        read_segments(tmp_path / "p.nrrd", "before")
    (tmp_path / "broken.seg.nrrd").write_text("no file")
    with pytest.raises(SpineError, match="before file"):
        read_segments(tmp_path / "broken.seg.nrrd", "before")


def test_the_one_segment_is_meant_and_of_several_it_must_be_named(tmp_path):
    write_volume(labels(), tmp_path / "l.nrrd")
    _, segments = read_segments(tmp_path / "l.nrrd")
    assert choose_segment(segments[:1], None, "before", "--x") is segments[0]
    assert choose_segment([], None, "before", "--x") is None
    assert choose_segment(segments, "7", "before", "--x") is segments[1]
    with pytest.raises(SpineError, match=r"2 segments \('1', '7'\); choose one with --x"):
        choose_segment(segments, None, "before", "--x")
    with pytest.raises(SpineError, match="no segment 'Lesion'; it holds '1', '7'"):
        choose_segment(segments, "Lesion", "before", "--x")
