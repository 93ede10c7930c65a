"""A column of blocks: bodies with arches behind them, a sacrum below, as small as tests need."""

from __future__ import annotations

import numpy as np

from SpineLib.tasks.column.parts import ARCH, BODY, CANAL, SACRUM

SPACING = (2.0, 2.0, 2.0)
LEVELS = (22, 23, 24)  # L3 to L5


def block_column(levels=LEVELS, pitch: int = 16, sacrum: bool = True):
    """Parts and instances uint8 (z, y, x), and the centres of the bodies in voxels, from cranial to caudal."""
    shape = (pitch * (len(levels) + 2), 48, 32)
    parts, instances = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    centres = []
    for n, number in enumerate(levels):
        z = shape[0] - pitch * (n + 1)
        body = np.s_[z - 5 : z + 6, 8:22, 8:24]
        for box, part in (
            (body, BODY),
            (np.s_[z - 2 : z + 3, 22:30, 8:11], ARCH),
            (np.s_[z - 8 : z + 1, 30:40, 8:24], ARCH),
        ):
            parts[box], instances[box] = part, number
        parts[z - 5 : z + 6, 23:29, 12:20] = CANAL
        centres.append((z + 0.0, 14.5, 15.5))
    if sacrum:
        top = shape[0] - pitch * (len(levels) + 1) + 6
        parts[2:top, 12:26, 6:26], instances[2:top, 12:26, 6:26] = SACRUM, 26
    return parts, instances, np.array(centres)


def offsets_of(instances: np.ndarray, levels, centres, spacing=SPACING) -> np.ndarray:
    """What a perfect network says: (3, z, y, x), mm."""
    offsets = np.zeros((3, *instances.shape), np.float32)
    for number, centre in zip(levels, centres):
        where = np.nonzero(instances == number)
        for axis in range(3):
            offsets[axis][where] = (centre[axis] - where[axis]) * spacing[axis]
    return offsets
