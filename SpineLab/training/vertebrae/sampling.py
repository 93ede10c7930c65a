"""Patches of axial slices: batch ``step`` depends on the seed and the step only."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from SpineLab.training.vertebrae.cases import SliceCase
from SpineLab.training.vertebrae.config import SliceAugmentation, VertebraConfig
from SpineLib.preprocess.ct import window_to_8bit

#: Beyond the image.
_AIR_HU = -1000.0
#: Below this there is no bone (HU).
_SOFT_HU = 130.0


class SliceSampler:
    """Draws batches of windowed patches and their masks.

    Args:
        cohorts: cases to train on; each cohort is drawn from as often, however many cases it has.
        config: all settings.
    """

    def __init__(self, cohorts: list[list[SliceCase]], config: VertebraConfig):
        self.cohorts, self.config = cohorts, config
        self._shown = [[np.flatnonzero(case.mask.any(axis=(1, 2))) for case in cases] for cases in cohorts]

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (n, 1, y, x), 0 to 1, and masks (n, 1, y, x), float32."""
        sampling = self.config.sampling
        drawn = [self.sample(np.random.default_rng([sampling.seed, step, index])) for index in range(sampling.batch)]
        images, masks = (torch.from_numpy(np.stack(arrays)[:, None]) for arrays in zip(*drawn))
        return images, masks

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Image and mask (y, x), float32."""
        config, cohort = self.config, int(rng.integers(len(self.cohorts)))
        number = int(rng.integers(len(self.cohorts[cohort])))
        case = self.cohorts[cohort][number]
        if rng.random() < config.sampling.background_fraction:
            z = int(rng.integers(len(case.hu)))
            centre = np.array([rng.uniform(0, size - 1) for size in case.hu.shape[1:]])
        else:
            z = int(rng.choice(self._shown[cohort][number]))
            shift = config.augmentation.shift
            centre = np.argwhere(case.mask[z]).mean(axis=0) + rng.uniform(-shift, shift, 2)
        if tuple(config.sampling.patch) >= case.hu.shape[1:]:
            centre = (np.array(case.hu.shape[1:]) - 1) / 2  # the whole slice fits, as in the paper
        where = _points(rng, config.augmentation, config.sampling.patch, centre)
        hu = ndimage.map_coordinates(case.hu[z].astype(np.float32), where, order=1, cval=_AIR_HU)
        mask = ndimage.map_coordinates(case.mask[z].astype(np.float32), where, order=1) >= 0.5
        return self._seen(rng, hu), mask.astype(np.float32)

    def _seen(self, rng: np.random.Generator, hu: np.ndarray) -> np.ndarray:
        """HU as another scanner would give them, through the window, 0 to 1."""
        low, high = self.config.preparation.window
        reach = self.config.augmentation.window * (high - low)
        window = low + rng.uniform(-reach, reach), high + rng.uniform(-reach, reach)
        return window_to_8bit(change_hu(rng, self.config.augmentation, hu), window) * np.float32(1 / 255)


def change_hu(rng: np.random.Generator, settings: SliceAugmentation, hu: np.ndarray) -> np.ndarray:
    """HU (y, x) with another energy, kernel, noise and resolution."""
    soft = _SOFT_HU * _factor(rng, settings.soft_gain)
    hu = np.where(hu < _SOFT_HU, np.where(hu > 0, hu * (soft / _SOFT_HU), hu), hu - _SOFT_HU + soft)
    hu = hu * _factor(rng, settings.hu_gain) + rng.uniform(-settings.hu_offset, settings.hu_offset)
    hu = hu.astype(np.float32)
    if settings.low_resolution > 1 and rng.random() < 0.5:
        hu = _coarser(hu, rng.uniform(1, settings.low_resolution), int(rng.integers(3)))
    if settings.blur and rng.random() < 0.5:
        hu = ndimage.gaussian_filter(hu, rng.uniform(0, settings.blur))
    elif settings.sharpen and rng.random() < 0.5:
        hu = hu + rng.uniform(0, settings.sharpen) * (hu - ndimage.gaussian_filter(hu, 1.0))
    if settings.noise:
        noise = rng.normal(0, 1, hu.shape).astype(np.float32)
        if rng.random() < 0.5:  # a soft kernel's noise is coarser
            noise = ndimage.gaussian_filter(noise, 0.8) * 2.8
        hu = hu + noise * np.float32(rng.uniform(0, settings.noise))
    return hu


def _points(
    rng: np.random.Generator, settings: SliceAugmentation, patch: tuple[int, int], centre: np.ndarray
) -> np.ndarray:
    """Where the patch's pixels lie in the slice, (2, y, x)."""
    angle = np.radians(rng.uniform(-settings.rotation_degrees, settings.rotation_degrees))
    scale = _factor(rng, settings.scale) * np.array([1.0, _factor(rng, min(settings.scale, 1.1))])
    y, x = (np.arange(size) - (size - 1) / 2 for size in patch)
    if settings.mirror and rng.random() < 0.5:
        x = -x
    y, x = np.meshgrid(y * scale[0], x * scale[1], indexing="ij")
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([centre[0] + c * y - s * x, centre[1] + s * y + c * x])


def _factor(rng: np.random.Generator, largest: float) -> float:
    return float(np.exp(rng.uniform(-np.log(largest), np.log(largest))))


def _coarser(hu: np.ndarray, factor: float, axis: int) -> np.ndarray:
    """Pixels ``factor`` times as long along axis 0 or 1, or along both (2), and back."""
    factors = [factor if axis in (n, 2) else 1.0 for n in (0, 1)]
    blurred = ndimage.gaussian_filter(hu, [0.4 * (f - 1) for f in factors])
    size = [max(2, round(count / f)) for count, f in zip(hu.shape, factors)]
    at = np.meshgrid(*(np.linspace(0, count - 1, small) for count, small in zip(hu.shape, size)), indexing="ij")
    small = ndimage.map_coordinates(blurred, at, order=1)
    back = np.meshgrid(*(np.linspace(0, few - 1, count) for few, count in zip(size, hu.shape)), indexing="ij")
    return ndimage.map_coordinates(small, back, order=1)
