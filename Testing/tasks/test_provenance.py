"""What every result says about how it was made."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.metadata import version
from time import perf_counter

import pytest

import SpineLib
from SpineLib.models import read_card
from SpineLib.tasks.provenance import provenance
from Testing.house.structure import REPOSITORY

CARD = read_card(REPOSITORY / "Resources" / "Models" / "mets-t1t2-2d")


def test_it_names_program_task_settings_libraries_time_and_the_warning():
    made = provenance("compare", perf_counter() - 2, {"error_mm": 1.5}, libraries=("numpy",))
    assert (made["program"], made["version"], made["task"]) == ("SpineOncology", SpineLib.__version__, "compare")
    assert made["parameters"] == {"error_mm": 1.5} and made["libraries"]["numpy"] == version("numpy")
    assert made["seconds"] == pytest.approx(2, abs=0.5)  # the clock of a busy machine
    assert datetime.fromisoformat(made["time"]).tzinfo and "Research use only" in made["notice"]
    assert not {"model", "device", "precision"} & made.keys()


def test_of_a_model_it_names_the_weights_and_says_whether_the_training_data_were_simulated():
    made = provenance("segment", perf_counter(), {}, card=CARD, device="cpu", precision="float32", target="metastasis")
    assert made["model"]["id"] == CARD.id and made["model"]["sha256"] == CARD.sha256
    assert made["model"]["simulated_training_data"] is True
    assert (made["device"], made["precision"], made["target"]) == ("cpu", "float32", "metastasis")
    assert json.loads(json.dumps(made, allow_nan=False)) == made
