"""What a volume must be like before anything is computed from it."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.sequences import SEQUENCES
from SpineLib.volume.labels import alike_neighbours
from SpineLib.volume.told import modality_of
from SpineLib.volume.volume import Volume

#: Voxels at or below this value (fat and air in Hounsfield units) do not occur in magnitude MR images.
CT_BELOW_HU = -90.0
#: Bands below zero, so wide (HU), in which those are counted; in a CT a deeper one (fat, lung, air) holds about as many
#: as the first or more: 0.8 to 8 times as many in eight real ones. What splines leave below zero in MR falls off: 0.4.
_BAND, _BANDS, _NO_TAIL = 60.0, 20, 0.6
#: Between these lies the range of grey values of any scan; beyond, squares of them are lost in single precision.
_LEAST_RANGE, _MOST_RANGE = 1e-4, 1e12
#: Where whole numbers of 8, 12 and 16 bits wrap; values that wrapped lie near both ends (share of the half), and of the
#: steps between negative and other neighbours so many are larger than half of all values.
_PERIODS, _NEAR_ENDS, _STEEP = (256.0, 4096.0, 65536.0), 0.9, 0.05

#: Of neighbours that are both marked so many are alike in label maps of up to so many values: 0.88 and more in fourteen
#: real ones with 2 to 21, 0.99 with many organs (TotalSegmentator has 117 labels); at most 0.6 in MR images of 8 bits.
_ALIKE = {32: 0.8, 128: 0.97}


def check_image(volume: Volume, role: str) -> None:
    """Refuse what cannot be an image of the spine.

    Args:
        volume: the image.
        role: what it is to be, for the message ("T1", "T2", "STIR", "ceT1": an MR sequence; "CT"; "mask", any other).

    Raises:
        SpineError: empty, not 3-D (colour, 4-D), one slice, spacing of zero, NaN or infinite voxels, constant, values
            far beyond those of scans, CT or a mask where an MR sequence is wanted, or MR whose bright voxels wrapped to
            negative ones.
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
    least, most = array.min(), array.max()
    if least == most:
        raise SpineError(f"The {role} image is constant (every voxel the same); choose another one.")
    low, high = float(least), float(most)
    if not _LEAST_RANGE <= high - low <= _MOST_RANGE:
        raise SpineError(
            f"The {role} image has grey values from {low:.3g} to {high:.3g}, as no scanner makes them; export it "
            "again, or scale them to some thousands."
        )
    if role in SEQUENCES and looks_like_ct(volume):
        raise SpineError(f"The {role} image is a CT, not an MR image; choose the {role} sequence.")
    if role in SEQUENCES and looks_like_labels(array):
        raise SpineError(f"The {role} image is a mask or a label map, not a scan; choose the {role} sequence.")
    if role in SEQUENCES and wraps(array):
        raise SpineError(
            f"The {role} image has bright voxels that turned negative: they were too large for the type they were "
            "stored in; export it again as unsigned or as floating point."
        )


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
    if low <= 0.02 or volume.array.max() < 150 or volume.array.min() < -10000:
        return False
    counts, _ = np.histogram(volume.array, -_BAND * np.arange(_BANDS, -1, -1.0))
    return bool(counts[:-1].max() > _NO_TAIL * counts[-1])


def same_image(one: Volume, other: Volume) -> bool:
    """Whether two volumes hold the same voxels, wherever they lie: one image that was given twice."""
    return one.shape == other.shape and np.array_equal(one.array, other.array)


def looks_like_labels(array: np.ndarray) -> bool:
    """Whether an image is a mask: few whole values from 0 on, in areas of one value each."""
    if array.min() != 0 or array.max() > np.iinfo(np.uint16).max:
        return False
    whole = array.astype(np.uint16)
    values = int(np.count_nonzero(np.bincount(whole.ravel())))
    least = next((share for most, share in _ALIKE.items() if values <= most), None)
    if least is None or not np.array_equal(whole, array):
        return False
    return alike_neighbours(whole) > least


def wraps(array: np.ndarray) -> bool:
    """Whether negative voxels are bright ones that did not fit their type (32768 stored as -32768).

    Then values reach both ends of the type, the dark background is not negative, and between neighbours are steps of
    nearly all values that the type holds, which negative voxels of other origin (normalisation, splines) do not make.
    """
    low, high = float(array.min()), float(array.max())
    periods = [
        one for one in _PERIODS if one / 2 >= -low >= _NEAR_ENDS * one / 2 and one / 2 > high >= _NEAR_ENDS * one / 2
    ]
    if not periods or np.count_nonzero(array < 0) > array.size / 2:
        return False
    steps, steep = 0, 0
    for picture in array:
        values = picture.astype(np.float32)
        for first, second in ((values[:-1], values[1:]), (values[:, :-1], values[:, 1:])):
            across = (first < 0) != (second < 0)
            jumps = np.abs(first[across] - second[across])
            steps += jumps.size
            steep += int(np.count_nonzero(jumps > periods[0] / 2))
    return steep > _STEEP * steps
