"""Batches of slices, each turned, moved and scaled a little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from SpineLab.training.gan.config import GanAugmentation, GanSampling
from SpineLab.training.gan.stacks import PART_MM, Stack
from SpineLib.errors import SpineError
from SpineLib.preprocess.vertebra_slices import PIXEL_MM, SLICE_SIZE


class Sampler:
    """Draws slices: of a patient's label file or a simulated one, then a vertebra, then a slice of it.

    Args:
        stacks: to draw from.
        sampling, augmentation: settings.

    Raises:
        SpineError: no slice shows enough of a vertebra.
    """

    def __init__(self, stacks: Sequence[Stack], sampling: GanSampling, augmentation: GanAugmentation):
        self.sampling, self.augmentation = sampling, augmentation
        usable = [np.flatnonzero(stack.areas_cm2 >= sampling.smallest_cm2) for stack in stacks]
        self.real, self.simulated = (
            [
                (stack.distances, slices)
                for stack, slices in zip(stacks, usable)
                if stack.simulated == simulated and len(slices)
            ]
            for simulated in (False, True)
        )
        if not self.real and not self.simulated:
            raise SpineError(f"No slice shows {sampling.smallest_cm2:g} cm2 of a vertebra; give other labels.")

    def batch(self, step: int, count: int) -> torch.Tensor:
        """``count`` images, (count, 1, 64, 64), 0..1; the same for the same step and seed."""
        rng = np.random.default_rng([self.sampling.seed, 31, step])
        share = self.sampling.real if self.real and self.simulated else float(bool(self.real))
        drawn = []
        for _ in range(count):
            group = self.real if rng.random() < share else self.simulated
            distances, slices = group[rng.integers(len(group))]
            drawn.append(distances[slices[rng.integers(len(slices))]])
        values = torch.from_numpy(np.stack(drawn)[:, None].astype(np.float32) * PART_MM)
        theta = torch.from_numpy(_affine(rng, count, self.augmentation))
        where = functional.affine_grid(theta, [count, 1, SLICE_SIZE, SLICE_SIZE], align_corners=False)
        moved = functional.grid_sample(values, where, padding_mode="border", align_corners=False)
        thicker = torch.from_numpy(rng.normal(0, self.augmentation.thicken_mm, count).astype(np.float32))
        return (0.5 - (moved - thicker.view(-1, 1, 1, 1)) / PIXEL_MM).clamp(0, 1)


def _affine(rng: np.random.Generator, count: int, settings: GanAugmentation) -> np.ndarray:
    """(count, 2, 3), from places of the result to places of the slice, both from -1 to 1."""
    turn = np.radians(rng.normal(0, settings.turn_degrees, count))
    size, stretch = rng.normal(0, settings.scale, count), rng.normal(0, settings.stretch / 2, count)
    sign = np.where(rng.random(count) < 0.5, -1.0, 1.0) if settings.mirror else np.ones(count)
    shift = rng.normal(0, settings.shift_mm, (count, 2)) * 2 / (SLICE_SIZE * PIXEL_MM)
    across, along = sign * np.exp(size + stretch), np.exp(size - stretch)
    theta = np.empty((count, 2, 3), np.float32)
    theta[:, 0] = np.c_[across * np.cos(turn), -across * np.sin(turn), shift[:, 0]]
    theta[:, 1] = np.c_[along * np.sin(turn), along * np.cos(turn), shift[:, 1]]
    return theta
