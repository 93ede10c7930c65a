"""Levels of lesions: at which vertebra each lies, and that what lies at none is dropped and told."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from SpineLib.tasks.segmentation.lesions import find_lesions
from SpineLib.tasks.segmentation.levels import dropped_note, place_at, place_name, places_of, with_levels
from SpineLib.tasks.segmentation.naming import TARGETS, lesion_name, lesion_terminology
from SpineLib.tasks.segmentation.output import lesion_segments, write_table
from SpineLib.tasks.segmentation.places import LevelPlaces
from SpineLib.volume import Volume

L3, L4, SACRUM = 22, 23, 26


def _grid(array: np.ndarray, spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0)) -> Volume:
    return Volume(array, spacing, origin, np.eye(3), "labels")


@pytest.fixture
def vertebrae() -> Volume:
    """L3 above L4 above the sacrum, boxes of 20 mm, 6 mm apart; voxels of 1 mm, LPS."""
    array = np.zeros((90, 60, 60), np.uint8)
    for number, base in ((L3, 62), (L4, 36), (SACRUM, 10)):
        array[base : base + 20, 20:40, 20:40] = number
    return _grid(array)


def _lesions(*boxes):
    array = np.zeros((90, 60, 60), np.float32)
    for box in boxes:
        array[box] = 0.9
    _, labels, lesions = find_lesions(_grid(array), 0.5)
    return labels, lesions


BODY = np.s_[66:76, 24:34, 24:34]
ACROSS = np.s_[50:68, 25:32, 25:32]
BELLY = np.s_[40:52, 0:8, 0:8]
BESIDE = np.s_[38:50, 41:58, 25:35]


def test_a_lesion_has_the_level_of_its_vertebra(vertebrae):
    labels, lesions = _lesions(BODY)
    assert with_levels(labels, lesions, vertebrae)[1][0].level == "L3"


def test_a_lesion_across_two_vertebrae_has_both(vertebrae):
    labels, lesions = _lesions(ACROSS)
    assert with_levels(labels, lesions, vertebrae)[1][0].level == "L3/L4"


def test_the_sacrum_is_called_so(vertebrae):
    labels, lesions = _lesions(np.s_[12:20, 24:30, 24:30])
    assert with_levels(labels, lesions, vertebrae)[1][0].level == "sacrum"


def test_the_part_beside_a_vertebra_of_a_lesion_that_touches_it_stays(vertebrae):
    labels, lesions = _lesions(BESIDE)
    kept_labels, kept, dropped = with_levels(labels, lesions, vertebrae)
    assert [one.level for one in kept] == ["L4"] and not dropped
    assert np.array_equal(kept_labels.array, labels.array)


def test_what_touches_no_vertebra_is_dropped_and_the_others_are_numbered_anew(vertebrae):
    labels, lesions = _lesions(BELLY, np.s_[66:70, 24:28, 24:28])
    assert lesions[0].volume_ml > lesions[1].volume_ml  # the one in the belly is the first
    kept_labels, kept, dropped = with_levels(labels, lesions, vertebrae)
    assert [one.id for one in kept] == [1] and [one.id for one in dropped] == [1]
    assert kept_labels.array[67, 25, 25] == 1 and not kept_labels.array[BELLY].any()
    assert "1 of the lesions found (0.8 ml) touches no vertebra" in dropped_note(dropped)[0]


def test_anywhere_keeps_it_without_a_level(vertebrae):
    labels, lesions = _lesions(BELLY)
    _, kept, dropped = with_levels(labels, lesions, vertebrae, anywhere=True)
    assert [one.level for one in kept] == [""] and not dropped


def test_vertebrae_of_unknown_level_are_counted_from_below(vertebrae):
    counted = vertebrae.with_array(np.select([vertebrae.array == n for n in (L3, L4)], [101, 102]).astype(np.uint8))
    labels, _ = _lesions(BODY)
    assert places_of(labels, counted)[1].name == "vertebra 2 from below"
    assert place_name((L4, SACRUM)) == "L4/sacrum"


@pytest.mark.parametrize("numbers", [(101, 102), (102, 101), (104, 109), (150, 145)])
def test_they_are_counted_by_where_they_lie_whatever_end_a_file_begins_at_and_with_gaps(vertebrae, numbers):
    counted = np.select([vertebrae.array == n for n in (L3, L4, SACRUM)], [*numbers, SACRUM]).astype(np.uint8)
    counted = vertebrae.with_array(counted)
    labels, lesions = _lesions(BODY)  # in L3
    assert places_of(labels, counted)[1].name == "vertebra 2 from below"
    (x, y, z) = lesions[0].centre_ras_mm
    assert place_at((-x, -y, z), counted).name == "vertebra 2 from below"
    assert LevelPlaces.of(counted).level_at((-x, -y, z)) == "vertebra 2 from below"


def test_vertebrae_may_lie_on_another_grid(vertebrae):
    coarse = _grid(vertebrae.array[1::3, 1::3, 1::3], (3.0, 3.0, 3.0), (1.0, 1.0, 1.0))
    labels, lesions = _lesions(BODY)
    assert with_levels(labels, lesions, coarse)[1][0].level == "L3"


def test_name_code_and_table_hold_the_level(vertebrae, tmp_path):
    labels, lesions = _lesions(BODY)
    (lesion,) = with_levels(labels, lesions, vertebrae)[1]
    assert lesion_name(lesion) == "Lesion 1 (L3)"
    assert "SCT^36470004^L3 vertebra" in lesion_terminology(lesion)  # DICOM PS3.16, CID 7603
    (segment,) = lesion_segments([lesion], TARGETS["metastasis"])
    assert segment.tags["SpineOncology.Level"] == "L3"
    write_table([lesion], tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines()[1].startswith("1,L3,")
    assert json.loads(json.dumps(lesion.to_dict()))["level"] == "L3"


def test_several_levels_or_a_count_keep_the_code_of_any_vertebra(vertebrae):
    labels, lesions = _lesions(BODY)
    for level in ("L3/L4", "vertebra 2 from below", ""):
        assert lesion_terminology(replace(lesions[0], level=level)) == TARGETS["metastasis"].terminology
