"""Segmentation with levels of scans that are not as they should be: each is refused, or told, for its own cause."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.tasks.segmentation.placed import segment_placed
from SpineLib.tasks.segmentation.segment import SegmentSettings
from SpineLib.volume import Volume
from Testing.tasks.test_plausible import IN_THE_BODY, SAGITTAL
from Testing.tasks.tiny import bright_network, patient, save_tiny


@pytest.fixture
def tiny(tmp_path):
    return save_tiny(tmp_path, inputs=("T1",), network=bright_network(2, 1))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda scan: np.full_like(scan, 7), "constant"),
        (lambda scan: np.where(np.arange(scan.size).reshape(scan.shape) == 9, np.nan, scan), "no numbers"),
        (lambda scan: scan[:1], "one slice"),
        (lambda scan: (scan > 100).astype(np.float32), "a mask or a label map"),
    ],
)
def test_an_image_that_cannot_be_used_is_refused_for_its_own_cause_before_a_column_is_looked_for(tiny, spoil, words):
    # Large enough for a column to be looked for: none would be found, and the user told to choose another series.
    scan = np.random.default_rng(3).uniform(0, 200, (6, 150, 150)).astype(np.float32)
    scan[:, 40:90, 40:90] += 100
    image = Volume(spoil(scan), (1.0, 1.0, 4.0), direction=SAGITTAL, name="T1")
    steps = []
    with pytest.raises(SpineError, match=words):
        segment_placed({"T1": image}, tiny, SegmentSettings(anyway=True), lambda done, text: steps.append(text))
    assert not steps


def test_a_piece_too_small_for_a_column_is_said_to_have_none_looked_for(tiny):
    result = segment_placed({"T1": patient()["T1"]}, tiny)  # 40 x 44 pixels of 1.5 mm
    (told,) = [note for note in result.notes if "vertebrae are not looked for" in note]
    assert "60 mm from above to below and 66 mm from front to back" in told and "levels are unknown" in told


def test_slices_that_reach_over_less_than_a_vertebral_body_are_told(tiny):
    scan = patient()["T1"]  # 12 slices of 4 mm
    thin = replace(scan, spacing=(*scan.spacing[:2], 1.0))
    assert not [note for note in segment_placed({"T1": scan}, tiny).notes if "left to right" in note]
    (told,) = [note for note in segment_placed({"T1": thin}, tiny).notes if "left to right" in note]
    assert "reach over 12 mm" in told and "distance between slices" in told


def _column() -> Volume:
    bones = np.zeros((16, 160, 200), np.uint8)
    bones[3:16, 60:90, 100:130], bones[3:16, 97:127, 100:130] = 23, 24
    return Volume(bones, (1.0, 1.0, 4.0), (0.0, 0.0, 0.0), SAGITTAL, "vertebrae")


def test_a_lowest_level_beside_vertebrae_that_have_levels_is_said_not_to_be_used(tmp_path):
    bones = _column()
    scan = np.where(bones.array > 0, 100.0, 60.0).astype(np.float32)
    scan[IN_THE_BODY] = 20
    images = {"T1": bones.with_array(scan)}
    bundle = save_tiny(tmp_path, inputs=("T1",), network=bright_network(2, 1, brighter_than=9.0))
    named = segment_placed(images, bundle, SegmentSettings(lowest="L3"), vertebrae=bones)
    assert [note for note in named.notes if "lowest vertebra is L3 was not used" in note]
    assert not [note for note in segment_placed(images, bundle, vertebrae=bones).notes if "was not used" in note]


@pytest.mark.parametrize("offset", [-150.0, 0.0, 1000.0, 32768.0])
def test_what_stands_out_from_the_marrow_does_so_whatever_grey_value_black_has(tmp_path, offset):
    # Networks see images whitened; ratios of signals must not depend on where a program put its zero either.
    bones = _column()
    noise = np.random.default_rng(4).uniform(0, 5, bones.shape)
    t1, t2 = (np.where(bones.array > 0, 100.0, noise).astype(np.float32) for _ in range(2))
    t1[IN_THE_BODY] = t1[6:9, 104:116, 104:116] = 500  # two that the network marks
    t2[IN_THE_BODY] = 20  # the first is one on T2
    images = {"T1": bones.with_array(t1), "T2": bones.with_array(t2 + np.float32(offset))}
    bundle = save_tiny(tmp_path, inputs=("T1", "T2"), network=bright_network(2, 2, brighter_than=8.0))
    result = segment_placed(images, bundle, vertebrae=bones)
    assert [lesion.level for lesion in result.lesions] == ["L4"]
    assert any("(L5" in note and "signal of the marrow" in note for note in result.notes)


def test_a_second_sequence_is_judged_where_it_was_registered_to_not_where_its_file_puts_it(tmp_path):
    # The T2's patient lay 12 mm further down: by its file, the lesion on T2 would lie below the mark on T1.
    bones = _column()
    rng = np.random.default_rng(2)
    tissue = np.repeat(np.repeat(rng.uniform(20, 90, (16, 16, 20)), 10, 1), 10, 2).astype(np.float32)
    t1, t2 = np.where(bones.array > 0, 100.0, tissue), np.where(bones.array > 0, 100.0, 150 - tissue)
    t1[IN_THE_BODY], t2[IN_THE_BODY] = 700, 20
    moved = np.asarray([[0, 0, -12.0]])
    images = {"T1": bones.with_array(t1.astype(np.float32))}
    images["T2"] = replace(bones.with_array(t2.astype(np.float32)), origin=tuple((np.array(bones.origin) + moved)[0]))
    bundle = save_tiny(tmp_path, inputs=("T1", "T2"), network=bright_network(2, 2, brighter_than=8.0))
    result = segment_placed(images, bundle, vertebrae=bones)
    assert any(
        "co-registered rigidly (shift 12" in note or "co-registered rigidly (shift 11" in note for note in result.notes
    )
    lying = result.images["T2"]
    assert lying.same_grid(images["T1"])
    assert np.corrcoef(lying.array.ravel(), t2.ravel())[0, 1] > 0.9  # splines between voxels soften edges
    assert [lesion.level for lesion in result.lesions] == ["L4"]
