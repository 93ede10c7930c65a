"""Smooth random fields: textures, shading, irregular surfaces."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from scipy.interpolate import PchipInterpolator


def resize(coarse: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Trilinear interpolation of a 3-D array to another shape (corners kept)."""
    tensor = torch.from_numpy(np.ascontiguousarray(coarse, dtype=np.float32))[None, None]
    return torch.nn.functional.interpolate(tensor, size=tuple(shape), mode="trilinear", align_corners=True)[
        0, 0
    ].numpy()


def smooth_field(rng: np.random.Generator, shape: tuple[int, ...], knots: tuple[float, ...]) -> np.ndarray:
    """Random field of about unit standard deviation.

    Args:
        rng: source of randomness.
        shape: shape of the result, 3-D.
        knots: distance between independent values along each axis, in voxels.
    """
    # Two nodes a knot, blurred: plain trilinear interpolation of independent values would show as boxes.
    coarse = tuple(max(2, int(np.ceil(2 * n / max(k, 2.0))) + 1) for n, k in zip(shape, knots))
    nodes = ndimage.gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), 0.8, mode="wrap", truncate=2.5)
    return resize(nodes / (nodes.std() + 1e-6), shape)


def curve(rng: np.random.Generator, n: int, knots: int) -> np.ndarray:
    """Smooth random curve of n samples with about unit standard deviation."""
    values = rng.standard_normal(max(knots, 2))
    return PchipInterpolator(np.linspace(0, 1, len(values)), values)(np.linspace(0, 1, n))
