"""Segmentation files, read by Slicer's own node."""

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.tasks.segmentation.naming import METASTASIS
from SpineLib.volume import SegmentInfo, Volume, read_volume, write_segmentation

SEGMENTS = [
    SegmentInfo(1, "Lesion 1", (1.0, 0.0, 0.0), METASTASIS, {"SpineOncology.Provenance": '{"a": "b|c"}'}),
    SegmentInfo(2, "Lesion 2 (ä)", (0.25, 0.5, 0.75), METASTASIS),
]


def labels():
    turn = np.radians(15)
    direction = np.array([[0, -np.sin(turn), np.cos(turn)], [1, 0, 0], [0, -np.cos(turn), -np.sin(turn)]])
    array = np.zeros((8, 20, 30), np.uint16)
    array[2:5, 3:9, 10:20] = 1
    array[6, 15:18, 2:5] = 2
    return Volume(array, (1.0, 1.25, 4.0), (5.0, -20.0, 12.0), direction)


def test_slicer_reads_masks_names_colours_and_terminology(tmp_path):
    pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")
    from Testing import headless

    slicer = headless.start()
    headless.close_scene()
    import vtk

    volume = labels()
    write_segmentation(tmp_path / "m.seg.nrrd", volume, SEGMENTS)
    node = slicer.util.loadNodeFromFile(str(tmp_path / "m.seg.nrrd"), "SegmentationFile")
    ras = np.diag([-1.0, -1, 1, 1]) @ volume.ijk_to_lps
    source = slicer.util.addVolumeFromArray(volume.array.astype(float), ijkToRAS=ras)
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 2
    for number, info in enumerate(SEGMENTS):
        segment = segmentation.GetNthSegment(number)
        assert segment.GetName() == info.name
        assert segment.GetTerminology() == METASTASIS
        np.testing.assert_allclose(segment.GetColor(), info.colour, atol=1e-5)
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentation.GetNthSegmentID(number), source)
        np.testing.assert_array_equal(mask, volume.array == info.label)
    tag = vtk.reference("")
    assert segmentation.GetNthSegment(0).GetTag("SpineOncology.Provenance", tag) and str(tag) == '{"a": "b/c"}'


def test_it_is_a_labelmap_for_everybody_else(tmp_path):
    write_segmentation(tmp_path / "m.seg.nrrd", labels(), SEGMENTS)
    again = read_volume(tmp_path / "m.seg.nrrd")
    np.testing.assert_array_equal(again.array, labels().array)
    assert again.same_grid(labels())


def test_no_segment_at_all_is_a_valid_file(tmp_path):
    write_segmentation(tmp_path / "m.seg.nrrd", labels().with_array(np.zeros((8, 20, 30), np.uint16)), [])
    assert read_volume(tmp_path / "m.seg.nrrd").array.max() == 0


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(SpineError, match=r"\.seg\.nrrd"):
        write_segmentation(tmp_path / "m.nii.gz", labels(), SEGMENTS)
