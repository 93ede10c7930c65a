"""Masks as signed distances: the way to other grids and back without stairs."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from SpineLib.volume.places import to_index
from SpineLib.volume.volume import Volume


def signed_distance(mask: Volume, unknown: np.ndarray | None = None, limit_mm: float = 30.0) -> Volume:
    """Distance to the border of a mask, mm, negative inside; float32, zero half-way between voxels in and out.

    Interpolated between voxels it gives the mask on another grid (shape-based interpolation: Raya and Udupa 1990,
    IEEE TMI 9(1)).

    Args:
        mask: not 0 inside.
        unknown: bool, of the mask's shape: voxels of which nobody knows whether they are inside. There and elsewhere
            the value is the distance to the nearest voxel known to be inside less that to the nearest known to be
            outside.
        limit_mm: values are cut at this distance, which also stands where one side is missing altogether.
    """
    inside = np.asarray(mask.array) != 0
    outside = ~inside
    if unknown is not None:
        inside, outside = inside & ~unknown, outside & ~unknown
    spacing = mask.spacing[::-1]
    result = np.zeros(inside.shape, np.float32)
    for part, sign in ((inside, 1.0), (outside, -1.0)):
        away = ndimage.distance_transform_edt(~part, spacing) if part.any() else np.full(part.shape, limit_mm)
        result += np.float32(sign) * away.astype(np.float32)
    return mask.with_array(np.clip(result, -limit_mm, limit_mm))


def sampled(volume: Volume, grid: Volume, outside: float | None = None, *, nearest: bool = False) -> np.ndarray:
    """A volume's values at the voxels of another grid, float32 (k, j, i).

    Args:
        volume: any voxels.
        grid: its geometry and shape.
        outside: value beyond the volume; None: the border's voxels go on.
        nearest: of the nearest voxel; otherwise linear.
    """
    matrix = np.linalg.inv(volume.ijk_to_lps) @ grid.ijk_to_lps
    return ndimage.affine_transform(
        np.asarray(volume.array, np.float32),
        matrix[:3, :3][::-1, ::-1],
        matrix[:3, 3][::-1],
        grid.shape,
        np.float32,
        order=0 if nearest else 1,
        mode="nearest" if outside is None else "constant",
        cval=outside or 0.0,
    )


def at_points(volume: Volume, points: np.ndarray) -> np.ndarray:
    """A volume's values, linear between voxels, at points (n, 3), LPS mm; beyond it the border's voxels go on."""
    return ndimage.map_coordinates(volume.array, to_index(points, volume).T, order=1, mode="nearest")
