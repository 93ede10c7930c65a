"""Training of the network that says where the vertebrae are, on several sequences in turn."""

import json

import pytest

from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.session import run_training
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
from Testing.trainings import TINY

SPINE = TINY | {
    "inputs": ["T2"],
    "also": ["T1"],
    "label": "vertebrae",
    "optimisation": TINY["optimisation"] | {"steps": 20},
}


@pytest.fixture(scope="module")
def run(ball_cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spine") / "spine-balls"
    said = []
    run_training(SegmentationConfig.from_dict(SPINE), ball_cohort, folder, processes=1, report=said.append)
    return folder, said


def test_it_becomes_a_model_of_vertebrae_that_takes_one_sequence(run):
    card = load_bundle(run[0] / "model").card
    assert (card.task, card.target, card.inputs) == ("spine-segmentation", "spine", ("T2",))
    assert card.title == "Vertebrae on T2, 2D" and "In its place also trained on T1" in card.text


def test_each_case_is_learned_in_every_sequence_and_held_out_in_every_one(run):
    folder, said = run
    cases = json.loads((folder / "training.json").read_text())["cases"]
    assert not set(cases["training"]) & set(cases["held_out"]) and len(cases["training"]) == 4
    assert sum("Preparing case" in text for text in said) == 12, "six cases, two sequences"


def test_other_sequences_take_the_place_of_a_single_one_only():
    with pytest.raises(SpineError, match="single sequence"):
        SegmentationConfig.from_dict(TINY | {"also": ["STIR"]})
    with pytest.raises(SpineError, match="of which T1 is the input already"):
        SegmentationConfig.from_dict(SPINE | {"inputs": ["T1"]})


def test_the_preset_takes_any_sequence():
    config = SegmentationConfig.read("spine-2d")
    assert {*config.inputs, *config.also} == {"STIR", "T1", "T2"} and config.label == "vertebrae"
