"""What a volume must be like before anything is computed from it."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.sequences import SEQUENCES
from SpineLib.volume.told import modality_of
from SpineLib.volume.volume import Volume

#: Voxels at or below this value (fat and air in Hounsfield units) do not occur in magnitude MR images.
CT_BELOW_HU = -90.0


def check_image(volume: Volume, role: str) -> None:
    """Refuse what cannot be an image of the spine.

    Args:
        volume: the image.
        role: what it is to be, for the message ("T1", "T2", "STIR", "ceT1": an MR sequence; "CT"; "mask", any other).

    Raises:
        SpineError: empty, not 3-D (colour, 4-D), one slice, spacing of zero, NaN or infinite voxels, constant, CT where
            an MR sequence is wanted.
    """
    array = volume.array
    if array.ndim != 3:
        raise SpineError(f"The {role} image is {array.ndim}-D (colour or several volumes); one 3-D volume is needed.")
    if array.size == 0:
        raise SpineError(f"The {role} image is empty; choose another one.")
    if min(array.shape) < 2:
        raise SpineError(f"The {role} image has only one slice; a volume of several slices is needed.")
    if not (np.isfinite(volume.spacing).all() and min(volume.spacing) > 0):
        raise SpineError(f"The {role} image has a voxel spacing of zero; export it again with its true spacing.")
    if not np.isfinite(volume.direction).all() or abs(np.linalg.det(volume.direction)) < 1e-3:
        raise SpineError(f"The {role} image has no valid orientation (direction matrix); export it again.")
    if not np.isfinite(volume.origin).all():
        raise SpineError(f"The {role} image has no valid position in space; export it again.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise SpineError(f"The {role} image holds voxels that are no numbers (NaN or infinite); export it again.")
    if array.min() == array.max():
        raise SpineError(f"The {role} image is constant (every voxel the same); choose another one.")
    if role in SEQUENCES and looks_like_ct(volume):
        raise SpineError(f"The {role} image is a CT, not an MR image; choose the {role} sequence.")


def check_mask(mask: Volume, name: str) -> None:
    """Refuse a mask whose shape has no place in space.

    Args:
        mask: not 0 inside; may be empty.
        name: of what it marks, for the message ("metastasis").

    Raises:
        SpineError: not 3-D, spacing of zero, no valid position or orientation.
    """
    if mask.array.ndim != 3:
        raise SpineError(f"The mask of the {name} is {mask.array.ndim}-D; a 3-D one is needed.")
    if not (np.isfinite(mask.spacing).all() and min(mask.spacing) > 0):
        raise SpineError(f"The mask of the {name} has a voxel spacing of zero; export it again with its true spacing.")
    if not np.isfinite(mask.ijk_to_lps).all() or abs(np.linalg.det(mask.direction)) < 1e-3:
        raise SpineError(f"The mask of the {name} has no valid position in space; export it again.")


def looks_like_ct(volume: Volume) -> bool:
    """Whether the file says CT, or, where it says nothing, the values are Hounsfield units.

    Magnitude MR images have no negative voxels; resampling or bias correction may make a few slightly negative, and
    normalised ones stay within some tens. Hounsfield units have much fat and air (below -90) and bone (above 150).
    """
    if modality_of(volume):
        return modality_of(volume) == "CT"
    if volume.array.dtype.kind == "u":
        return False
    low = np.count_nonzero(volume.array <= CT_BELOW_HU) / volume.array.size
    return bool(low > 0.02 and volume.array.max() >= 150 and volume.array.min() >= -10000)
