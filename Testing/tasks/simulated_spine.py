"""A simulated column of vertebrae: bodies, pedicles, arches and processes that touch those of their neighbours."""

from __future__ import annotations

import numpy as np

from SpineLib.models import ModelCard, save_bundle
from SpineLib.volume import Volume
from Testing.tasks.tiny import WIDTHS, bright_network

RADIUS, HEIGHT, DISC = 14.0, 22.0, 7.0
PITCH = HEIGHT + DISC


def spine(levels: int = 3, spacing: float = 1.5, disc: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Probability of bone (z, y, x), cranial to caudal, and the true numbers 1, 2, ...

    ``disc`` is the probability within discs. The lower joints of each vertebra lie on the upper ones of the next.
    """
    shape = (levels * PITCH + 24, 90.0, 70.0)
    z, y, x = np.meshgrid(*((np.arange(round(size / spacing)) + 0.5) * spacing for size in shape), indexing="ij")
    probability, labels = np.zeros(z.shape, np.float32), np.zeros(z.shape, np.uint8)
    side = np.abs(x - 35)
    between = ((y - 24) ** 2 + (x - 35) ** 2 < RADIUS**2) & (z > 12) & (z < 12 + levels * PITCH - DISC)
    probability[between] = disc
    for number in range(levels):
        top = 12 + number * PITCH
        body = ((y - 24) ** 2 + (x - 35) ** 2 < RADIUS**2) & (z >= top) & (z < top + HEIGHT)
        pedicle = (side > 8) & (side < 14) & (y > 30) & (y < 56) & (z > top + 3) & (z < top + 12)
        upper = (side > 8) & (side < 14) & (y > 49) & (y < 54) & (z > top - 4) & (z < top + 12)
        lower = (side > 8) & (side < 14) & (y > 54) & (y < 60) & (z > top + 3) & (z < top + PITCH + 5)
        arch = (side < 14) & (y > 53) & (y < 60) & (z > top + 6) & (z < top + 22)
        process = (side < 3.5) & (y > 58) & (y < 82) & (z > top + 10) & (z < top + 24)
        bone = body | pedicle | upper | lower | arch | process
        probability[bone] = 0.95
        labels[bone & (labels == 0)] = number + 1
    return probability, labels


def spine_ct(levels: int = 3, spacing: float = 1.5) -> tuple[Volume, Volume]:
    """The same as a CT (HU; muscle, fat and air around; LPS) and its labels."""
    probability, labels = spine(levels, spacing)
    hu = np.where(probability > 0.5, 500.0, 40.0)
    hu[:, -4:] = -100.0
    hu[:, :3] = -1000.0
    hu += np.random.default_rng(5).normal(0, 8, hu.shape)
    place = {"spacing": (spacing,) * 3, "origin": (-30.0, -20.0, 100.0)}
    # LPS: k runs up, so that from cranial to caudal is turned round.
    return (
        Volume(np.ascontiguousarray(hu[::-1]).astype(np.int16), **place),
        Volume(np.ascontiguousarray(labels[::-1]), **place),
    )


def save_bright_bone(folder):
    """A bundle for which bone is what is brighter than the middle between muscle (40 HU) and bone (500 HU)."""
    card = ModelCard(
        id="bright-bone",
        title="Bright is bone",
        task="vertebra-segmentation",
        network={"type": "unet", "dimensions": 2, "inputs": 1, "widths": list(WIDTHS)},
        inputs=("CT",),
        preparation={"window": [-250, 1000], "pixel_mm": 1.5},
        patch=(64, 64),
        licence="Apache-2.0",
        training_data={"simulated": True, "description": "none"},
    )
    return save_bundle(folder / card.id, bright_network(2, 1, 0.4), card)
