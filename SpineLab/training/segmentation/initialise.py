"""The network a training starts from."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle
from SpineLib.networks.channels import InputChannels
from SpineLib.networks.unet import UNet
from SpineLib.sequences import SEQUENCES

_FIRST = "down.0.0.weight"


def initial_network(config: SegmentationConfig) -> UNet:
    """A U-Net with random weights, or those of the bundle ``config.init_from``.

    Where the bundle reads other sequences, its first convolution is taken channel by channel according to the names;
    one it does not know takes the kernels of the sequence that looks most alike (contrast-enhanced T1 those of T1), or
    keeps random weights when the bundle does not know that either. Neighbouring slices begin with no weight where the
    bundle knows none. A 3D
    training may start from a 2D model: each kernel becomes the middle sagittal plane of a 3D kernel, the other planes
    start at zero (inflation with zeros; Carreira and Zisserman, CVPR 2017, section 2.4, repeat the kernel instead).

    Raises:
        SpineError: there is no such bundle, or its network has another shape.
    """
    network, channels = config.new_network(), config.channels
    if not config.init_from:
        return network
    bundle = find_bundle(config.init_from)
    card, state = bundle.card, bundle.network().state_dict()
    if card.network["dimensions"] > network.dimensions or tuple(card.network["widths"]) != network.widths:
        raise SpineError(
            f"The model '{card.id}' has another network than this training; start from one with "
            f"{network.dimensions} dimensions and widths {list(network.widths)}."
        )
    if card.network["dimensions"] < network.dimensions:
        state = {key: _inflated(value) for key, value in state.items()}
    first = network.state_dict()[_FIRST].clone()
    with torch.no_grad():
        theirs = InputChannels.of(card.network, len(card.inputs))
        same = theirs == channels and card.inputs == config.inputs
        if same:
            first = state[_FIRST]
        for number, name in enumerate(() if same else config.inputs):
            source = name if name in card.inputs else SEQUENCES[name].like
            if source in card.inputs:
                own, other = (
                    one.channels_of(n) for one, n in ((channels, number), (theirs, card.inputs.index(source)))
                )
                if channels.planes == theirs.planes:
                    first[:, own] = state[_FIRST][:, other]
                else:
                    first[:, own] = 0
                    first[:, channels.middle(number)] = state[_FIRST][:, other][:, theirs.neighbours]
        network.load_state_dict({**state, _FIRST: first})
    return network


def between(
    former: Mapping[str, torch.Tensor], trained: Mapping[str, torch.Tensor], way: float
) -> dict[str, torch.Tensor]:
    """Weights between those before and after fine-tuning: a part of the way gains what is new and forgets little.

    Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022, section 3.

    Args:
        former, trained: of the same network.
        way: 0 is the former model, 1 the trained one.
    """
    return {
        name: torch.lerp(former[name].to(new), new, way) if new.is_floating_point() else new
        for name, new in trained.items()
    }


def _inflated(weights: torch.Tensor) -> torch.Tensor:
    """A 2D convolution's kernels (o, i, y, x) as 3D ones (o, i, s, y, x); everything else as it is."""
    if weights.ndim != 4:
        return weights
    size = weights.shape[-1]
    block = weights.new_zeros((*weights.shape[:2], size, *weights.shape[2:]))
    block[:, :, size // 2] = weights
    return block
