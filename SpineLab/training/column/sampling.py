"""Patches of the column: where they are cut, how they are turned, what is done to their grey values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

from SpineLab.training.column.cases import ColumnCase
from SpineLab.training.column.config import ColumnConfig
from SpineLib.tasks.column.parts import OF_A_VERTEBRA, OFFSET_MM, SACRUM
from SpineLib.volume.levels import VERSE_NUMBERS

#: Share of the patches of cases with a sacrum that are centred on it.
_SACRUM_SHARE = 0.3


@dataclass
class Batch:
    """Images float32 (n, 1, z, y, x), parts int64 (n, z, y, x), offsets float32 (n, 3, z, y, x) in units of
    ``OFFSET_MM``, and where these are known, bool (n, z, y, x)."""

    images: torch.Tensor
    parts: torch.Tensor
    offsets: torch.Tensor
    known: torch.Tensor


class ColumnSampler:
    """Draws batches; the same for the same seed and step.

    Args:
        cases: to draw from.
        config: all settings.
        paint: makes an image (float32) of tissues (uint8, (z, y, x)), spacing and random numbers.
    """

    def __init__(
        self,
        cases: list[ColumnCase],
        config: ColumnConfig,
        paint: Callable[[np.ndarray, tuple[float, float, float], np.random.Generator], np.ndarray] | None = None,
    ):
        self.config, self.paint = config, paint
        self.groups = [[case for case in cases if case.real == real] for real in (False, True)]

    def batch(self, step: int) -> Batch:
        rng = np.random.default_rng((self.config.sampling.seed, step))
        patches = [self.patch(rng) for _ in range(self.config.sampling.batch)]
        images, parts, offsets, known = (torch.stack(group) for group in zip(*patches))
        return Batch(images[:, None], parts, offsets, known)

    def patch(self, rng: np.random.Generator):
        """One patch: image, parts, offsets, and where these are known."""
        simulated, real = self.groups
        group = real if real and (not simulated or rng.random() < self.config.sampling.real) else simulated
        case = group[rng.integers(len(group))]
        return self.cut(case, rng, augmented=True)

    def cut(self, case: ColumnCase, rng: np.random.Generator, *, augmented: bool):
        """A patch of one case, turned and changed or as it is."""
        config = self.config.augmentation
        size = np.array(self.config.sampling.patch)
        steps = np.array(case.spacing)
        matrix = np.eye(3)  # mm of the patch to mm of the case
        if augmented:
            matrix = _turn(np.deg2rad(rng.uniform(-1, 1, 3) * config.rotation_degrees))
            matrix /= np.exp(rng.uniform(-1, 1) * np.log(config.scale))
            matrix = matrix * np.exp(rng.uniform(-0.05, 0.05, 3))
            if config.mirror and rng.random() < 0.5:
                matrix = matrix @ np.diag([1.0, 1.0, -1.0])
        middle = self._middle(case, rng, augmented)
        lines = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(size, steps)]
        scaled = matrix / steps[:, None]  # to voxels of the case
        low, high = _box(middle, scaled, lines, case.parts.shape)
        box = tuple(slice(a, b) for a, b in zip(low, high))
        parts = _sampled(case.parts[box], scaled, lines, middle - low, "nearest").long()
        instances = _sampled(case.instances[box], scaled, lines, middle - low, "nearest").long()
        if case.image is not None:
            image = np.asarray(case.image[box], np.float32)
        else:
            assert self.paint is not None and case.tissues is not None, "cases of tissues need a painter"
            image = self.paint(case.tissues[box], case.spacing, rng)
        outside = float(np.percentile(image, 1))
        grey = _sampled(image, scaled, lines, middle - low, "bilinear", outside).numpy()
        offsets, known = _offsets(parts, instances, case, matrix, middle, lines)
        if augmented:
            grey, beyond = self._changed(grey, rng, outside)
            if beyond is not None:
                parts[beyond] = 0
                known[beyond] = False
        shown = torch.from_numpy(np.ascontiguousarray(self.config.preparation.normalised(grey)))
        return shown, parts, offsets, known

    def _middle(self, case: ColumnCase, rng: np.random.Generator, augmented: bool) -> np.ndarray:
        sampling, shape = self.config.sampling, np.array(case.parts.shape)
        there = np.flatnonzero(np.isfinite(case.centres[:, 0]))
        if not len(there) or rng.random() < sampling.anywhere:
            return rng.uniform(0, shape - 1)
        # The levels hang on the sacrum, which is one among many numbers.
        on_sacrum = there[-1] == VERSE_NUMBERS["S"] and rng.random() < _SACRUM_SHARE
        middle = case.centres[there[-1] if on_sacrum else rng.choice(there)]
        return middle + rng.uniform(-1, 1, 3) * np.array(sampling.patch) * (0.3 if augmented else 0.1)

    def _changed(self, grey: np.ndarray, rng: np.random.Generator, outside: float):
        config = self.config.augmentation
        if self.config.preparation.kind == "ct":
            grey = grey * np.exp(rng.uniform(-1, 1) * np.log(config.hu_gain)) + rng.uniform(-1, 1) * config.hu_offset
        else:
            low, high = float(grey.min()), float(np.percentile(grey, 99.8))
            share = np.clip((grey - low) / max(high - low, 1e-6), 0, 1.5)
            grey = share ** np.exp(rng.uniform(-1, 1) * np.log(config.gamma)) * _field(grey.shape, config.bias, rng)
        if rng.random() < 0.4:
            grey = ndimage.gaussian_filter(grey, rng.uniform(0, config.blur))
        if rng.random() < 0.3:
            grey = _coarse(grey, int(rng.integers(3)), rng.uniform(1, config.low_resolution))
        strength = rng.uniform(0, config.noise) if self.config.preparation.kind == "ct" else rng.uniform(0, 0.04)
        if rng.random() < 0.6:
            grey = grey + rng.standard_normal(grey.shape).astype(np.float32) * np.float32(strength)
        beyond = None
        if rng.random() < config.cut:
            axis, side = int(rng.choice(3, p=[0.6, 0.2, 0.2])), bool(rng.integers(2))
            length = int(grey.shape[axis] * rng.uniform(0.1, 0.45))
            beyond = np.zeros(grey.shape, bool)
            index: list[slice] = [slice(None)] * 3
            index[axis] = slice(0, length) if side else slice(grey.shape[axis] - length, None)
            beyond[tuple(index)] = True
            edge = [slice(None)] * 3
            edge[axis] = slice(length, length + 1) if side else slice(-length - 1, -length)
            # Beyond the image the network's window is padded by the edge, or is what the scanner fills in.
            fill = np.broadcast_to(grey[tuple(edge)], grey.shape) if rng.random() < 0.7 else np.full_like(grey, outside)
            grey = np.where(beyond, fill, grey)
        return grey.astype(np.float32), beyond


def _turn(angles: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("zyx", angles).as_matrix()


def _box(middle, scaled, lines, shape):
    """The part of the case that the patch can reach."""
    half = np.array([line[-1] for line in lines])
    reach = np.abs(scaled) @ half + 2
    low = np.clip(np.floor(middle - reach), 0, np.array(shape) - 2).astype(int)
    high = np.clip(np.ceil(middle + reach) + 1, low + 2, shape).astype(int)
    return low, high


def _sampled(array, scaled, lines, middle, mode, outside=0.0):
    """The array (z, y, x) at the patch's voxels; what lies outside of it is ``outside``."""
    # grid_sample wants places along (x, y, z) where -1 and 1 are the outer edges of the first and last voxel.
    sizes = np.array(array.shape)
    theta = np.zeros((3, 4))
    unit = np.array([line[-1] if len(line) > 1 else 1.0 for line in lines])  # half extents, mm
    theta[:, :3] = scaled * unit[None, :] * 2 / sizes[:, None]
    theta[:, 3] = (2 * middle + 1) / sizes - 1
    theta = theta[::-1][:, [2, 1, 0, 3]]
    shape = (1, 1, *(len(line) for line in lines))
    # Corners at -1 and 1 are the first and last voxels' centres here: the affine grid is that of "align_corners".
    grid = functional.affine_grid(torch.from_numpy(theta.copy()).float()[None], list(shape), align_corners=True)
    values = torch.from_numpy(np.ascontiguousarray(array)).float()[None, None] - float(outside)
    found = functional.grid_sample(values, grid, mode=mode, padding_mode="zeros", align_corners=False)[0, 0]
    return found + float(outside)


