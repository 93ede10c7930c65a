"""A training may start from another model's weights."""

import pytest
import torch

from SpineLab.training.segmentation.config import NetworkSettings, SamplingSettings, SegmentationConfig
from SpineLab.training.segmentation.initialise import initial_network
from SpineLib.errors import SpineError
from SpineLib.models import ModelCard, save_bundle
from SpineLib.networks.unet import UNet

WIDTHS = (4, 6, 8)


@pytest.fixture
def flat_bundle(tmp_path):
    """A 2D model of T1 and T2 with moved batch statistics."""
    torch.manual_seed(1)
    network = UNet(2, 2, WIDTHS).train()
    network(torch.randn(4, 2, 16, 16))
    card = ModelCard(
        id="flat",
        title="Flat",
        task="metastasis-segmentation",
        inputs=("T1", "T2"),
        patch=(16, 16),
        network={"type": "unet", "dimensions": 2, "inputs": 2, "widths": list(WIDTHS)},
        preparation={"slices": 64},
        licence="Apache-2.0",
        training_data={"simulated": True, "description": "none"},
    )
    return save_bundle(tmp_path / "flat", network.eval(), card)


def config(bundle, dimensions, inputs=("T1", "T2")):
    patch = (16, 16) if dimensions == 2 else (8, 16, 16)
    return SegmentationConfig(
        inputs=inputs,
        init_from=str(bundle.folder),
        network=NetworkSettings(dimensions, WIDTHS),
        sampling=SamplingSettings(patch=patch),
    )


def test_a_3d_network_from_a_2d_model_does_the_same_on_slices_that_are_all_alike(flat_bundle):
    flat, solid = flat_bundle.network(), initial_network(config(flat_bundle, 3)).eval()
    image = torch.randn(1, 2, 16, 16)
    with torch.no_grad():
        expected = flat(image)
        got = solid(image[:, :, None].expand(-1, -1, 8, -1, -1).contiguous())
    assert torch.allclose(got, expected[:, :, None].expand_as(got), atol=1e-5)


def test_a_model_of_one_sequence_takes_that_sequences_kernels(flat_bundle):
    one = initial_network(config(flat_bundle, 2, ("T2",)))
    first = "down.0.0.weight"
    assert torch.equal(one.state_dict()[first][:, 0], flat_bundle.network().state_dict()[first][:, 1])


@pytest.mark.parametrize("inputs", [("ceT1", "T2"), ("T2", "ceT1"), ("ceT1",)])
def test_contrast_enhanced_t1_takes_the_kernels_of_t1(flat_bundle, inputs):
    made, old = (
        network.state_dict()["down.0.0.weight"]
        for network in (initial_network(config(flat_bundle, 2, inputs)), flat_bundle.network())
    )
    for channel, name in enumerate(inputs):
        assert torch.equal(made[:, channel], old[:, {"ceT1": 0, "T2": 1}[name]])


def test_a_3d_network_of_contrast_enhanced_t1_takes_the_inflated_kernels_of_t1(flat_bundle):
    solid = initial_network(config(flat_bundle, 3, ("ceT1",))).state_dict()["down.0.0.weight"]
    assert torch.equal(solid[:, 0, 1], flat_bundle.network().state_dict()["down.0.0.weight"][:, 0])
    assert not solid[:, 0, [0, 2]].any()


def test_a_2d_network_does_not_start_from_a_3d_model(flat_bundle, tmp_path):
    solid = UNet(3, 2, WIDTHS)
    card = ModelCard(
        **{
            **flat_bundle.card.__dict__,
            "id": "solid",
            "patch": (8, 16, 16),
            "network": {"type": "unet", "dimensions": 3, "inputs": 2, "widths": list(WIDTHS)},
        }
    )
    bundle = save_bundle(tmp_path / "solid", solid, card)
    with pytest.raises(SpineError, match="2 dimensions"):
        initial_network(config(bundle, 2))
