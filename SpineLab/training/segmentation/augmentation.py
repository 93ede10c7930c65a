"""The seven augmentations of Hille et al. (2020), section 2.1, and some of our own that the paper lacks.

Randomness is drawn once for a sample (:func:`draw_spatial`), all spatial changes become one grid of sampling points
(:func:`sampling_points`), and image and mask are read there with a single interpolation (:func:`resample`). Volumes
have the axes of ``SpineLib.preprocess``: (s, y, x) = right to left, superior to inferior, anterior to posterior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional

from SpineLab.training.segmentation.tensors import blurred, sampled, with_gamma

DIRECTIONS = ("right-left", "superior-inferior", "anterior-posterior")


@dataclass(frozen=True)
class AugmentationSettings:
    """Ranges to draw from; the defaults are the paper's seven kinds, everything after ``translation`` is ours and off.

    Attributes:
        mirror: directions flipped, each with probability 1/2.
        scale: factors of size.
        rotation_transversal_degrees: largest angle about the left-right axis, i.e. within a sagittal slice.
        rotation_sagittal_degrees: largest angle about the antero-posterior axis, i.e. tilting a sagittal slice.
        elastic: largest sigma of the displacements. The paper says "random displacement fields with subsequently
            Gaussian smoothing the grid with a sigma ranging between 0 and 0.3 (cf. Ronneberger)" and gives no unit. A
            smoothing by 0.3 voxels would leave noise, so it is read as Ronneberger et al. (2015), section 3.1, do it:
            normally distributed displacements on a coarse grid, made smooth by cubic interpolation, sigma as a share of
            the coarse grid's spacing: 0.3 x 32 = 9.6 voxels, where Ronneberger has 10. Planes are bent within
            themselves, as Ronneberger's are.
        elastic_grid_voxels: spacing of the coarse grid.
        blur: sigma of the Gaussian, voxels.
        gamma: exponents, drawn for each channel.
        translation_voxels: largest shift of the lesion's centre from the patch's along y and along x.
        probability: how often each of the following is applied to a channel.
        brightness: largest shift, in standard deviations.
        contrast: factors about the mean.
        bias_field: largest deviation of a smooth multiplicative field from 1.
        noise: largest sigma of Gaussian noise, in standard deviations.
        low_resolution: largest factor by which a patch is coarsened in plane and refined again; 1 is off.
    """

    mirror: tuple[str, ...] = DIRECTIONS
    scale: tuple[float, float] = (0.6, 1.4)
    rotation_transversal_degrees: float = 30.0
    rotation_sagittal_degrees: float = 20.0
    elastic: float = 0.3
    elastic_grid_voxels: int = 32
    blur: tuple[float, float] = (0.0, 0.5)
    gamma: tuple[float, float] = (0.5, 2.0)
    translation_voxels: float = 20.0
    probability: float = 0.3
    brightness: float = 0.0
    contrast: tuple[float, float] = (1.0, 1.0)
    bias_field: float = 0.0
    noise: float = 0.0
    low_resolution: float = 1.0

    def __post_init__(self):
        unknown = set(self.mirror) - set(DIRECTIONS)
        if unknown:
            raise ValueError(f"mirror holds {sorted(unknown)}; known directions: {', '.join(DIRECTIONS)}")


@dataclass(frozen=True)
class SpatialDraw:
    """One sample's spatial changes.

    Attributes:
        mirror: -1 or 1 along (s, y, x).
        scale: factor of size.
        angles: radians about the left-right and the antero-posterior axis.
        shift: of the patch's centre along (s, y, x), voxels of the volume.
        displacement: elastic displacements on the coarse grid, shape (3, cs, cy, cx), voxels of the patch; or None.
    """

    mirror: np.ndarray = field(default_factory=lambda: np.ones(3))
    scale: float = 1.0
    angles: tuple[float, float] = (0.0, 0.0)
    shift: np.ndarray = field(default_factory=lambda: np.zeros(3))
    displacement: np.ndarray | None = None


def draw_spatial(rng: np.random.Generator, settings: AugmentationSettings, patch: tuple[int, ...]) -> SpatialDraw:
    """Draw the spatial changes of a sample of size ``patch`` (y, x) or (s, y, x)."""
    size = (1,) * (3 - len(patch)) + tuple(patch)
    flips = rng.integers(0, 2, 3)
    mirror = np.array([-1.0 if name in settings.mirror and flip else 1.0 for name, flip in zip(DIRECTIONS, flips)])
    limits = np.radians([settings.rotation_transversal_degrees, settings.rotation_sagittal_degrees])
    sigma = rng.uniform(0, settings.elastic) * settings.elastic_grid_voxels
    coarse = tuple(1 if n == 1 else -(-n // settings.elastic_grid_voxels) + 1 for n in size)
    shift = rng.uniform(-1, 1, 2) * settings.translation_voxels
    displacement = rng.normal(0, sigma, (3, *coarse)) if settings.elastic else None
    if displacement is not None and len(patch) == 2:
        displacement[0] = 0  # Slices beside this one are no part of the plane.
    scale = float(rng.uniform(*settings.scale))
    about_left_right, about_front_back = (float(angle) for angle in rng.uniform(-1, 1, 2) * limits)
    return SpatialDraw(
        mirror=mirror,
        scale=scale,
        angles=(about_left_right, about_front_back),
        shift=np.array([0.0, *shift]),
        displacement=displacement,
    )


def sampling_points(
    draw: SpatialDraw, patch: tuple[int, ...], centre: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray:
    """Where in the volume each voxel of the patch lies.

    Rotations are made in mm, so that they stay rotations when slices lie farther apart than pixels.

    Args:
        draw: the sample's changes.
        patch: (y, x) for a plane, (s, y, x) for a block.
        centre: (s, y, x) index of the volume that the unshifted patch's centre falls on.
        spacing: of the volume along (s, y, x), mm; the patch has the same before scaling.

    Returns:
        Shape (3, s, y, x), float32: index coordinates (s, y, x) in the volume.
    """
    size = (1,) * (3 - len(patch)) + tuple(patch)
    points = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in size), indexing="ij")).astype(np.float32)
    if draw.displacement is not None:
        points += _smooth(draw.displacement, size)
    points = np.tensordot(matrix_of(draw, spacing).astype(np.float32), points, axes=1)
    return points + (np.asarray(centre) + draw.shift).astype(np.float32)[:, None, None, None]


def matrix_of(draw: SpatialDraw, spacing: tuple[float, float, float]) -> np.ndarray:
    """3 x 3, from places in the patch, counted from its middle, to shifts in the volume, both in voxels (s, y, x)."""
    steps = np.asarray(spacing, dtype=float)
    about_left_right, about_front_back = draw.angles
    c, s = np.cos(about_left_right), np.sin(about_left_right)
    in_slice = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(about_front_back), np.sin(about_front_back)
    tilt = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return np.diag(1 / steps) @ tilt @ in_slice @ np.diag(steps * draw.mirror) / draw.scale


def resample(
    channels: np.ndarray | Sequence[np.ndarray], lesions: np.ndarray, points: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Read image and mask at ``points`` with one linear interpolation; what lies outside repeats the border.

    Args:
        channels: (c, s, y, x), or (s, y, x) of each, may be memory-mapped: only the block that is needed is read.
        lesions: (s, y, x), above 0 inside lesions.
        points: (3, s, y, x) index coordinates.

    Returns:
        Image (c, s, y, x) float32 and mask (1, s, y, x) float32 of 0 and 1 (inside where interpolated at least 1/2).
    """
    shape = np.array(lesions.shape)
    low = np.clip(np.floor(points.reshape(3, -1).min(axis=1)).astype(int), 0, np.maximum(shape - 2, 0))
    high = np.clip(np.ceil(points.reshape(3, -1).max(axis=1)).astype(int) + 1, low + 2, np.maximum(shape, low + 2))
    block = tuple(slice(a, b) for a, b in zip(low, high))
    mask = lesions[block]
    stack = torch.empty((len(channels) + 1, *mask.shape))
    for number, channel in enumerate(channels):
        stack[number] = torch.from_numpy(channel[block])
    stack[-1] = torch.from_numpy(mask)
    stack[-1].clamp_(max=1)
    middle = (low + (np.array(mask.shape) - 1) / 2).astype(np.float32)
    out = sampled(stack, torch.from_numpy(points - middle[:, None, None, None]))
    return out[:-1], (out[-1:] >= 0.5).float()


