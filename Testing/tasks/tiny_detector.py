"""A detector whose answer is known: bright places of about 1 cm are suspicious."""

from __future__ import annotations

import numpy as np
import torch

from SpineLib.models import ModelCard, save_bundle
from SpineLib.networks.siamese import PATCH, Siamese
from SpineLib.volume import Volume

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)  # i to posterior, j to inferior, k to left


def bright_detector(context="margin", scales=(1.0,), brighter_than=2.3) -> Siamese:
    """A Siamese network whose logit is 4 (x - brighter_than), x the largest of a normalised patch's middle."""
    network = Siamese(scales, context).eval()
    with torch.no_grad():
        for convolution in network.convolutions:
            convolution.weight.zero_()
            convolution.bias.zero_()
            convolution.weight[0, 0, 1, 1] = 1
        network.hidden.weight.zero_()
        network.hidden.bias.zero_()
        # Feature (4, 2) or (4, 3) of the first map sees the middle rows, and columns just before or behind the middle.
        features = network.hidden.weight[0].unflatten(0, (len(scales), 32, 9, 6))
        features[:, 0, 4, 2:4] = 0.5 / len(scales)
        network.last.weight.zero_()
        network.last.weight[1, 0] = 4
        network.last.bias.copy_(torch.tensor([0.0, -4 * brighter_than]))
    return network


def save_detector(folder, network=None, name="tiny-detector", normalisation=None, smallest=0.5, threshold=0.5):
    """A bundle of :func:`bright_detector`, or of another network."""
    network = network or bright_detector()
    normalisation = normalisation or ("local" if network.context == "margin" else "patch")
    card = ModelCard(
        id=name,
        title="Tiny detector",
        task="metastasis-detection",
        network={"type": "siamese", "context": network.context, "scales": list(network.scales)},
        inputs=("STIR",),
        preparation={"normalisation": normalisation, "smallest_area_cm2": smallest},
        patch=PATCH,
        licence="Apache-2.0",
        threshold=threshold,
        training_data={"simulated": True, "description": "none"},
    )
    return save_bundle(folder / card.id, network, card)


def spine(centre=(2, 45, 40), radius=8.0, shape=(5, 90, 80), spacing=(1.0, 1.0, 4.0)) -> Volume:
    """A dim STIR-like volume with one bright ball of ``radius`` mm around voxel ``centre`` (k, j, i)."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    step = spacing[::-1]
    distance = np.sqrt(sum(((axis - middle) * mm) ** 2 for axis, middle, mm in zip((k, j, i), centre, step)))
    noise = np.random.default_rng(0).normal(0, 1, shape)
    stripes = 20 * np.sin(i / 4)  # nowhere more than 1.5 deviations above its surroundings
    array = 100 + stripes + noise + 150 * (distance <= radius)
    return Volume(array.astype(np.float32), spacing, (-12.0, -50.0, 60.0), SAGITTAL, "STIR")
