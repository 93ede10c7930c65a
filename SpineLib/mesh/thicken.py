"""Walls too thin to be printed, thickened in the mask that the model is made of."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from SpineLib.mesh.thickness import middles_of_thin_walls
from SpineLib.volume.places import to_index
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
        bool; it may reach the edge of the array. Nothing is taken away.
    """
    index = np.rint(to_index(middles_of_thin_walls(points, triangles, wall_mm), mask)).astype(int)
    seeds = np.zeros(mask.shape, bool)
    seeds[tuple(np.clip(index, 0, np.array(mask.shape) - 1).T)] = True
    return mask.with_array(mask.array | ndimage.binary_dilation(seeds))
