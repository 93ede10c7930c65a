"""Where vertebrae are marrow: the inside of their bodies."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from SpineLib.geometry.orientation import Orientation
from SpineLib.volume.crop import box_of
from SpineLib.volume.volume import Volume

#: Marrow lies so far within the bone's edge, mm: arches are too thin for it.
_WITHIN_MM = 3.0


def marrow_of(bone: np.ndarray, grid: Volume) -> np.ndarray:
    """Marrow of the bodies, bool: what lies within the bone's edge in the sagittal plane.

    Args:
        bone: bool, vertebrae on the grid.
        grid: any image on it.
    """
    sagittal = Orientation.of(grid).axes[0]
    sampling = [1e3 if axis == sagittal else step for axis, step in enumerate(grid.spacing[::-1])]
    marrow = np.zeros(bone.shape, bool)
    if bone.any():
        box = box_of(bone, (1, 1, 1))
        marrow[box] = ndimage.distance_transform_edt(bone[box], sampling=sampling) > _WITHIN_MM
    return marrow