def change_intensity(
    image: torch.Tensor, rng: np.random.Generator, settings: AugmentationSettings, whiten: bool, flat: bool = False
) -> torch.Tensor:
    """Blur, gamma and our extras, each channel drawn on its own; then whitening.

    Args:
        image: (c, y, x) or (c, s, y, x), float32.
        whiten: whether to subtract the patch's mean and divide by its standard deviation; otherwise the volume is white
            already and the gamma keeps mean and deviation of the patch.
        flat: whether the s of (c, s, y, x) are planes that lie apart: what is done in space is done in each by itself.
    """
    plane = image.ndim == 3
    channels = []
    for channel in image:
        channel = channel[None]
        if settings.blur[1] > 0:
            sigma = float(rng.uniform(*settings.blur))
            channel = blurred(channel[0], sigma)[None] if flat else blurred(channel, sigma)
        if settings.low_resolution > 1 and rng.random() < settings.probability:
            factor = float(rng.uniform(1, settings.low_resolution))
            channel = _coarsen(channel[0], factor)[None] if flat else _coarsen(channel, factor)
        if settings.gamma != (1.0, 1.0):
            channel = with_gamma(channel, draw_gamma(rng, settings.gamma), keep_statistics=not whiten)
        if settings.bias_field and rng.random() < settings.probability:
            coarse = rng.uniform(-1, 1, (1, *((1, 3, 3) if plane or flat else (2, 3, 3)))) * settings.bias_field
            size = (1 if plane or flat else channel.shape[1], *channel.shape[-2:])
            bias = torch.from_numpy(_smooth(coarse, size))
            low = channel.min()
            channel = (channel - low) * (1 + (bias[0] if plane else bias)) + low
        if settings.contrast != (1.0, 1.0) and rng.random() < settings.probability:
            mean = channel.mean()
            channel = (channel - mean) * float(rng.uniform(*settings.contrast)) + mean
        if settings.brightness and rng.random() < settings.probability:
            channel = channel + float(rng.uniform(-1, 1)) * settings.brightness * channel.std()
        if settings.noise and rng.random() < settings.probability:
            noise = rng.standard_normal(tuple(channel.shape), dtype=np.float32)
            channel = channel + torch.from_numpy(noise) * (float(rng.uniform(0, settings.noise)) * channel.std())
        if whiten:
            channel = (channel - channel.mean()) / (channel.std() + 1e-6)
        channels.append(channel)
    return torch.cat(channels)


