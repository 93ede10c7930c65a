"""What triangles make up: normals, areas, volumes. Points are (n, 3), mm; triangles (m, 3), indices of points."""

from __future__ import annotations

import numpy as np


def crossed(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Normals of the triangles (m, 3), as long as twice the area; outwards where corners run counterclockwise."""
    return crossed_corners(points[triangles])


def crossed_corners(corners: np.ndarray) -> np.ndarray:
    """The same of corners (m, 3, 3): triangle, corner, x y z."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area of each triangle (m,), mm²."""
    return np.linalg.norm(crossed(points, triangles), axis=1) / 2


def areas_at_points(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The area that belongs to each point (n,), mm²: a third of every triangle it is a corner of."""
    third = np.linalg.norm(crossed(points, triangles), axis=1) / 6
    return np.sum([np.bincount(triangles[:, n], third, minlength=len(points)) for n in range(3)], axis=0)


def volumes(points: np.ndarray, triangles: np.ndarray, shells: np.ndarray) -> np.ndarray:
    """Signed volume of each shell in mm³, by the divergence theorem: negative where triangles are turned inwards.

    Args:
        shells: (m,) the shell that each triangle belongs to, from 0.
    """
    if not len(triangles):
        return np.zeros(0)
    a, b, c = _centred(points, triangles)
    return np.bincount(shells, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6)


def volume_mm3(points: np.ndarray, triangles: np.ndarray) -> float:
    """Signed volume of all shells together, mm³; cavities count negative."""
    if not len(triangles):
        return 0.0
    a, b, c = _centred(points, triangles)
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def normals_at_points(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals at the points (n, 3): of the triangles around them, weighted by area."""
    normal = crossed(points, triangles)
    total = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(normal[:, axis], 3), minlength=len(points)) for axis in range(3)],
        axis=1,
    )
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30)


def _centred(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three corners of the triangles, seen from the points' mean: far from the origin digits would be lost."""
    centred = (points - points.mean(axis=0)).astype(np.float64)
    return centred[triangles[:, 0]], centred[triangles[:, 1]], centred[triangles[:, 2]]
