"""The grey value of black: magnitude MR begins at 0, what was normalised or stored with an offset elsewhere."""

from __future__ import annotations

import numpy as np

from SpineLib.volume.volume import Volume

#: Per cent of the voxels that are as dark as air and cortical bone, or brighter than anything that counts.
_DARK, _BRIGHT = 0.5, 99.5
#: Black this near to 0, as a share of the range of grey values, is 0: a cropped scan holds little air, and in the eight
#: real scans that limits of ratios were measured on it lies at up to 0.21.
_NEAR = 0.25


def black_level(array: np.ndarray) -> float:
    """What has to be taken from grey values before one is divided by another; 0 of an image that begins at 0."""
    dark, bright = (float(value) for value in np.percentile(array, (_DARK, _BRIGHT)))
    return dark if abs(dark) > _NEAR * (bright - dark) else 0.0


def from_black(volume: Volume) -> Volume:
    """The image with black at 0."""
    black = black_level(volume.array)
    return volume.with_array(volume.array.astype(np.float32) - np.float32(black)) if black else volume