def draw_gamma(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """Uniform in the exponent's logarithm, so that brighter and darker are equally likely (the paper does not say)."""
    return float(np.exp(rng.uniform(*np.log(limits))))


def _coarsen(channel: torch.Tensor, factor: float) -> torch.Tensor:
    shape = channel.shape[1:]
    small = [max(round(n / factor), 2) if axis >= len(shape) - 2 else n for axis, n in enumerate(shape)]
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    return functional.interpolate(
        functional.interpolate(channel[None], size=small, mode="area"),
        size=tuple(shape),
        mode=mode,
        align_corners=False,
    )[0]


def _smooth(coarse: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Cubic interpolation of (n, cs, cy, cx) to (n, *size), float32."""
    for axis, n in enumerate(size, start=1):
        matrix = cubic_matrix(coarse.shape[axis], n)
        coarse = np.moveaxis(np.tensordot(matrix, coarse, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(coarse, dtype=np.float32)


@lru_cache(maxsize=64)
def cubic_matrix(coarse: int, fine: int) -> np.ndarray:
    """(fine, coarse): cubic interpolation along an axis, its ends on the ends."""
    if coarse == 1:
        return np.ones((fine, 1))
    unit = torch.eye(coarse)[None, None]
    return functional.interpolate(unit, size=(fine, coarse), mode="bicubic", align_corners=True)[0, 0].double().numpy()
