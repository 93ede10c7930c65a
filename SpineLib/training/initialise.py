"""The network a training starts from."""

from __future__ import annotations

import torch

from SpineLib.errors import SpineError
from SpineLib.models import find_bundle
from SpineLib.networks.unet import UNet
from SpineLib.training.config import TrainingConfig

_FIRST = "down.0.0.weight"


def initial_network(config: TrainingConfig) -> UNet:
    """A U-Net with random weights, or those of the bundle ``config.init_from``.

    Where the bundle reads other sequences, its first convolution is taken channel by channel according to the names;
    a sequence it does not know keeps random weights.

    Raises:
        SpineError: there is no such bundle, or its network has another shape.
    """
    network = UNet(config.network.dimensions, len(config.inputs), config.network.widths)
    if not config.init_from:
        return network
    bundle = find_bundle(config.init_from)
    card, state = bundle.card, bundle.network().state_dict()
    if card.network["dimensions"] != network.dimensions or tuple(card.network["widths"]) != network.widths:
        raise SpineError(f"The model '{card.id}' has another network than this training; start from one with "
                         f"{network.dimensions} dimensions and widths {list(network.widths)}.")
    first = network.state_dict()[_FIRST].clone()
    with torch.no_grad():
        for channel, name in enumerate(config.inputs):
            if name in card.inputs:
                first[:, channel] = state[_FIRST][:, card.inputs.index(name)]
        network.load_state_dict({**state, _FIRST: first})
    return network
