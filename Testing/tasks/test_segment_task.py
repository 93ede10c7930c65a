"""The main task on patients whose answer is known, and as the worker's job."""

import json
from dataclasses import replace
from datetime import datetime
from itertools import permutations, product

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit, logit

from SpineLib.errors import Cancelled, SpineError
from SpineLib.geometry.orientation import Orientation
from SpineLib.jobs.registry import run_job
from SpineLib.models import save_bundle
from SpineLib.tasks.segmentation.lesions import smoothed_across_slices
from SpineLib.tasks.segmentation.naming import TARGETS, target_of
from SpineLib.tasks.segmentation.segment import SegmentSettings, segment
from SpineLib.volume import Volume, read_volume, write_volume
from Testing.tasks.tiny import patient, reordered, save_tiny, undo


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_bright_ball_is_found_where_it_is(tmp_path, dimensions):
    images = patient()
    result = segment(images, save_tiny(tmp_path, dimensions))
    truth = images["T1"].array > 300
    found = result.mask.array.astype(bool)
    assert 2 * (truth & found).sum() / (truth.sum() + found.sum()) > 0.9
    assert [lesion.id for lesion in result.lesions] == [1]
    for volume in (result.probability, result.mask, result.labels):
        assert volume.same_grid(images["T1"])


def test_all_48_axis_orders_give_the_same_mask_in_the_right_place(tiny):
    expected = segment(patient(), tiny)
    assert expected.mask.array.any()
    for axes, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        images = {name: reordered(volume, axes, flips) for name, volume in patient().items()}
        result = segment(images, tiny)
        assert result.mask.same_grid(images["T1"])
        np.testing.assert_array_equal(undo(result.mask.array, axes, flips), expected.mask.array)
        np.testing.assert_allclose(result.lesions[0].centre_ras_mm, expected.lesions[0].centre_ras_mm, atol=1e-3)
        assert result.lesions[0].diameter_3d_mm == pytest.approx(expected.lesions[0].diameter_3d_mm)