def _offsets(parts, instances, case, matrix, middle, lines):
    """The way from each voxel to the centre of its own body, in the patch's own axes, units of OFFSET_MM."""
    steps = np.array(case.spacing)
    centres = np.nan_to_num(case.centres, nan=0.0)
    inverse = np.linalg.inv(matrix)
    own = ((centres - middle) * steps) @ inverse.T  # mm in the patch, from its middle
    table = torch.from_numpy(own).float()
    at = torch.stack(torch.meshgrid(*(torch.from_numpy(line).float() for line in lines), indexing="ij"))
    offsets = (table[instances].permute(3, 0, 1, 2) - at) / OFFSET_MM
    known = (instances > 0) & torch.isin(parts, torch.tensor(OF_A_VERTEBRA)) & (parts != SACRUM)
    known &= torch.from_numpy(np.isfinite(case.centres[:, 0]))[instances]
    return offsets, known


def _field(shape, strength, rng) -> np.ndarray:
    coarse = rng.standard_normal((3, 3, 3)) * strength * rng.uniform(0, 1)
    return np.exp(ndimage.zoom(coarse, [n / 3 for n in shape], order=1, mode="nearest", grid_mode=True)).astype(
        np.float32
    )


def _coarse(grey: np.ndarray, axis: int, factor: float) -> np.ndarray:
    low = ndimage.gaussian_filter1d(grey, 0.4 * factor, axis=axis)
    n = grey.shape[axis]
    at = np.round(np.arange(n) / factor) * factor
    return np.take(low, np.clip(np.rint(at).astype(int), 0, n - 1), axis)
