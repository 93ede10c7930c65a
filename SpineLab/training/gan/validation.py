"""How well a GAN repairs slices that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from SpineLab.training.gan.stacks import Stack
from SpineLib.metrics.mmd import kernel_mmd
from SpineLib.networks.gan import Gan
from SpineLib.preprocess.vertebra_slices import SLICE_SIZE
from SpineLib.tasks.inpainting.gan import GanSettings, inpaint_slices

#: Pixels a side of the paper's holes (section III.D).
HOLE = 16
#: Slices with less than this share of a hole inside the vertebra, or outside it, say little.
_LEAST = 0.2


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Slices with a hole each.

    Attributes:
        images: (n, 64, 64), 0..1, whole.
        known: (n, 64, 64), False in the hole.
    """

    images: np.ndarray
    known: np.ndarray


def held_out_slices(stacks: Sequence[Stack], count: int, seed: int) -> HeldOut:
    """Draw slices and, in each, a place for a hole of 16 x 16 that holds both bone and background."""
    rng = np.random.default_rng([seed, 32])
    images, known = [], []
    for _ in range(count * 50):
        stack = stacks[int(rng.integers(len(stacks)))]
        image = stack.images()[rng.integers(len(stack.distances))]
        row, column = rng.integers(4, SLICE_SIZE - HOLE - 4, 2)
        inside = float(image[row : row + HOLE, column : column + HOLE].mean())
        if _LEAST <= inside <= 1 - _LEAST:
            kept = np.ones(image.shape, bool)
            kept[row : row + HOLE, column : column + HOLE] = False
            images.append(image)
            known.append(kept)
        if len(images) == count:
            break
    return HeldOut(
        np.array(images, np.float32).reshape(-1, SLICE_SIZE, SLICE_SIZE),
        np.array(known, bool).reshape(-1, SLICE_SIZE, SLICE_SIZE),
    )


def repaired(network: Gan, held_out: HeldOut, steps: int) -> dict[str, float]:
    """Figures of a GAN on slices held out.

    Returns:
        "dice": inside the holes, mean over slices; "kmmd_repaired", "kmmd_made": squared KMMD (biased) between the
        whole images and the repaired ones, and as many made of noise.
    """
    settings = GanSettings(steps=steps, probability=network.kind == "dcgan")
    found = inpaint_slices(held_out.images, held_out.known, network.generator, network.critic, settings)
    noise = torch.randn(len(found), network.generator.latent, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        made = network.generator(noise.to(next(network.parameters()).device))[:, 0].float().cpu().numpy()
    return {
        "dice": float(np.mean(hole_dice(held_out.images, found, held_out.known))),
        "kmmd_repaired": kernel_mmd(held_out.images, found).biased,
        "kmmd_made": kernel_mmd(held_out.images, made).biased,
    }


def hole_dice(truth: np.ndarray, found: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Dice inside each slice's hole, both cut at one half, (n,); slices whose hole holds no bone are left out."""
    first, second = (truth > 0.5) & ~known, (found > 0.5) & ~known
    total = (first.sum(axis=(1, 2)) + second.sum(axis=(1, 2))).astype(float)
    common = (first & second).sum(axis=(1, 2))
    return 2 * common[total > 0] / total[total > 0]
