"""A patient with a bright ball, and networks whose answer is known: lesion is where the first sequence is bright."""

from __future__ import annotations

import numpy as np
import torch

from SpineLib.models import ModelCard, save_bundle
from SpineLib.networks.unet import UNet
from SpineLib.volume import Volume

WIDTHS = (4, 6, 8)


def bright_network(dimensions=2, inputs=2, brighter_than=3.0) -> UNet:
    """A U-Net that passes its first input through to the logit 4 (x - brighter_than)."""
    network = UNet(dimensions, inputs, WIDTHS).eval()
    middle = (1,) * dimensions
    below = WIDTHS[1]
    with torch.no_grad():
        for first, second, source in (
            (network.down[0][0], network.down[0][3], 0),
            (network.up[-1][0], network.up[-1][3], below),
        ):
            for convolution, channel in ((first, source), (second, 0)):
                convolution.weight[0] = 0
                convolution.weight[(0, channel, *middle)] = 1
        network.last.weight.zero_()
        network.last.weight[0, 0] = 4
        network.last.bias.fill_(-4 * brighter_than)
    return network


def random_network(dimensions=2, inputs=2) -> UNet:
    """A U-Net of fixed random weights whose batch normalisation does something."""
    torch.manual_seed(1)
    network = UNet(dimensions, inputs, (8, 12, 16)).eval()
    with torch.no_grad():
        for name, value in network.named_buffers():
            if name.endswith("running_mean"):
                value.normal_(0, 0.1)
            elif name.endswith("running_var"):
                value.uniform_(0.3, 0.6)
        network.last.weight.mul_(4)
    return network


def save_tiny(folder, dimensions=2, inputs=("T1", "T2"), network=None, target="metastasis", **preparation):
    """A bundle of :func:`bright_network`, or of another network."""
    network = network or bright_network(dimensions, len(inputs))
    card = ModelCard(
        id="-".join(["tiny" if target == "metastasis" else target, f"{dimensions}d", *inputs]).lower(),
        title="Tiny",
        task=f"{target}-segmentation",
        network={"type": "unet", "dimensions": dimensions, "inputs": len(inputs), "widths": list(network.widths)},
        inputs=inputs,
        preparation={"slices": 16, **preparation},
        patch=(32,) * dimensions,
        licence="Apache-2.0",
        training_data={"simulated": True, "description": "none"},
    )
    return save_bundle(folder / card.id, network, card)


def patient(centre=(20.0, 30.0, -10.0), radius=9.0, shape=(12, 40, 44)) -> dict[str, Volume]:
    """T1 and T2 (k: right to left, 4 mm; j: superior to inferior; i: anterior to posterior) with one bright ball.

    ``centre`` is the ball's, in mm from the first voxel along k, j, -i.
    """
    spacing = (1.5, 1.5, 4.0)
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    distance = np.sqrt((4 * k - centre[0]) ** 2 + (1.5 * j - centre[1]) ** 2 + (1.5 * i + centre[2]) ** 2)
    noise = np.random.default_rng(0).normal(0, 4, shape)
    texture = 60 + 20 * np.sin(i / 5) * np.cos(j / 7) + noise
    direction = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
    origin = (-22.0, -30.0, 25.0)
    ball = distance <= radius
    t1 = np.where(ball, 400, texture).astype(np.float32)
    t2 = np.where(ball, 20, 150 - texture).astype(np.float32)
    return {"T1": Volume(t1, spacing, origin, direction, "T1"), "T2": Volume(t2, spacing, origin, direction, "T2")}


def reordered(volume: Volume, axes, flips) -> Volume:
    """The same image stored in another of the 48 axis orders."""
    array, matrix = volume.array, volume.ijk_to_lps
    columns = [matrix[:3, 2 - axis] for axis in range(3)]  # of array axes k, j, i
    corner = matrix[:3, 3].copy()
    for axis in range(3):
        if flips[axis]:
            array = np.flip(array, axis)
            corner += columns[axis] * (volume.shape[axis] - 1)
            columns[axis] = -columns[axis]
    array = array.transpose(axes)
    columns = np.array([columns[axis] for axis in axes][::-1]).T
    spacing = np.linalg.norm(columns, axis=0)
    return Volume(np.ascontiguousarray(array), tuple(spacing), tuple(corner), columns / spacing, volume.name)


def undo(array: np.ndarray, axes, flips) -> np.ndarray:
    """The array of a :func:`reordered` volume in the first order again."""
    return np.flip(array.transpose(np.argsort(axes)), [axis for axis in range(3) if flips[axis]])
