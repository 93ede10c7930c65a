"""A small bundle."""

import pytest
import torch

from SpineLib.models import ModelCard, save_bundle
from SpineLib.networks.unet import UNet


def make_card(**changes):
    values = {
        "id": "tiny",
        "title": "Tiny",
        "task": "metastasis-segmentation",
        "network": {"type": "unet", "dimensions": 2, "inputs": 2, "widths": [4, 6, 8]},
        "inputs": ("T1", "T2"),
        "preparation": {"slices": 64},
        "patch": (32, 32),
        "licence": "Apache-2.0",
        "training_data": {"simulated": True, "description": "none"},
        "text": "# Tiny\n",
    }
    return ModelCard(**{**values, **changes})


@pytest.fixture
def card():
    """Makes cards: ``card(id="other")``."""
    return make_card


@pytest.fixture
def bundle(tmp_path):
    """A sound bundle on disk with random weights and statistics."""
    torch.manual_seed(3)
    network = UNet(2, 2, (4, 6, 8)).train()
    network(torch.randn(4, 2, 16, 16))  # Moves the batch normalisation's statistics.
    made = save_bundle(tmp_path / "tiny", network.eval(), make_card())
    made.__dict__["original"] = network
    return made


@pytest.fixture
def user_models(tmp_path, monkeypatch):
    """The user's model folder."""
    monkeypatch.setenv("SPINE_MODELS", str(tmp_path / "user models"))
    return tmp_path / "user models"
