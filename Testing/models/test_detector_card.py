"""A detector's bundle: its card, its size, and what is refused."""

import pytest
import torch

from SpineLib.errors import SpineError
from SpineLib.models import ModelCard, load_bundle, save_bundle
from SpineLib.networks.siamese import PATCH, Siamese

CARD = {
    "id": "finder",
    "title": "Finder",
    "task": "metastasis-detection",
    "inputs": ("STIR",),
    "patch": PATCH,
    "network": {"type": "siamese", "context": "margin", "scales": [0.5, 1.0, 2.0]},
    "licence": "Apache-2.0",
    "preparation": {"normalisation": "local", "smallest_area_cm2": 1.0},
    "training_data": {"simulated": True, "description": "none"},
}


def test_a_bundle_comes_back_as_it_was_and_is_small(tmp_path):
    network = Siamese().eval()
    with torch.no_grad():
        network.norms[2].mean.normal_()
    save_bundle(tmp_path / "finder", network, ModelCard(**CARD))
    assert sum(file.stat().st_size for file in (tmp_path / "finder").iterdir()) < 2_000_000
    bundle = load_bundle(tmp_path / "finder")
    back = bundle.network()
    assert bundle.card.target == "metastasis" and back.scales == (0.5, 1.0, 2.0) and not back.training
    for name, value in network.state_dict().items():
        assert torch.allclose(back.state_dict()[name], value, rtol=1e-3, atol=1e-6)  # half precision has 11 bits


@pytest.mark.parametrize(
    "change",
    [
        {"network": {"type": "unet", "dimensions": 2, "inputs": 1, "widths": [4, 8]}},
        {"inputs": ("STIR", "T2")},
        {"network": {"type": "siamese", "context": "wrap", "scales": [1.0]}},
        {"patch": (79,)},
        {"network": {"type": "siamese", "context": "zeros", "scales": [0.3]}},
        {"network": {"type": "siamese", "context": "zeros", "scales": []}},
        {"network": {"type": "siamese", "context": "zeros", "scales": ["1"]}},
        {"network": {"type": "siamese", "context": "zeros", "scales": [[1.0]]}},
        {"task": "metastasis-segmentation"},
    ],
)
def test_a_card_that_makes_no_detector_is_refused(change):
    with pytest.raises(SpineError, match="must be"):
        ModelCard(**(CARD | change))
