"""Columns bent and stretched at random: more vertebrae than there are patients."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from SpineLib.geometry.signed_distance import signed_distance
from SpineLib.preprocess.vertebra_frame import Column
from SpineLib.volume.places import to_lps
from SpineLib.volume.volume import Volume

#: Voxels of the result, mm, and what it holds around the vertebrae.
_STEP_MM, _MARGIN_MM = 1.5, 15.0
#: Deviation of the logarithm of the size along each axis, and of the shear.
_SCALE, _SHEAR = 0.08, 0.06
#: Displacement: length over which it changes and its deviation, mm. The short one changes neighbours differently.
_WAVES = ((40.0, 3.0), (14.0, 1.1))


def deformed(column: Column, label: int, rng: np.random.Generator) -> Volume:
    """A vertebra and its neighbours, stretched, sheared, bent and perhaps mirrored: labels on a grid of their own.

    The surfaces move with the signed distances of each bone, so that thick slices leave no stairs.
    """
    numbers = [label, *(number for number in column.neighbours(label) if number is not None)]
    shapes = {}
    for number in numbers:
        part = column.around(number, _MARGIN_MM, 0.9)
        shapes[number] = signed_distance(part.with_array((part.array == number).astype(np.uint8)), limit_mm=_MARGIN_MM)
    corners = np.concatenate([_corners(shape) for shape in shapes.values()])
    low, high = corners.min(axis=0), corners.max(axis=0)
    counts = np.ceil((high - low) / _STEP_MM).astype(int) + 1
    grid = Volume(np.zeros(counts[::-1], np.uint8), (_STEP_MM,) * 3, tuple(low))
    axes = [start + _STEP_MM * np.arange(count, dtype=np.float32) for start, count in zip(low, counts)]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    points = np.stack([x, y, z])
    centre = column.centres[label][:, None, None, None]
    matrix = np.diag(np.exp(rng.normal(0, _SCALE, 3))) + rng.normal(0, _SHEAR, (3, 3)) * (1 - np.eye(3))
    if rng.random() < 0.5:
        matrix[0] *= -1
    places = np.tensordot(matrix, points - centre, 1) + centre
    for length, size in _WAVES:
        for axis in range(3):
            places[axis] += _wave(rng, grid.shape, length / _STEP_MM, size)
    best, labels = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.uint8)
    for number, shape in shapes.items():
        back = np.linalg.inv(shape.ijk_to_lps)
        ijk = np.tensordot(back[:3, :3], places, 1) + back[:3, 3][:, None, None, None]
        found = ndimage.map_coordinates(shape.array, ijk[::-1], order=1, mode="nearest")
        nearer = found < best
        labels[nearer], best[nearer] = number, found[nearer]
    return grid.with_array(labels)


def _corners(volume: Volume) -> np.ndarray:
    ends = np.array(np.meshgrid(*[(0, size - 1) for size in volume.shape])).reshape(3, -1).T
    return to_lps(ends, volume)


def _wave(rng: np.random.Generator, shape: tuple[int, ...], length: float, size: float) -> np.ndarray:
    """A smooth random field of a deviation, drawn coarsely."""
    coarse = [int(np.ceil(count / length)) + 3 for count in shape]
    noise = ndimage.spline_filter(rng.standard_normal(coarse) * size * 1.4, order=3)
    offset = rng.random(3)
    places = np.meshgrid(
        *[1 + shift + np.arange(count) / length for count, shift in zip(shape, offset)], indexing="ij", sparse=True
    )
    rows = [_spline_matrix(size_, place.ravel()) for size_, place in zip(coarse, places)]
    return np.einsum("ai,bj,ck,ijk->abc", *rows, noise, optimize=True).astype(np.float32)


def _spline_matrix(count: int, where: np.ndarray) -> np.ndarray:
    """Weights (len(where), count) of a cubic B-spline's coefficients."""
    away = np.abs(where[:, None] - np.arange(count)[None])
    near = 2 / 3 - away**2 + away**3 / 2
    far = np.maximum(2 - away, 0) ** 3 / 6
    return np.where(away < 1, near, far)
