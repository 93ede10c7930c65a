"""Signed distances (mm, negative inside) of simple shapes, and how they are joined."""

from __future__ import annotations

import numpy as np


def limb(points, start, end, radii) -> np.ndarray:
    """Distance to a rounded bar from ``start`` to ``end`` whose section is an ellipsoid of the half axes ``radii``.

    First-order true at the surface (value over gradient), so that a layer below it has the same thickness all round.

    Args:
        points: three arrays of coordinates, mm.
        start, end: ends of the bar's axis.
        radii: half axes along the three coordinates.
    """
    radii = np.asarray(radii, np.float32)
    start, end = np.asarray(start, np.float32), np.asarray(end, np.float32)
    along = (end - start) / radii
    length = np.float32(max(float(along @ along), 1e-6))
    q = [(p - s) / r for p, s, r in zip(points, start, radii)]
    t = np.clip((q[0] * along[0] + q[1] * along[1] + q[2] * along[2]) / length, 0, 1)
    squares = [(x - t * a) ** 2 for x, a in zip(q, along)]
    rho = np.sqrt(squares[0] + squares[1] + squares[2]) + np.float32(1e-4)
    steep = np.sqrt(sum(s / (r * r) for s, r in zip(squares, radii))) + np.float32(1e-4) / radii.min()
    return (rho - 1) * rho / steep


def join(first: np.ndarray, second: np.ndarray, fillet: float) -> np.ndarray:
    """Union of two shapes with a fillet of about ``fillet`` mm in the corner."""
    near = np.maximum(np.float32(fillet) - np.abs(first - second), 0)
    return np.minimum(first, second) - near * near / np.float32(4 * fillet)


def cut(first: np.ndarray, second: np.ndarray, rounding: float) -> np.ndarray:
    """What lies in both shapes, with edges rounded over about ``rounding`` mm."""
    return -join(-first, -second, rounding)


def tube(u: np.ndarray, v: np.ndarray, half_u: float, half_v: float, power: float = 2.0) -> np.ndarray:
    """Distance to an endless tube along the third axis with a superelliptic section."""
    p = np.float32(power)
    rho = ((np.abs(u) / np.float32(half_u)) ** p + (np.abs(v) / np.float32(half_v)) ** p + np.float32(1e-6)) ** (1 / p)
    return (rho - 1) * np.float32(min(half_u, half_v))


def covered(distance: np.ndarray, width: float) -> np.ndarray:
    """Share of a voxel ``width`` mm wide that lies inside, 0 to 1, of the distance at its centre."""
    return np.clip(np.float32(0.5) - distance / np.float32(width), 0, 1)
