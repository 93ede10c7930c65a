"""Boxes of slices become lesions: linked over gaps, placed in the patient, measured, and turned into masks."""

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.tasks.ct.lesion_boxes import (
    CtLesion,
    SliceBox,
    box_mask,
    lesion_of,
    link,
    numbered,
    overlap_of,
)
from SpineLib.tasks.segmentation.recist import axes_of, diameters
from SpineLib.volume import Volume


def boxes(*columns, slice=0, probability=0.9):
    return [SliceBox(slice, (x, 10.0, x + 20.0, 30.0), probability) for x in columns]


def lesion(**changes) -> CtLesion:
    values = {
        "id": 1,
        "centre_lps_mm": (0.0, 0.0, 0.0),
        "size_mm": (10.0, 20.0, 6.0),
        "direction": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
        "probability": 0.8,
        "slices": (3, 4),
        "recist_mm": (20.0, 10.0),
        "recist_from": "box",
    }
    return CtLesion(**(values | changes))


def test_overlapping_boxes_of_neighbouring_slices_are_one_lesion_and_others_are_not():
    found = link([boxes(0, 100, slice=0), boxes(3, 160, slice=1), boxes(5, slice=2)], 0.3, 0)
    assert [[one.slice for one in chain] for chain in found] == [[0, 1, 2], [0], [1]]


def test_a_lesion_may_be_missed_in_as_many_slices_as_the_gap_allows():
    slices = [boxes(0, slice=0), [], boxes(1, slice=2), [], [], boxes(2, slice=5)]
    assert [len(chain) for chain in link(slices, 0.3, 1)] == [2, 1]
    assert [len(chain) for chain in link(slices, 0.3, 2)] == [3]


def test_of_two_boxes_the_better_overlap_goes_on_a_lesion():
    found = link([boxes(10, slice=0), boxes(18, 11, slice=1)], 0.2, 0)
    assert found[0][1].box[0] == 11 and len(found) == 2


def test_overlap_of_boxes_apart_is_0():
    assert overlap_of((0, 0, 10, 10), (20, 0, 30, 10)) == 0 and overlap_of((0, 0, 10, 10), (5, 0, 15, 10)) == 1 / 3


def test_a_lesions_box_holds_its_slices_boxes_where_they_lie():
    to_lps = np.array([[0.5, 0, 0, 100], [0, 0.5, 0, 50], [0, 0, -3, 200], [0, 0, 0, 1.0]])
    own = np.array([[9 - n, 9 - n] for n in range(10)])
    chain = [SliceBox(4, (10, 20, 30, 40), 0.7), SliceBox(5, (12, 18, 32, 36), 0.9)]
    found = lesion_of(chain, to_lps, own, (9.0, 7.0, "region"), 0.8)
    # Columns 10 to 32 of 0.5 mm, the first one's centre at 100: 104.75 to 115.75; rows 18 to 40; slices 4 and 5.
    assert found.centre_lps_mm == (110.25, 64.25, 186.5) and found.size_mm == (11.0, 11.0, 6.0)
    assert found.slices == (4, 5) and np.array(found.direction).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, -1]]
    assert found.slice_boxes[0]["slices"] == [5, 5] and found.slice_boxes[0]["size_mm"] == [10.0, 10.0]
    assert found.slice_boxes[0]["centre_lps_mm"] == [109.75, 64.75, 188.0]


def test_lesions_are_numbered_by_their_probability():
    found = numbered([lesion(probability=0.3), lesion(probability=0.9)])
    assert [(one.id, one.probability) for one in found] == [(1, 0.9), (2, 0.3)]


def test_the_json_form_gives_the_same_lesion_again():
    import json

    one = lesion()
    assert CtLesion.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    assert one.to_dict()["centre_ras_mm"] == [0, 0, 0]


def test_a_boxs_mask_has_the_boxs_volume_on_an_oblique_grid():
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    grid = Volume(np.zeros((40, 60, 60), np.int16), (0.5, 0.5, 0.5), tuple(turn @ (-15, -15, -10)), turn)
    mask = box_mask(grid, lesion())
    assert mask.same_grid(grid) and mask.array.dtype == np.uint8
    # 1200 mm3; a shell of half a voxel is 3 %.
    assert mask.array.sum() * grid.voxel_volume_ml == pytest.approx(1.2, rel=0.03)
    centre = (mask.ijk_to_lps @ [*np.argwhere(mask.array).mean(axis=0)[::-1], 1])[:3]
    assert np.abs(centre).max() < 0.3


def test_a_box_is_cut_at_the_images_border_and_refused_beyond():
    grid = Volume(np.zeros((10, 10, 10), np.int16))
    assert box_mask(grid, lesion()).array.sum() == 5 * 10 * 4  # x 0 to 4, y 0 to 9, z 0 to 3
    with pytest.raises(SpineError, match="outside the image"):
        box_mask(grid, lesion(centre_lps_mm=(0.0, 0.0, 90.0)))


def ellipse(long_mm, short_mm, angle, spacing=(0.8, 0.8), size=80):
    y, x = ((np.arange(size) - size / 2 + 0.3) * step for step in spacing)
    y, x = np.meshgrid(y, x, indexing="ij")
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    return (along / long_mm) ** 2 + (across / short_mm) ** 2 <= 0.25


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1])
def test_diameters_of_an_ellipse_are_its_axes(angle):
    long_mm, short_mm = axes_of(ellipse(30.0, 18.0, angle), (0.8, 0.8))
    assert long_mm == pytest.approx(30.0, abs=0.8) and short_mm == pytest.approx(18.0, abs=0.9)  # a pixel


@pytest.mark.parametrize("level", [0.15, 0.8])
def test_a_lytic_and_a_sclerotic_lesion_are_measured_within_a_box_that_is_too_large(level):
    inside = ellipse(24.0, 16.0, 0.5)
    rng = np.random.default_rng(2)
    image = np.where(inside, level, 0.4) + 0.04 * rng.standard_normal(inside.shape)
    rows, columns = np.nonzero(inside)
    box = (columns.min() - 3, rows.min() - 3, columns.max() + 4, rows.max() + 4)
    long_mm, short_mm, source = diameters(image, box, (0.8, 0.8))
    assert source == "region"
    assert long_mm == pytest.approx(24.0, abs=2.0) and short_mm == pytest.approx(16.0, abs=2.0)  # smoothing, noise


def test_where_nothing_stands_out_the_box_is_measured():
    image = 0.4 + 0.02 * np.random.default_rng(3).standard_normal((80, 80))
    assert diameters(image, (10, 10, 40, 30), (0.8, 0.5)) == (16.0, 15.0, "box")
