"""Walls too thin to be printed, thickened in the mask that the model is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from SpineLib.mesh.thickness import middles_of_thin_walls
from SpineLib.volume.volume import Volume


def thickened(mask: Volume, points: np.ndarray, triangles: np.ndarray, wall_mm: float) -> Volume:
    """The mask, a voxel larger to each side where its surface bounds walls thinner than ``wall_mm``.

    Such walls are sheets and bridges about a voxel thick, whose surface lies within half a voxel of itself.

    Args:
        mask: bool, with outside all around.
        points: (n, 3) LPS mm, of the surface made of the mask, cut or not.
        triangles: (m, 3), corners counterclockwise seen from outside.
        wall_mm: the printer's.

    Returns:
        bool, on a grid a voxel larger on all sides; nothing is taken away.
    """
    from scipy import ndimage

    array = np.pad(mask.array, 1)
    origin = (mask.ijk_to_lps @ [-1, -1, -1, 1])[:3]
    larger = replace(mask, array=array, origin=tuple(origin))
    middles = middles_of_thin_walls(points, triangles, wall_mm)
    ijk = np.rint((np.c_[middles, np.ones(len(middles))] @ np.linalg.inv(larger.ijk_to_lps).T)[:, :3]).astype(int)
    seeds = np.zeros(array.shape, bool)
    seeds[tuple(np.clip(ijk[:, ::-1], 1, np.array(array.shape) - 2).T)] = True
    return larger.with_array(array | ndimage.binary_dilation(seeds))
