"""Marks that are no lesion of a vertebra are left out and told: beside the bone, in the last slice, like the marrow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineLib.tasks.segmentation.lesions import find_lesions
from SpineLib.tasks.segmentation.placed import segment_placed
from SpineLib.tasks.segmentation.plausible import BESIDE, CUT, LIKE_MARROW, doubts, doubts_note
from SpineLib.tasks.segmentation.segment import SegmentSettings
from SpineLib.volume import Volume
from Testing.tasks.tiny import bright_network, save_tiny

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)  # columns to posterior, rows down, slices to the left
IN_THE_BODY, IN_THE_DISC = np.s_[6:9, 64:76, 104:116], np.s_[6:9, 91:96, 104:124]
IN_THE_LAST_SLICE = np.s_[15:16, 62:78, 104:120]


def _volume(array: np.ndarray) -> Volume:
    return Volume(array, (1.0, 1.0, 4.0), (0.0, 0.0, 0.0), SAGITTAL, "T1")


@pytest.fixture
def vertebrae() -> Volume:
    """Two bodies of 30 mm, one above the other, a disc of 6 mm between them; they reach into the last slice."""
    array = np.zeros((16, 160, 200), np.uint8)
    array[3:16, 60:90, 100:130], array[3:16, 97:127, 100:130] = 23, 24
    return _volume(array)


def _scan(vertebrae: Volume, ratio: float, where) -> Volume:
    """Marrow of 100 that a coil of the scanner makes half as bright at the upper edge as at the lower one."""
    image = np.where(vertebrae.array > 0, 100.0, 60.0) + np.random.default_rng(1).normal(0, 4, vertebrae.shape)
    image[where] *= ratio
    return _volume((image * np.linspace(0.5, 1.0, 160)[:, None]).astype(np.float32))


def _marked(where):
    probability = np.zeros((16, 160, 200), np.float32)
    probability[where] = 0.9
    _, labels, lesions = find_lesions(_volume(probability), 0.5)
    return labels, lesions


def _judged(vertebrae, where, sequence="T1", ratio=0.5, **how):
    images = {sequence: _scan(vertebrae, ratio, where)}
    return doubts(*_marked(where), images, vertebrae, **how).get(1)


@pytest.mark.parametrize(
    ("sequence", "ratio", "doubt"),
    [
        ("T1", 0.55, None),
        ("T1", 0.75, None),
        ("T1", 1.0, LIKE_MARROW),
        ("T1", 1.5, LIKE_MARROW),  # fat, a haemangioma: no metastasis is brighter than marrow on T1
        ("T2", 1.4, None),
        ("T2", 0.5, None),
        ("T2", 1.0, LIKE_MARROW),
        ("STIR", 2.0, None),
        ("ceT1", 1.0, None),  # with contrast medium lesions may look like marrow
    ],
)
def test_a_mark_stands_out_from_the_marrow_around_it_or_is_left_out(vertebrae, sequence, ratio, doubt):
    assert _judged(vertebrae, IN_THE_BODY, sequence, ratio) == doubt


@pytest.mark.parametrize(("ratio", "doubt"), [(0.6, None), (0.78, LIKE_MARROW)])
def test_in_the_sacrum_which_is_darker_by_nature_a_mark_on_t1_has_to_differ_by_more(vertebrae, ratio, doubt):
    array = vertebrae.array.copy()
    array[array == 23], array[array == 24] = 26, 24
    assert _judged(_volume(array), IN_THE_BODY, "T1", ratio) == doubt


def test_one_sequence_in_which_a_mark_stands_out_is_enough(vertebrae):
    images = {"T1": _scan(vertebrae, 0.5, IN_THE_BODY), "T2": _scan(vertebrae, 1.0, IN_THE_BODY)}
    assert doubts(*_marked(IN_THE_BODY), images, vertebrae) == {}


def test_a_whole_body_replaced_evenly_stands_out_from_the_other(vertebrae):
    body = np.s_[3:16, 60:90, 100:130]
    assert _judged(vertebrae, body, ratio=0.6) is None


def test_a_piece_of_a_body_that_is_replaced_as_a_whole_stands_out_from_the_other_body(vertebrae):
    body = np.s_[3:16, 60:90, 100:130]
    assert doubts(*_marked(IN_THE_BODY), {"T1": _scan(vertebrae, 0.6, body)}, vertebrae) == {}


def test_what_lies_in_a_disc_is_left_out_unless_the_labels_hold_bodies_alone(vertebrae):
    assert _judged(vertebrae, IN_THE_DISC) == BESIDE
    assert _judged(vertebrae, IN_THE_DISC, whole_bones=False) is None


def test_a_large_lesion_that_left_the_bone_stays_by_its_part_within(vertebrae):
    assert _judged(vertebrae, np.s_[5:10, 64:84, 60:110]) is None


def test_what_the_last_slice_alone_shows_is_left_out(vertebrae):
    assert _judged(vertebrae, IN_THE_LAST_SLICE) == CUT


def test_without_enough_marrow_around_it_nothing_is_judged(vertebrae):
    everything = np.s_[3:16, 60:127, 100:130]
    assert _judged(vertebrae, everything, ratio=1.0) is None


def test_the_note_counts_each_kind_with_levels_and_says_how_to_keep_them():
    lesions = [replace(_marked(IN_THE_BODY)[1][0], id=n, level=level) for n, level in ((1, "L4"), (2, "L5"), (3, "S1"))]
    (note,) = doubts_note({1: BESIDE, 3: BESIDE, 2: LIKE_MARROW}, lesions)
    assert note.startswith("3 of the lesions found were left out, since 2 lie beside the bone")
    assert "(L4 1.7 ml, S1 1.7 ml); 1 has the signal of the marrow around it (L5 1.7 ml); keep them with" in note
    assert doubts_note({}, lesions) == []


@pytest.mark.parametrize(("anywhere", "count"), [(False, 1), (True, 2)])
def test_the_segmentation_leaves_them_out_unless_it_is_told_to_keep_them(vertebrae, tmp_path, anywhere, count):
    # The network marks what is bright; the second bright place stands for the marrow's own texture on T1.
    bundle = save_tiny(tmp_path, inputs=("T1", "T2"), network=bright_network(2, 2, brighter_than=8.0))
    t1, t2 = (np.where(vertebrae.array > 0, 100.0, 60.0).astype(np.float32) for _ in range(2))
    t1[IN_THE_BODY] = t1[6:9, 104:116, 104:116] = 400
    t2[IN_THE_BODY] = 200
    images = {"T1": _volume(t1), "T2": _volume(t2)}
    settings = SegmentSettings(anywhere=anywhere)
    result = segment_placed(images, bundle, settings, vertebrae=vertebrae)
    assert [one.id for one in result.lesions] == list(range(1, count + 1))
    assert sorted(np.unique(result.labels.array)) == list(range(count + 1))
    assert ((result.mask.array > 0) == (result.labels.array > 0)).all()
    assert any("has the signal of the marrow around it (L5" in note for note in result.notes) == (not anywhere)
