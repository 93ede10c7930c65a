"""Small columns of vertebrae for tests: simple shapes that have what a vertebra has."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from SpineLib.volume import Volume

#: Side of a voxel, mm.
STEP = 2.0
#: From one vertebra to the next, mm.
HEIGHT = 34.0


def vertebra(points: np.ndarray, centre) -> np.ndarray:
    """A body, an arch around a canal of 8 mm radius, and three processes; the same on both sides (x)."""
    x, y, z = np.moveaxis(points - np.asarray(centre), -1, 0)
    body = (np.hypot(x / 20, (y + 12) / 14) < 1) & (np.abs(z) < 12)
    arch = (np.hypot(x, y - 9) < 13) & (np.hypot(x, y - 9) > 8) & (np.abs(z) < 7)
    sides = (np.abs(x) > 10) & (np.abs(x) < 34) & (np.abs(y - 12) < 4) & (np.abs(z) < 4)
    spine = (np.abs(x) < 4) & (y > 20) & (y < 42) & (np.abs(z) < 7)
    return body | arch | sides | spine


def column(turn=(0.0, 0.0, 0.0), count: int = 3) -> Volume:
    """So many vertebrae, numbered from above from 10, the middle one at the origin, the whole turned by angles."""
    rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    shape = (int(HEIGHT * (count + 0.6) / STEP), 64, 64)
    origin = -(np.array(shape[::-1]) - 1) / 2 * STEP
    k, j, i = np.indices(shape)
    points = (np.stack([i, j, k], -1) * STEP + origin) @ rotation
    labels = np.zeros(shape, np.uint8)
    for number in range(count):
        labels[vertebra(points, (0, 0, ((count - 1) / 2 - number) * HEIGHT))] = 10 + number
    return Volume(labels, (STEP,) * 3, tuple(origin))


def voxel_places(labels: Volume) -> np.ndarray:
    """LPS mm of all voxels, (k, j, i, 3)."""
    k, j, i = np.indices(labels.shape)
    matrix = labels.ijk_to_lps
    return np.stack([i, j, k], -1) @ matrix[:3, :3].T + matrix[:3, 3]


def with_hole(labels: Volume, number: int, centre, radius: float) -> tuple[Volume, Volume]:
    """The labels with a ball taken from one vertebra, and the ball as the lesion's mask."""
    ball = (np.linalg.norm(voxel_places(labels) - np.asarray(centre), axis=-1) < radius) & (
        (labels.array == number) | (labels.array == 0)
    )
    left = np.where(ball & (labels.array == number), 0, labels.array).astype(np.uint8)
    return labels.with_array(left), labels.with_array(ball.astype(np.uint8))
