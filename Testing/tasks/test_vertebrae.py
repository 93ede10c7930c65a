"""Vertebrae of a CT: found by the network, told apart, measured, named, with what the user should know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SpineLib.errors import Cancelled, SpineError
from SpineLib.jobs.registry import run_job
from SpineLib.tasks.ct.vertebrae import VertebraeSettings, describe_vertebrae, segment_vertebrae
from SpineLib.volume import Volume, read_volume, write_volume
from Testing.tasks.simulated_spine import save_bright_bone, spine_ct
from Testing.tasks.tiny import reordered, undo


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return save_bright_bone(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def column():
    return spine_ct()


@pytest.fixture(scope="module")
def found(bundle, column):
    return segment_vertebrae(column[0], bundle)


def test_each_vertebra_gets_one_number_from_cranial_to_caudal(found, column):
    ct, truth = column
    assert found.labels.same_grid(ct) and found.labels.array.dtype == np.uint8
    assert [one.label for one in found.vertebrae] == [101, 102, 103]  # no level of VerSe
    for one in found.vertebrae:
        own, true = found.labels.array == one.label, truth.array == one.label - 100
        assert 2 * np.count_nonzero(own & true) / (own.sum() + true.sum()) > 0.9
    heights = [one.centre_lps_mm[2] for one in found.vertebrae]
    assert heights == sorted(heights, reverse=True)


def test_volume_and_centre_are_those_of_the_labels_in_space(found):
    second = found.vertebrae[1]
    inside = np.argwhere(found.labels.array == 102)
    assert second.volume_ml == pytest.approx(len(inside) * 1.5**3 / 1000)
    centre = found.labels.ijk_to_lps @ (*inside.mean(axis=0)[::-1], 1)
    np.testing.assert_allclose(second.centre_lps_mm, centre[:3], atol=0.01)


def test_the_probability_lies_on_the_cts_grid(found, column):
    assert found.probability.same_grid(column[0])
    assert found.probability.array.dtype == np.float32 and found.probability.array.min() >= 0
    np.testing.assert_array_equal(found.labels.array[found.probability.array < 0.5], 0)


def test_any_axis_order_gives_the_same_vertebrae(found, column, bundle):
    axes, flips = (2, 0, 1), (True, False, True)
    turned = segment_vertebrae(reordered(column[0], axes, flips), bundle)
    np.testing.assert_array_equal(undo(turned.labels.array, axes, flips), found.labels.array)
    assert turned.vertebrae == found.vertebrae


def test_without_a_level_they_are_counted_and_the_user_is_told(found):
    assert [one.name for one in found.vertebrae] == ["vertebra 1", "vertebra 2", "vertebra 3"]
    assert any("counted" in note for note in found.notes)


def test_with_the_level_of_the_first_they_have_verse_numbers_and_names(bundle, column):
    named = segment_vertebrae(column[0], bundle, VertebraeSettings(first="L4"))
    assert [(one.label, one.name) for one in named.vertebrae] == [(23, "L4"), (24, "L5"), (26, "S")]
    assert not any("counted" in note for note in named.notes)


def test_more_vertebrae_than_levels_below_the_first_are_refused(bundle, column):
    with pytest.raises(SpineError, match="3 vertebrae were found, and from L5 down there are 2"):
        segment_vertebrae(column[0], bundle, VertebraeSettings(first="L5"))


def test_a_vertebra_cut_by_the_edge_is_told_of(bundle, column):
    ct = column[0]
    cut = replace(ct, array=ct.array[18:])  # the lower half of the lowest body is beyond the edge
    found = segment_vertebrae(cut, bundle)
    assert [one.touches_border for one in found.vertebrae] == [False, False, True]
    assert any("vertebra 3" in note and "edge" in note for note in found.notes)


def test_metal_is_told_of(bundle, column):
    array = column[0].array.copy()
    array[40:44, 40:44, 20:24] = 3071
    assert any("metal" in note for note in segment_vertebrae(column[0].with_array(array), bundle).notes)


def test_no_spine_is_no_vertebra_and_a_note(bundle, column):
    ct = column[0].with_array(np.where(column[0].array > 300, 60, column[0].array))
    ct.array[5, 5, 5] = 400
    found = segment_vertebrae(ct, bundle)
    assert found.vertebrae == [] and any("No vertebra" in note for note in found.notes)


def test_mr_given_as_ct_is_refused(bundle, shared_data):
    with pytest.raises(SpineError, match="Hounsfield"):
        segment_vertebrae(read_volume(shared_data / "mr_lumbar" / "DzZ_T1.nii.gz"), bundle)


def test_a_model_of_another_task_is_refused(tmp_path, column):
    from Testing.tasks.tiny import save_tiny

    with pytest.raises(SpineError, match="is for metastasis-segmentation"):
        segment_vertebrae(column[0], save_tiny(tmp_path / "mets"))


@pytest.mark.parametrize("values", [{"threshold": 1.5}, {"first": "L7"}, {"level": "L1"}, {"smallest_ml": -1}])
def test_wrong_settings_are_refused(values):
    with pytest.raises(SpineError):
        VertebraeSettings.from_dict(values)


def test_cancelling_stops(bundle, column):
    def stop(fraction, text):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        segment_vertebrae(column[0], bundle, progress=stop)


def test_the_provenance_says_how(found):
    assert found.provenance["model"]["simulated_training_data"] is True
    assert found.provenance["parameters"]["preparation"] == {"window": [-250.0, 1000.0], "pixel_mm": 1.5}


def test_a_users_own_verse_labels_are_described():
    array = np.zeros((30, 10, 10), np.int16)
    array[2:10, 2:8, 2:8], array[12:20, 2:8, 2:8], array[22:30, 2:8, 2:8] = 22, 21, 20
    told = describe_vertebrae(Volume(array, (1, 1, 2)))
    assert [(one.name, one.touches_border) for one in told] == [("L1", True), ("L2", False), ("L3", False)]
    assert told[1].volume_ml == pytest.approx(8 * 36 * 2 / 1000)


def test_real_labels_are_described(shared_data):
    told = describe_vertebrae(read_volume(shared_data / "ct_spine" / "sub-verse012_seg-vert_msk.nii.gz"))
    assert [one.name for one in told] == ["T10", "T11", "T12", "L1", "L2", "L3"]
    assert all(10 < one.volume_ml < 120 for one in told)


def test_fractions_are_no_labels():
    with pytest.raises(SpineError, match="fractions"):
        describe_vertebrae(Volume(np.full((3, 3, 3), 0.5)))


def test_the_job_writes_labels_and_probability(bundle, column, tmp_path, found):
    write_volume(column[0], tmp_path / "ct.nii.gz")
    told = run_job("vertebrae", {"inputs": {"CT": str(tmp_path / "ct.nii.gz")}, "model": str(bundle.folder)}, tmp_path)
    labels = read_volume(tmp_path / told["labels"])
    np.testing.assert_array_equal(labels.array, found.labels.array)
    assert read_volume(tmp_path / told["probability"]).same_grid(column[0])
    assert [one["label"] for one in told["vertebrae"]] == [101, 102, 103]
    assert told["notes"] == found.notes and Path(told["labels"]).name == told["labels"]


def test_the_job_without_a_ct_is_refused(bundle, tmp_path):
    with pytest.raises(SpineError, match="on a CT"):
        run_job("vertebrae", {"inputs": {}, "model": str(bundle.folder)}, tmp_path)


def test_a_counted_vertebra_is_never_taken_for_a_cervical_one(tmp_path, found):
    """Number 3 is C3 in VerSe's list; the third vertebra of a lumbar CT is not."""
    from SpineLib.tasks.ct.numbering import label_of, read_vertebrae
    from SpineLib.tasks.ct.vertebra_output import write_vertebrae
    from SpineLib.volume.levels import level_name

    for name in ("counted.seg.nrrd", "counted.nii.gz"):
        write_vertebrae(found, tmp_path / name)
        back, _ = read_vertebrae(tmp_path / name)
        assert [level_name(n) for n in np.unique(back.array) if n] == ["vertebra 1", "vertebra 2", "vertebra 3"]
        assert label_of("vertebra 2", back) == 102
