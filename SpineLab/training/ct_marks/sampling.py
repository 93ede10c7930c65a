"""Patches of cases, with lesions of their own or painted in, augmented."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from SpineLab.training.ct_marks.cases import MarkCase
from SpineLab.training.ct_marks.config import MarkConfig
from SpineLab.training.ct_marks.painting import paint
from SpineLib.tasks.ct.lesion_marks import channels_of

#: How often a lesion is painted before the patch is taken without one.
_TRIES = 4


class MarkSampler:
    """Draws batches.

    Args:
        cases: to draw from.
        config: all settings.
    """

    def __init__(self, cases: Sequence[MarkCase], config: MarkConfig):
        self.config = config
        self.real = [one for one in cases if one.real]
        self.simulated = [one for one in cases if not one.real]

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Channels (n, 2, z, y, x) and kinds (n, z, y, x) of a step."""
        rng = np.random.default_rng([self.config.sampling.seed, 7, step])
        parts = [self.patch(self._case(rng), rng) for _ in range(self.config.sampling.batch)]
        return torch.stack([image for image, _ in parts]), torch.stack([target for _, target in parts])

    def _case(self, rng: np.random.Generator) -> MarkCase:
        real = self.real and (not self.simulated or rng.random() < self.config.sampling.real)
        group = self.real if real else self.simulated
        return group[rng.integers(len(group))]

    def patch(
        self, case: MarkCase, rng: np.random.Generator, augmented: bool = True
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Channels (2, z, y, x) and kinds (z, y, x) of one patch."""
        sampling = self.config.sampling
        wanted = rng.random() < sampling.lesions
        own = wanted and case.target.any() and rng.random() >= sampling.painted
        host = case.vertebrae if rng.random() >= sampling.beyond or not case.bones.any() else case.bones
        places = case.target if own else host
        image, target, bone = _cut(case, _middle(places, rng), sampling.patch, host)
        if wanted and not own:
            for _ in range(_TRIES):
                if paint(image, target, bone & (target == 0), self.config.spacing_mm, rng):
                    break
        hu, kinds = torch.from_numpy(image), torch.from_numpy(target)
        if augmented:
            hu, kinds = self._augmented(hu, kinds, rng)
        return channels_of(hu), kinds.long()

    def _augmented(
        self, image: torch.Tensor, target: torch.Tensor, rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        settings = self.config.augmentation
        angles = np.radians(rng.uniform(-settings.rotation_degrees, settings.rotation_degrees, 3))
        turn = _rotation(angles) * settings.scale ** rng.uniform(-1, 1)
        if rng.random() < 0.5:
            turn[:, 0] *= -1
        theta = torch.zeros(1, 3, 4)
        theta[0, :, :3] = torch.from_numpy(turn.astype(np.float32))
        grid = functional.affine_grid(theta, [1, 1, *image.shape], align_corners=False)
        image = functional.grid_sample(image[None, None], grid, padding_mode="border", align_corners=False)[0, 0]
        target = functional.grid_sample(
            target[None, None].float(), grid, mode="nearest", padding_mode="zeros", align_corners=False
        )[0, 0]
        gain = settings.hu_gain ** rng.uniform(-1, 1)
        image = image * gain + rng.uniform(-settings.hu_offset, settings.hu_offset)
        blur = rng.uniform(0, settings.blur)
        if blur > 0.2:
            image = _blurred(image, blur)
        noise = rng.uniform(0, settings.noise) * rng.random()
        return image + noise * torch.from_numpy(rng.standard_normal(tuple(image.shape)).astype(np.float32)), target


def _middle(places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A voxel of a mask, drawn evenly, and moved a little; any voxel where it is empty."""
    flat = np.flatnonzero(places)
    at = rng.integers(places.size) if not len(flat) else flat[rng.integers(len(flat))]
    return np.array(np.unravel_index(at, places.shape)) + rng.integers(-8, 9, 3)


def _cut(case: MarkCase, middle: np.ndarray, size: int, host: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Copies of image, target and host bone; beyond the case is air."""
    image = np.full((size,) * 3, -1000, np.float32)
    target, bone = np.zeros((size,) * 3, np.uint8), np.zeros((size,) * 3, bool)
    here, there = [], []
    for centre, have in zip(middle, case.image.shape):
        # As much of the case as fits.
        first = int(np.clip(centre - size // 2, min(0, have - size), max(0, have - size)))
        start = max(0, -first)
        here.append(slice(start, start + min(have, size)))
        there.append(slice(max(0, first), max(0, first) + min(have, size)))
    inner, outer = tuple(here), tuple(there)
    image[inner], target[inner], bone[inner] = case.image[outer], case.target[outer], host[outer]
    return image, target, bone


def _rotation(angles: np.ndarray) -> np.ndarray:
    (a, b, c), (d, e, f) = np.cos(angles), np.sin(angles)
    about = ([[1, 0, 0], [0, a, -d], [0, d, a]], [[b, 0, e], [0, 1, 0], [-e, 0, b]], [[c, -f, 0], [f, c, 0], [0, 0, 1]])
    return np.array(about[0]) @ np.array(about[1]) @ np.array(about[2])


def _blurred(image: torch.Tensor, sigma: float) -> torch.Tensor:
    kernel = torch.exp(-0.5 * (torch.arange(-2, 3) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[2 + axis] = 5
        pad = [0] * 6
        pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = 2
        image = functional.conv3d(functional.pad(image[None, None], pad, mode="replicate"), kernel.view(shape))[0, 0]
    return image
