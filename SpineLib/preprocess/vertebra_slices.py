"""The 64 x 64 images that a GAN sees of a vertebra: cut across its own axis, the vertebra in the middle."""

from __future__ import annotations

import numpy as np

from SpineLib.geometry.signed_distance import sampled, signed_distance
from SpineLib.preprocess.vertebra_frame import VertebraFrame
from SpineLib.volume.places import to_lps
from SpineLib.volume.volume import Volume

#: Pixels a side and their side in mm: 112 mm, which hold a lumbar vertebra with its processes.
SLICE_SIZE, PIXEL_MM = 64, 1.75
#: Distance of the slices, mm.
SLICE_MM = 1.0
#: Beyond a vertebra on both sides, mm: what is missing of it may have been its end.
_MARGIN_MM = 4.0
#: The frame's centre is the whole bone's centre of mass, and the spinous process reaches farther than the body.
BACK_MM = 6.0


def slice_grid(
    frame: VertebraFrame, inside: Volume, slice_mm: float = SLICE_MM, margin_mm: float = _MARGIN_MM
) -> Volume:
    """The empty grid (w, v, u), 64 x 64 pixels a slice, of all slices that meet a mask.

    Args:
        frame: the vertebra's.
        inside: not 0 in the vertebra, and in the lesion where it is to be repaired.
        slice_mm: between slices.
        margin_mm: beyond the mask on both sides.

    Raises:
        ValueError: the mask is empty.
    """
    found = np.argwhere(np.asarray(inside.array) != 0)
    if not len(found):
        raise ValueError("the mask is empty")
    heights = frame.to_local(to_lps(found, inside))[:, 2]
    lowest, highest = heights.min() - margin_mm, heights.max() + margin_mm
    count = int(np.ceil((highest - lowest) / slice_mm)) + 1
    across = (SLICE_SIZE - 1) / 2 * PIXEL_MM
    corner = np.array([-across, BACK_MM - across, (lowest + highest) / 2 - (count - 1) / 2 * slice_mm])
    return Volume(
        np.zeros((count, SLICE_SIZE, SLICE_SIZE), np.uint8),
        (PIXEL_MM, PIXEL_MM, slice_mm),
        tuple(frame.centre + corner @ frame.axes),
        frame.axes.T,
    )


def slice_images(distance: Volume, grid: Volume) -> np.ndarray:
    """Images, 0 outside to 1 inside, with a ramp of one pixel across the border: (n, 64, 64), float32.

    The paper's are binary. With the ramp the border's place within a pixel is kept, and :func:`border_distance` gives
    it back.

    Args:
        distance: of the mask, as ``signed_distance`` gives it.
        grid: of :func:`slice_grid`.
    """
    return np.clip(0.5 - sampled(distance, grid, float(np.max(distance.array))) / PIXEL_MM, 0.0, 1.0)


def border_distance(images: np.ndarray) -> np.ndarray:
    """Distance to the border in mm, negative inside, where it is less than half a pixel: ``slice_images`` undone."""
    return (0.5 - images) * PIXEL_MM


def vertebra_slices(mask: Volume, frame: VertebraFrame, slice_mm: float = SLICE_MM) -> tuple[np.ndarray, Volume]:
    """The images of a mask, (n, 64, 64), and their grid."""
    grid = slice_grid(frame, mask, slice_mm)
    return slice_images(signed_distance(mask), grid), grid
