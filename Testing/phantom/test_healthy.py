"""The figures on healthy scans count what is there."""

import json

import numpy as np
import pytest
import torch

from SpineLib.cli.main import main
from SpineLib.models import ModelCard, save_bundle
from SpineLib.networks.unet import UNet
from SpineLib.volume import Volume, write_volume


@pytest.fixture
def scan(tmp_path):
    rng = np.random.default_rng(0)
    bodies = np.zeros((16, 96, 64), np.uint8)
    for n in range(3):
        bodies[2:14, 6 + 30 * n : 28 + 30 * n, 18:46] = n + 1
    image = np.where(bodies > 0, 100, 40) + rng.normal(0, 2, bodies.shape)
    direction = [[0, 0, -1], [1, 0, 0], [0, -1, 0]]
    for name, array in (("t1", image.astype(np.float32)), ("bodies", bodies)):
        write_volume(Volume(array, (1.0, 1.0, 2.0), direction=direction), tmp_path / f"{name}.nrrd")
    return tmp_path


def constant_model(folder, logit):
    """A network whose answer is the same everywhere."""
    network = UNet(2, 1, (4, 6))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.last.bias.fill_(logit)
    card = ModelCard(
        id=folder.name,
        title="Constant",
        task="metastasis-segmentation",
        inputs=("T1",),
        patch=(16, 16),
        network={"type": "unet", "dimensions": 2, "inputs": 1, "widths": [4, 6]},
        licence="Apache-2.0",
        preparation={"slices": 64},
        training_data={"simulated": True, "description": "none"},
    )
    save_bundle(folder, network.eval(), card)
    return folder


def evaluate(scan, model):
    out = scan / "figures.json"
    assert (
        main(
            [
                "evaluate",
                "healthy",
                "--t1",
                str(scan / "t1.nrrd"),
                "--bodies",
                str(scan / "bodies.nrrd"),
                "--model",
                str(model),
                "--repeats",
                "1",
                "--lesions",
                "2",
                "--json",
                str(out),
            ]
        )
        == 0
    )
    return json.loads(out.read_text())[0]


def test_a_model_that_finds_nothing_has_no_false_positive_and_misses_all(scan):
    figures = evaluate(scan, constant_model(scan / "never", -5.0))
    assert figures["false_positives"]["count"] == 0
    assert [row["found"] for row in figures["painted"]] == [False, False]
    assert figures["dice"] == [0.0]


def test_a_model_that_finds_everything_finds_the_lesions_and_one_huge_false_positive(scan):
    figures = evaluate(scan, constant_model(scan / "always", 5.0))
    assert figures["false_positives"]["count_half_ml"] == 1
    assert figures["false_positives"]["ml"] == pytest.approx(16 * 96 * 64 * 2 / 1000, rel=0.01)
    assert all(row["found"] and row["covered"] == 1 for row in figures["painted"])


def test_a_model_whose_sequence_is_not_given_is_an_error(scan, capsys):
    model = constant_model(scan / "never", -5.0)
    assert (
        main(
            [
                "evaluate",
                "healthy",
                "--t2",
                str(scan / "t1.nrrd"),
                "--bodies",
                str(scan / "bodies.nrrd"),
                "--model",
                str(model),
            ]
        )
        == 1
    )
    assert "needs T1" in capsys.readouterr().err
