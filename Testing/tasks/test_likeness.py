"""A scan unlike those of the training is told: a number, a sentence, a column."""

import csv
import json

import numpy as np
import pytest
import torch

from SpineLab.training.likeness import features_of, put_likeness
from SpineLib.inference.features import Features
from SpineLib.inference.predict import predict
from SpineLib.tasks.segmentation.likeness import unlike_note
from SpineLib.tasks.segmentation.output import write_report, write_table
from SpineLib.tasks.segmentation.segment import SegmentSettings, segment
from Testing.tasks.tiny import patient, random_network, save_tiny


def scan(seed, noise=4.0):
    """The patient again with other noise."""
    rng = np.random.default_rng(seed)
    return {name: one.with_array(one.array + rng.normal(0, noise, one.shape)) for name, one in patient().items()}


def vertebrae():
    one = patient()["T1"]
    marked = np.zeros(one.shape, np.uint8)
    marked[2:10, 8:32, 10:34] = 22
    return one.with_array(marked)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    made = save_tiny(tmp_path_factory.mktemp("models"), network=random_network())
    return put_likeness(made, [features_of(scan(seed), made, vertebrae()) for seed in range(30)]).bundle


def test_features_are_mean_and_deviation_of_the_networks_own_maps_where_it_is_looked():
    network = random_network()
    channels = np.random.default_rng(0).normal(size=(2, 3, 40, 44)).astype(np.float32)
    where = np.zeros((3, 40, 44), bool)
    where[1, 4:36, 8:40] = True
    where[2, :3, :3] = True  # too little to say anything
    features = Features(where, (0, -1), 3)
    assert features.of_scan() == []
    predict(channels, network, device="cpu", precision="float32", features=features)
    maps, x = [], torch.from_numpy(channels).transpose(0, 1)
    with torch.inference_mode():
        for level in network.down:
            maps.append(x := level(x))
    fine, deep = features.of_scan()
    inside = maps[0][1, :, 4:36, 8:40].numpy().reshape(8, -1)
    # Rounding of the fast form of the network.
    np.testing.assert_allclose(fine, [np.concatenate([inside.mean(1), inside.std(1)])], atol=1e-4)
    inside = maps[2][1, :, 1:9, 2:10].numpy().reshape(16, -1)
    np.testing.assert_allclose(deep, [np.concatenate([inside.mean(1), inside.std(1)])], atol=1e-4)


def test_a_scan_like_the_training_has_a_low_number_and_no_sentence(bundle):
    result = segment(scan(101), bundle, around=vertebrae())
    assert 0 < result.provenance["scan_unlikeness"] < 1.2 and not any("unlike" in note for note in result.notes)


def test_a_noisy_one_is_told_in_a_sentence_and_in_the_files(bundle, tmp_path):
    result = segment(scan(102, noise=60), bundle, SegmentSettings(threshold=0.3), around=vertebrae())
    number = result.provenance["scan_unlikeness"]
    assert number > 1.5
    assert result.notes[0] == (
        f"This scan is unlike what the model was trained on ({number:.1f}, where up to 1 is usual): look at every mark "
        "yourself, and at the vertebrae without one."
    )
    write_report(result, tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["provenance"]["scan_unlikeness"] == number
    assert result.lesions
    write_table(result.lesions, tmp_path / "t.csv", result.provenance)
    assert {float(row["scan_unlikeness"]) for row in csv.DictReader((tmp_path / "t.csv").open())} == {number}


def test_it_is_measured_in_the_vertebrae_wherever_is_searched(bundle):
    images = scan(103, noise=20)
    near = segment(images, bundle, around=vertebrae()).provenance["scan_unlikeness"]
    everywhere = segment(images, bundle, SegmentSettings(anywhere=True), around=vertebrae())
    # Borders of the part that is searched are seen by a network whose window is the part.
    assert everywhere.provenance["scan_unlikeness"] == pytest.approx(near, rel=0.1)


def test_nothing_is_known_without_vertebrae_or_of_a_model_that_does_not_say(bundle, tmp_path):
    assert segment(scan(1), bundle).provenance["scan_unlikeness"] is None
    silent = save_tiny(tmp_path)
    assert segment(scan(1), silent, around=vertebrae()).provenance["scan_unlikeness"] is None
    assert unlike_note({}) == unlike_note({"scan_unlikeness": None}) == unlike_note({"scan_unlikeness": 1.0}) == []


def test_page_and_paragraph_of_a_report_say_it():
    from SpineLib.reports.text import lesions_text

    said = lesions_text([], ["T2"], "metastasis", "metastases", {"scan_unlikeness": 1.84})
    assert "This scan is unlike what the model was trained on (1.8, " in said
