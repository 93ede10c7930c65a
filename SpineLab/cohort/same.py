"""Whether two images are one scan, however each was saved."""

from __future__ import annotations

import hashlib

import numpy as np

from SpineLib.geometry.orientation import Orientation
from SpineLib.volume import Volume


def voxels_key(volume: Volume) -> str:
    """SHA-256 of the voxels in canonical order (s, y, x): one for a scan whatever its format, type and axis order, and
    wherever its origin was put."""
    array = Orientation.of(volume).apply(volume.array)
    digest = hashlib.sha256(repr(array.shape).encode())
    for picture in array:
        digest.update(np.ascontiguousarray(picture, np.float32).tobytes())
    return digest.hexdigest()
