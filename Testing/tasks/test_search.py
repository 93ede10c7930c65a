"""Lesions are looked for around the vertebrae alone, and nothing that belongs to one is cut off by that."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLib.preprocess import Preparation, prepare
from SpineLib.tasks.segmentation.segment import SegmentSettings, segment
from SpineLib.tasks.segmentation.where import AROUND_MM, Search
from SpineLib.volume import Volume
from SpineLib.volume.crop import box_of
from Testing.tasks.tiny import random_network, save_tiny

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)  # columns to posterior, rows down, slices to the left
VERTEBRA = np.s_[4:12, 60:90, 100:130]


def _volume(array: np.ndarray, name: str = "T1") -> Volume:
    return Volume(array, (1.0, 1.0, 4.0), (0.0, 0.0, 0.0), SAGITTAL, name)


def _scan(*bright) -> Volume:
    array = np.random.default_rng(1).normal(100, 3, (16, 200, 200)).astype(np.float32)
    for box in bright:
        array[box] = 400
    return _volume(array)


def _vertebrae(number: int = 22) -> Volume:
    array = np.zeros((16, 200, 200), np.uint8)
    array[VERTEBRA] = number
    return _volume(array, "vertebrae")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("models"), inputs=("T1",))


IN_IT = np.s_[6:9, 70:80, 110:120]
IN_THE_BELLY = np.s_[6:9, 70:90, 10:30]
OUT_OF_IT = np.s_[6:9, 70:80, 110:190]
ABOVE = np.s_[6:9, 2:12, 110:120]


def test_within_vertebrae_the_answer_is_that_of_the_whole_image(tmp_path):
    # This network sees 8 voxels far, which is less than the surroundings: only rounding may differ.
    bundle = save_tiny(tmp_path, inputs=("T1",), network=random_network(2, 1))
    scan, vertebrae = _scan(IN_IT), _vertebrae()
    settings = SegmentSettings(precision="float32")
    around, everywhere = (segment({"T1": scan}, bundle, settings, around=one) for one in (vertebrae, None))
    inside = vertebrae.array > 0
    np.testing.assert_allclose(around.probability.array[inside], everywhere.probability.array[inside], atol=1e-5)
    assert (around.provenance["searched"], everywhere.provenance["searched"]) == (
        "within 32 mm of the vertebrae",
        "everywhere",
    )


def test_what_lies_far_from_vertebrae_is_looked_for_only_when_asked(tiny):
    scan = _scan(IN_IT, IN_THE_BELLY)
    assert len(segment({"T1": scan}, tiny, around=_vertebrae()).lesions) == 1
    assert len(segment({"T1": scan}, tiny, SegmentSettings(anywhere=True), around=_vertebrae()).lesions) == 2


def test_a_lesion_of_a_vertebra_is_followed_however_far_it_goes(tiny):
    result = segment({"T1": _scan(OUT_OF_IT)}, tiny, around=_vertebrae())
    assert result.lesions[0].diameter_in_plane_mm > AROUND_MM + 40
    assert result.provenance["searched"] == "everywhere"


def test_a_vertebra_that_was_overlooked_above_those_found_is_looked_at(tiny):
    assert len(segment({"T1": _scan(ABOVE)}, tiny, around=_vertebrae()).lesions) == 1


@pytest.mark.parametrize(("number", "rows"), [(22, 200), (26, 128)])
def test_below_only_a_sacrum_ends_the_search(number, rows):
    prepared = prepare({"T1": _scan(IN_IT)}, Preparation(slices=16))
    assert Search.around(prepared, _vertebrae(number)).box[1] == slice(0, rows)


def test_labels_without_a_vertebra_leave_nothing_out():
    prepared = prepare({"T1": _scan(IN_IT)}, Preparation(slices=16))
    empty = _volume(np.zeros((16, 200, 200), np.uint8))
    assert Search.around(prepared, empty).box == Search.everywhere(prepared).box


def test_a_box_holds_all_that_is_marked_with_its_margin():
    mask = np.zeros((9, 9, 9), bool)
    mask[3, 1:7, 4] = True
    assert box_of(mask, (1, 2, 0)) == np.s_[2:5, 0:9, 4:5]
    assert box_of(np.zeros((2, 2, 2))) == np.s_[0:0, 0:0, 0:0]
