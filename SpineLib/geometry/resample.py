"""Resampling along one axis as a small matrix: fast, and exact to invert on its own sample points."""

from __future__ import annotations

import numpy as np

from SpineLib.progress import Progress

#: So many voxels at a time take a fraction of a second, and little memory.
_STEP_VOXELS = 2**22


def positions(count: int, target: int, step: float) -> np.ndarray:
    """Where ``target`` samples, ``step`` input voxels apart and centred on the input, lie in input voxels."""
    return (count - 1) / 2 + (np.arange(target) - (target - 1) / 2) * step


def cubic(count: int, where: np.ndarray, step: float | None = None) -> np.ndarray:
    """Matrix (len(where), count) of cubic B-spline interpolation, with a low-pass where samples get fewer.

    ``step`` is the resolution of the result in input voxels, the samples' own distance without it.
    """
    from scipy import ndimage

    basis = np.eye(count)
    if step is None:
        step = (where[-1] - where[0]) / max(len(where) - 1, 1)
    if step > 1:  # without it what is finer than the new samples would fold back as noise
        basis = ndimage.gaussian_filter1d(basis, 0.5 * np.sqrt(step**2 - 1), axis=0, mode="nearest")
    where = np.clip(where, 0, count - 1)
    columns = [ndimage.map_coordinates(column, [where], order=3, mode="mirror") for column in basis.T]
    matrix = np.stack(columns, axis=1)
    return matrix.astype(np.float32)


def linear(count: int, where: np.ndarray) -> np.ndarray:
    """Matrix (len(where), count) of linear interpolation; beyond the ends the last voxel goes on."""
    where = np.clip(where, 0, count - 1)
    lower = np.minimum(np.floor(where + 1e-9).astype(int), max(count - 2, 0))
    weight = np.round(where - lower, 9)
    matrix = np.zeros((len(where), count))
    rows = np.arange(len(where))
    matrix[rows, lower] = 1 - weight
    if count > 1:
        matrix[rows, lower + 1] += weight
    return matrix.astype(np.float32)


def nearest(count: int, where: np.ndarray) -> np.ndarray:
    """Index (len(where),) of the nearest voxel; a tie goes to the lower one."""
    return np.clip(np.ceil(where - 0.5 - 1e-9), 0, count - 1).astype(int)


def along(array: np.ndarray, matrix: np.ndarray, axis: int) -> np.ndarray:
    """The array (3-D, float32) with the matrix (new, old) applied along ``axis``."""
    a, b, c = array.shape
    if axis == 0:
        return (matrix @ array.reshape(a, b * c)).reshape(-1, b, c)
    if axis == 1:
        return np.matmul(matrix, array)
    return (array.reshape(a * b, c) @ matrix.T).reshape(a, b, -1)


def in_steps(array: np.ndarray, matrix: np.ndarray, axis: int, progress: Progress, text: str) -> np.ndarray:
    """:func:`along`, some planes at a time: progress is told in between, and only these are float32 before the result.

    Args:
        array: 3-D, of any type.
        matrix, axis: as in :func:`along`.
        progress: told ``text``.
    """
    across = 1 if axis == 0 else 0
    count = array.shape[across]
    result = np.empty([len(matrix) if place == axis else size for place, size in enumerate(array.shape)], np.float32)
    step = max(1, _STEP_VOXELS * count // max(array.size, 1))
    for first in range(0, count, step):
        progress(first / count, text)
        planes = (slice(None),) * across + (slice(first, first + step),)
        result[planes] = along(np.ascontiguousarray(array[planes], dtype=np.float32), matrix, axis)
    return result
