"""Fewer triangles, with a bound on how far the surface moves."""

from __future__ import annotations

import numpy as np

from SpineLib.mesh.polydata import distances_to_triangles
from SpineLib.mesh.solid import from_solid, to_solid
from SpineLib.mesh.topology import edges_of

#: The first tolerance asked for is this share of the bound; the distance that comes out of it is measured.
_SHARE = 0.45
_ATTEMPTS = 4


def simplified(points: np.ndarray, triangles: np.ndarray, bound_mm: float) -> tuple[np.ndarray, np.ndarray, float]:
    """A surface of fewer triangles, nowhere farther than ``bound_mm`` from the first one, nor the first one from it.

    The distance is measured both ways (:func:`distance_mm`), to the nearest point of the other surface. A surface
    that is not a manifold, or of which no simpler one keeps the bound, comes back as it is.

    Args:
        points: (n, 3) mm.
        triangles: (m, 3).
        bound_mm: 0: nothing is done.

    Returns:
        Points, triangles, and the largest distance in mm.
    """
    solid = to_solid(points, triangles) if bound_mm > 0 else None
    if solid is None:
        return points, triangles, 0.0
    tolerance = _SHARE * bound_mm
    for _ in range(_ATTEMPTS):
        fewer = from_solid(solid.simplify(tolerance))
        if not len(fewer[1]):
            break
        distance = distance_mm((points, triangles), fewer)
        if distance <= bound_mm:
            return *fewer, distance
        tolerance *= 0.8 * bound_mm / distance
    return points, triangles, 0.0


def distance_mm(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> float:
    """The largest distance between two closed surfaces (points, triangles), both ways, at the corners of the first and
    at the corners, the middles and the middles of the sides of the triangles of the second, whose are larger."""
    points, triangles = other
    middles = points[edges_of(triangles, len(points)).corners].mean(axis=1)
    places = np.vstack([points, points[triangles].mean(axis=1), middles])
    return float(
        max(np.abs(distances_to_triangles(one[0], *other)).max(), np.abs(distances_to_triangles(places, *one)).max())
    )
