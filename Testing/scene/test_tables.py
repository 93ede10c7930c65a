"""The lesion table follows the segments."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from SpineLib.scene.nodes import volume_to_node  # noqa: E402
from SpineLib.scene.results import add_segmentation  # noqa: E402
from SpineLib.scene.review import set_review  # noqa: E402
from SpineLib.scene.tables import COLUMNS, add_table, measure_segments, update_table  # noqa: E402
from SpineLib.tasks.segmentation.lesions import find_lesions  # noqa: E402
from Testing.scene.grids import add_transform, add_volume, axis_matrix, rotation  # noqa: E402


@pytest.fixture
def found(scene):
    """A source node with two lesions, as the task finds them: (node, probability, labels, lesions, segmentation)."""
    from SpineLib.scene.nodes import volume_from_node

    node = add_volume(rotation() @ axis_matrix((1, 2, 0), (-1, -1, 1)), (12, 20, 20))
    node.SetAndObserveTransformNodeID(add_transform(rotation((4, 5, 6))).GetID())
    array = np.zeros((12, 20, 20), np.float32)
    array[2:6, 3:9, 4:12] = 0.75
    array[8:10, 14:17, 14:16] = 1.0
    probability = volume_from_node(node).with_array(array)
    _, labels, lesions = find_lesions(probability, 0.5)
    segmentation, ids = add_segmentation(labels, lesions, node, name="x", provenance={})
    return node, probability, labels, lesions, segmentation, ids


def test_measuring_the_segments_gives_what_the_task_measured(found):
    node, probability, _, lesions, segmentation, ids = found
    shown = volume_to_node(probability, "probability")
    measured = measure_segments(segmentation, node, shown)
    assert [one.segment_id for one in measured] == ids
    for one, expected in zip(measured, lesions, strict=True):
        assert one.lesion.volume_ml == pytest.approx(expected.volume_ml)
        assert one.lesion.diameter_in_plane_mm == pytest.approx(expected.diameter_in_plane_mm)
        assert one.lesion.diameter_3d_mm == pytest.approx(expected.diameter_3d_mm)
        assert one.lesion.centre_ras_mm == pytest.approx(expected.centre_ras_mm, abs=1e-3)
        assert one.lesion.mean_probability == pytest.approx(expected.mean_probability)
        assert one.lesion.id == expected.id


def test_without_the_probability_volume_the_mean_stays_that_of_the_run_and_is_unknown_for_drawn_segments(found):
    node, _, _, _, segmentation, _ = found
    drawn = segmentation.GetSegmentation().AddEmptySegment("", "drawn")
    mask = np.zeros((12, 20, 20), np.uint8)
    mask[0, 0, 0] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, drawn, node)
    means = [one.lesion.mean_probability for one in measure_segments(segmentation, node)]
    assert means[:2] == pytest.approx([0.75, 1.0])
    assert math.isnan(means[2])


def test_the_table_has_the_columns_and_values(found):
    node, _, _, lesions, segmentation, _ = found
    table = add_table(measure_segments(segmentation, node), "lesions", segmentation)
    names = [table.GetTable().GetColumnName(n) for n in range(table.GetNumberOfColumns())]
    assert tuple(names) == tuple(COLUMNS) == (
        "Lesion", "Level", "Review", "Volume (ml)", "Longest diameter in plane (mm)", "3-D diameter (mm)", "R (mm)",
        "A (mm)", "S (mm)", "Mean probability",
    )  # fmt: skip
    assert table.GetCellText(0, 0) == "Lesion 1"
    assert slicer.util.arrayFromTableColumn(table, "Volume (ml)") == pytest.approx(
        [lesion.volume_ml for lesion in lesions]
    )


def test_the_table_names_the_level_of_each_lesion_that_has_one(found):
    node, labels, lesions = found[0], found[2], found[3]
    known = [replace(lesions[0], level="L3"), *lesions[1:]]
    segmentation, ids = add_segmentation(labels, known, node, name="with levels", provenance={})
    segment = segmentation.GetSegmentation().GetSegment(ids[0])
    assert segment.GetName() == "Lesion 1 (L3)" and "L3 vertebra" in segment.GetTerminology()
    table = add_table(measure_segments(segmentation, node), "lesions", segmentation)
    assert [table.GetCellText(row, 1) for row in range(2)] == ["L3", ""]


def test_the_table_tells_what_the_reader_thinks_and_leaves_out_what_was_rejected(found):
    node, _, _, _, segmentation, ids = found
    table = add_table(measure_segments(segmentation, node), "lesions", segmentation)
    assert [table.GetTable().GetValueByName(row, "Review").ToString() for row in range(2)] == ["", ""]
    set_review(segmentation, ids[0], "unsure")
    set_review(segmentation, ids[1], "accepted")
    update_table(table, measure_segments(segmentation, node))
    assert [table.GetTable().GetValueByName(row, "Review").ToString() for row in range(2)] == ["unsure", "accepted"]
    set_review(segmentation, ids[1], "rejected")
    update_table(table, measure_segments(segmentation, node))
    assert table.GetNumberOfRows() == 1


def test_after_an_edit_the_table_shows_the_new_volume_and_an_emptied_segment_shows_none(found):
    node, _, labels, lesions, segmentation, ids = found
    table = add_table(measure_segments(segmentation, node), "lesions", segmentation)
    half = (labels.array == 1).astype(np.uint8)
    half[:4] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(half, segmentation, ids[0], node)
    slicer.util.updateSegmentBinaryLabelmapFromArray(half * 0, segmentation, ids[1], node)
    update_table(table, measure_segments(segmentation, node))
    volumes = slicer.util.arrayFromTableColumn(table, "Volume (ml)")
    assert volumes[0] == pytest.approx(lesions[0].volume_ml / 2)
    assert volumes[1] == 0
    assert table.GetNumberOfRows() == 2
    assert math.isnan(slicer.util.arrayFromTableColumn(table, "R (mm)")[1])


def test_a_removed_segment_leaves_the_table_and_a_missing_id_is_passed_over(found):
    node, _, _, _, segmentation, ids = found
    segmentation.GetSegmentation().RemoveSegment(ids[0])
    assert [one.segment_id for one in measure_segments(segmentation, node, ids=ids)] == [ids[1]]


def test_a_probability_of_another_size_is_ignored(found):
    node, _, _, _, segmentation, _ = found
    means = [one.lesion.mean_probability for one in measure_segments(segmentation, node, add_volume())]
    assert means == pytest.approx([0.75, 1.0])
