"""Masks of balls and boxes on any grid, whose volumes and distances are known."""

from __future__ import annotations

import numpy as np

from SpineLib.volume import Volume

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    """3 x 3, about x, y, z in turn."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        turn = np.eye(3)
        a, b = [other for other in range(3) if other != axis]
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def grid(spacing=(1.0, 1.0, 1.0), half=20.0, direction=None, centre=(0.0, 0.0, 0.0)) -> Volume:
    """An empty mask that reaches ``half`` mm from its centre, LPS."""
    direction = np.eye(3) if direction is None else direction
    counts = np.array([int(np.ceil(2 * half / side)) for side in spacing])
    origin = np.asarray(centre) - direction @ ((counts - 1) / 2 * spacing)
    return Volume(np.zeros(counts[::-1], np.uint8), spacing, origin, direction)


def places(volume: Volume) -> np.ndarray:
    """LPS mm of all voxels' centres, (k, j, i, 3)."""
    ijk = np.moveaxis(np.indices(volume.shape)[::-1], 0, -1)
    return ijk @ volume.ijk_to_lps[:3, :3].T + volume.ijk_to_lps[:3, 3]


def ball(radius: float, centre=(0.0, 0.0, 0.0), on: Volume | None = None) -> Volume:
    """A ball around a place, LPS mm."""
    on = on or grid()
    return on.with_array((np.linalg.norm(places(on) - centre, axis=-1) <= radius).astype(np.uint8))


def box(low, high, on: Volume | None = None) -> Volume:
    """The voxels whose centres lie between two corners, LPS mm."""
    on = on or grid()
    where = places(on)
    return on.with_array(((where >= low) & (where <= high)).all(axis=-1).astype(np.uint8))


def union(*masks: Volume) -> Volume:
    """All of them, on the first one's grid."""
    return masks[0].with_array(np.max([mask.array for mask in masks], axis=0))


def moved_by(x=0.0, y=0.0, z=0.0, degrees=(0.0, 0.0, 0.0)) -> np.ndarray:
    """4 x 4 of a rigid movement."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(degrees)
    matrix[:3, 3] = x, y, z
    return matrix
