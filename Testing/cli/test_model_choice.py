"""Which model ``spine segment`` takes where none is named."""

import json
from dataclasses import replace

import numpy as np

from SpineLib.cli.choosing import best_model
from SpineLib.cli.main import main
from SpineLib.models import ModelCard, catalogue, load_bundle, read_card, save_bundle
from SpineLib.networks.unet import UNet
from SpineLib.volume import write_volume
from Testing.tasks.tiny import patient, save_tiny


def test_the_model_that_uses_most_inputs_is_the_default(case):
    wanted = read_card(best_model(["T1", "T2"]))
    assert wanted.inputs == ("T1", "T2") and wanted.network["dimensions"] == 2
    assert read_card(best_model(["T1"])).inputs == ("T1",)


def test_a_model_for_t1_and_stir_is_found_and_shown_what_its_card_asks_for(case, monkeypatch):
    monkeypatch.setattr(catalogue, "bundled_folders", lambda: [])
    save_tiny(case / "models", inputs=("STIR", "T1"))  # marks what is bright on its first input
    stir = patient()["T1"]
    write_volume(stir, case / "STIR.nii.gz")
    write_volume(stir.with_array(np.full_like(stir.array, 50) + stir.array % 7), case / "flat.nii.gz")
    command = ["segment", "--t1", str(case / "flat.nii.gz"), "--stir", str(case / "STIR.nii.gz")]
    assert main([*command, "-o", str(case / "o.seg.nrrd"), "--json", str(case / "r.json")]) == 0
    report = json.loads((case / "r.json").read_text())
    assert report["provenance"]["model"]["id"] == "tiny-2d-stir-t1"
    assert len(report["lesions"]) == 1, "the ball is bright on STIR alone"


def test_a_model_that_takes_any_sequence_is_chosen_where_it_uses_more(case):
    network = {"type": "unet", "dimensions": 2, "inputs": 6, "widths": [4, 6], "presence": True}
    card = ModelCard(
        id="any",
        title="Any",
        task="metastasis-segmentation",
        network=network,
        inputs=("T2", "STIR", "ceT1"),
        preparation={"slices": 16},
        patch=(32, 32),
        licence="Apache-2.0",
        training_data={"simulated": True, "description": "none"},
    )
    save_bundle(case / "models" / "any", UNet(2, 6, (4, 6)), card)
    chosen = lambda *names: read_card(best_model(names))  # noqa: E731
    assert chosen("T2", "STIR").id == "any" and chosen("T1").inputs == ("T1",)
    assert chosen("STIR").inputs_of(["STIR"]) == ("STIR",) and chosen("ceT1").id == "any"


def test_of_two_models_that_use_as_much_the_one_measured_to_be_better_is_chosen(case, monkeypatch):
    monkeypatch.setattr(catalogue, "bundled_folders", lambda: [])
    for inputs, dice in ((("T1", "STIR"), 0.6), (("T1", "T2"), 0.7)):
        made = load_bundle(save_tiny(case / "models", inputs=inputs).folder)
        figures = {"unseen_simulated": {"dice": [dice, 0.1]}}
        save_bundle(made.folder, made.network(), replace(made.card, figures=figures))
    assert read_card(best_model(["T1", "T2", "STIR"])).inputs == ("T1", "T2")