def test_the_input_is_left_as_it_was(tiny):
    images = patient()
    segment(images, tiny)
    for name, volume in patient().items():
        np.testing.assert_array_equal(images[name].array, volume.array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_voxel_types_do_not_matter(tiny, dtype):
    images = {name: v.with_array((v.array / 2).clip(0, 255).astype(dtype)) for name, v in patient().items()}
    assert len(segment(images, tiny).lesions) == 1


def test_the_reference_may_be_t2(tiny):
    images = patient()
    t2 = images["T2"]
    images["T2"] = Volume(t2.array[:, 2:, :], t2.spacing, tuple((t2.ijk_to_lps @ [0, 2, 0, 1])[:3]), t2.direction)
    result = segment(images, tiny, SegmentSettings(reference="T2"))
    assert result.mask.same_grid(images["T2"]) and result.provenance["reference"] == "T2"


def test_a_missing_sequence_is_named_and_a_needless_one_is_noted(tiny):
    images = patient()
    with pytest.raises(SpineError, match="T2 was not given"):
        segment({"T1": images["T1"]}, tiny)
    result = segment({**images, "STIR": images["T2"]}, tiny)
    assert any(note.startswith("STIR was not used") for note in result.notes)


def test_threshold_and_smallest_lesion_are_the_users(tiny):
    images = patient()
    wide = segment(images, tiny, SegmentSettings(threshold=0.05)).mask.array.sum()
    narrow = segment(images, tiny, SegmentSettings(threshold=0.95)).mask.array.sum()
    assert wide > narrow > 0
    assert segment(images, tiny, SegmentSettings(smallest_lesion_ml=50)).lesions == []
    for bad in ({"threshold": 1.5}, {"smallest_lesion_ml": -1}, {"unknown": 1}):
        with pytest.raises(SpineError):
            SegmentSettings.from_dict(bad)


def test_a_corrected_probability_with_its_threshold_moved_along_leaves_the_mask_as_it_was(tiny, tmp_path):
    alone = segment(patient(), tiny)
    slope, shift = 0.4, -0.9
    threshold = float(expit(slope * logit(alone.provenance["parameters"]["threshold"]) + shift))
    corrected = replace(tiny.card, calibration=(slope, shift), threshold=threshold)
    result = segment(patient(), save_bundle(tmp_path / "corrected", tiny.network(), corrected))
    changed = np.count_nonzero(result.mask.array != alone.mask.array)
    assert changed <= 0.03 * np.count_nonzero(alone.mask.array), "interpolation to the image's grid alone differs"
    highest = expit(slope * logit(float(alone.probability.array.max())) + shift)
    assert float(result.probability.array.max()) == pytest.approx(highest, abs=0.02)


def test_provenance_is_enough_to_do_it_again(tiny):
    result = segment(patient(), tiny)
    told = json.loads(json.dumps(result.provenance))
    assert told["model"]["id"] == tiny.card.id and told["model"]["sha256"] == tiny.card.sha256
    assert told["model"]["simulated_training_data"] is True
    assert {"python", "torch", "numpy", "SimpleITK", "scipy"} <= told["libraries"].keys()
    assert told["parameters"]["threshold"] == 0.5 and told["parameters"]["preparation"]["slices"] == 16
    assert told["device"] and told["precision"] and told["version"]
    assert datetime.fromisoformat(told["time"]).tzinfo, "the time says its zone"


def test_a_necrosis_is_called_one_in_provenance_segments_and_terminology(tmp_path):
    from SpineLib.tasks.segmentation.output import write_result, write_table

    images = patient()
    result = segment({"ceT1": images["T1"]}, save_tiny(tmp_path, inputs=("ceT1",), target="necrosis"))
    assert result.provenance["target"] == "necrosis" and result.provenance["reference"] == "ceT1"
    write_result(result, tmp_path / "o.seg.nrrd")
    header = (tmp_path / "o.seg.nrrd").read_bytes().split(b"\n\n")[0].decode()
    assert "Segment0_Name:=Necrosis 1\n" in header and "SCT^6574001^Necrosis" in header and "Neoplasm" not in header
    write_table(result.lesions, tmp_path / "o.csv", result.provenance)
    assert (tmp_path / "o.csv").read_text().startswith("necrosis,level,volume_ml")


def test_a_result_of_before_targets_were_told_shows_metastases(tiny):
    assert segment(patient(), tiny).provenance["target"] == "metastasis"
    assert target_of({"task": "segment"}) is TARGETS["metastasis"]


@pytest.fixture
def files(tmp_path):
    paths = {}
    for name, volume in patient().items():
        paths[name] = str(tmp_path / f"{name}.nrrd")
        write_volume(volume, paths[name])
    return paths


def test_the_job_writes_its_result_and_answers_in_json(tiny, files, tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    told = []
    answer = run_job(
        "segment",
        {"inputs": files, "model": str(tiny.folder), "settings": {"threshold": 0.4}},
        folder,
        lambda fraction, text: told.append(fraction),
    )
    assert json.loads(json.dumps(answer)) == answer
    assert sorted(file.name for file in folder.iterdir()) == ["labels.nrrd", "probability.nrrd"]
    labels = read_volume(folder / answer["labels"])
    direct = segment(patient(), tiny, SegmentSettings(threshold=0.4))
    np.testing.assert_array_equal(labels.array, direct.labels.array)
    assert labels.same_grid(patient()["T1"])
    assert answer["lesions"] == [lesion.to_dict() for lesion in direct.lesions]
    assert told == sorted(told)


@pytest.mark.parametrize("after", [0.0, 0.3, 0.6, 0.96])
def test_a_cancelled_job_leaves_nothing(tiny, files, tmp_path, after):
    folder = tmp_path / "job"
    folder.mkdir()

    def stop(fraction, text):
        if fraction >= after:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_job("segment", {"inputs": files, "model": str(tiny.folder)}, folder, stop)
    assert list(folder.iterdir()) == []


def test_an_unknown_job_and_a_lacking_parameter_are_refused(tmp_path):
    with pytest.raises(SpineError, match="no job 'paint'"):
        run_job("paint", {}, tmp_path)
    with pytest.raises(SpineError, match="lacks model"):
        run_job("segment", {"inputs": {}}, tmp_path)


def test_probabilities_are_smoothed_across_the_slices_by_as_many_mm_as_the_model_says(tiny, tmp_path):
    smooth = save_bundle(tmp_path / "smooth", tiny.network(), replace(tiny.card, smoothing_mm=4.0))
    plain, result = segment(patient(), tiny), segment(patient(), smooth)
    across = Orientation.of(plain.probability).axes[0]
    spacing = plain.probability.spacing[2 - across]
    wanted = gaussian_filter1d(plain.probability.array, 4.0 / spacing, axis=across, mode="nearest")
    # The network's slices lie closer than the image's, between which probabilities are interpolated linearly.
    assert np.abs(result.probability.array - wanted).max() < 0.1 < np.abs(plain.probability.array - wanted).max()
    assert result.provenance["parameters"]["smoothing_mm"] == 4.0


def test_one_slice_alone_fades_and_what_many_show_stays_when_slices_are_smoothed():
    probability = np.zeros((9, 2, 2), np.float32)
    probability[4, 0], probability[:, 1] = 1, 1
    smooth = smoothed_across_slices(probability, 2.0, 2.0)
    assert smooth[4, 0, 0] < 0.5 and np.allclose(smooth[:, 1], 1)
    assert smoothed_across_slices(probability, 2.0, 0.0) is probability
