"""GANs beside each other on vertebrae that none was trained on: how well holes are filled, slice by slice and tied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from SpineLab.training.gan.stacks import Stack
from SpineLab.training.gan.validation import HOLE, HeldOut, held_out_slices, hole_dice
from SpineLib.metrics.mmd import kernel_mmd
from SpineLib.networks.gan import Gan
from SpineLib.preprocess.vertebra_slices import SLICE_MM, SLICE_SIZE
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.inpainting.gan import GanSettings, inpaint_slices

#: A cube has as many mm along the axis as a hole has across it.
_CUBE_SLICES = 28
#: Share of a cube that is bone, at least.
_LEAST_BONE = 0.25


@dataclass(frozen=True, eq=False)
class Filled:
    """One way of filling the holes.

    Attributes:
        method: the model's name, with "-tied" where neighbouring slices were.
        holes: "slices" (one hole in single slices, the paper's figure 6) or "cubes" (through a whole vertebra).
        dice: inside each hole, or each cube.
        jumps: mean share of the hole's pixels that differ between neighbouring slices, less that of the truth; 0 is as
            smooth as a vertebra. Only of cubes.
        repaired: the slices, (n, 64, 64).
    """

    method: str
    holes: str
    dice: np.ndarray
    jumps: float | None
    repaired: np.ndarray


@dataclass(frozen=True, eq=False)
class Comparison:
    """Of all methods on the same holes.

    Attributes:
        single: slices with a hole each.
        cubes: a vertebra each, whose neighbouring slices have the same hole.
        filled: by every method.
        made: as many images of noise as there are single slices, by model.
    """

    single: HeldOut
    cubes: list[HeldOut]
    filled: list[Filled]
    made: dict[str, np.ndarray]

    def rows(self) -> list[dict]:
        """The figures, one row a method and kind of hole.

        "kmmd" is the squared KMMD (biased; Gaussian kernel, bandwidth the median distance of the whole slices) of the
        repaired single slices from the same slices whole; "kmmd_made" that of images of noise.
        """
        rows = []
        for one in self.filled:
            row = {
                "method": one.method,
                "holes": one.holes,
                "dice": float(np.mean(one.dice)),
                "dice_median": float(np.median(one.dice)),
                "jumps": one.jumps,
            }
            if one.holes == "slices":
                near, far = (kernel_mmd(self.single.images, images) for images in (one.repaired, self.made[one.method]))
                row |= {
                    "kmmd": near.biased,
                    "kmmd_unbiased": near.unbiased,
                    "kmmd_made": far.biased,
                    "bandwidth": near.bandwidth,
                }
            rows.append(row)
        return rows


def compare_gans(
    stacks: Sequence[Stack],
    models: Mapping[str, Gan],
    settings: GanSettings,
    tie: float,
    slices: int = 64,
    seed: int = 1,
    progress: Progress = silent,
) -> Comparison:
    """Fill the same holes with all models, each slice for itself, and the cubes tied too.

    Args:
        stacks: vertebrae that no model was trained on; each gets one cube.
        models: :class:`SpineLib.networks.gan.Gan` by name, in eval mode.
        settings: of the descent; probability and tie are set here.
        tie: of the tied descents.
        slices: number of single slices.
    """
    single = held_out_slices(stacks, slices, seed)
    cubes = [cube for n, stack in enumerate(stacks) if (cube := cube_hole(stack, [seed, n])) is not None]
    filled, made = [], {}
    for n, (name, network) in enumerate(models.items()):
        report = part(progress, n / len(models), (n + 1) / len(models))
        plain = replace(settings, probability=network.kind == "dcgan", tie=0.0, slice_mm=SLICE_MM)
        found = _fill(network, single, plain, part(report, 0.0, 0.2))
        filled.append(Filled(name, "slices", hole_dice(single.images, found, single.known), None, found))
        noise = torch.randn(len(found), network.generator.latent, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            made[name] = network.generator(noise)[:, 0].numpy()
        for method, chosen, share in ((name, plain, 0.2), (f"{name}-tied", replace(plain, tie=tie), 0.6)):
            ends = [share + 0.4 * k / max(len(cubes), 1) for k in range(len(cubes) + 1)]
            several = [_fill(network, cube, chosen, part(report, *ends[k : k + 2])) for k, cube in enumerate(cubes)]
            dice = np.array([_dice(cube, images) for cube, images in zip(cubes, several)])
            jumps = [
                _jumps(images, cube.known) - _jumps(cube.images, cube.known) for cube, images in zip(cubes, several)
            ]
            filled.append(
                Filled(
                    method,
                    "cubes",
                    dice,
                    float(np.mean(jumps)) if jumps else None,
                    np.concatenate(several) if several else np.zeros((0, SLICE_SIZE, SLICE_SIZE)),
                )
            )
    return Comparison(single, cubes, filled, made)


def cube_hole(stack: Stack, seed: Sequence[int]) -> HeldOut | None:
    """All slices of a vertebra with one hole of 28 x 28 x 28 mm through neighbouring ones, that is at least a quarter
    bone; None where the vertebra has no such place."""
    rng = np.random.default_rng([*seed, 35])
    images = stack.images()
    for _ in range(400):
        first = rng.integers(max(len(images) - _CUBE_SLICES, 0) + 1)
        row, column = rng.integers(0, SLICE_SIZE - HOLE, 2)
        known = np.ones(images.shape, bool)
        known[first : first + _CUBE_SLICES, row : row + HOLE, column : column + HOLE] = False
        if images[~known].mean() >= _LEAST_BONE:
            return HeldOut(images, known)
    return None


def _fill(network: Gan, held_out: HeldOut, settings: GanSettings, progress: Progress) -> np.ndarray:
    return inpaint_slices(held_out.images, held_out.known, network.generator, network.critic, settings, progress)


def _dice(cube: HeldOut, found: np.ndarray) -> float:
    """Inside the whole cube."""
    first, second = cube.images[~cube.known] > 0.5, found[~cube.known] > 0.5
    return 2 * float((first & second).sum()) / max(float(first.sum() + second.sum()), 1.0)


def _jumps(images: np.ndarray, known: np.ndarray) -> float:
    """Share of the hole's pixels that are bone in one slice and not in the next."""
    both = ~known[1:] & ~known[:-1]
    return float(((images[1:] > 0.5) != (images[:-1] > 0.5))[both].mean()) if both.any() else 0.0
