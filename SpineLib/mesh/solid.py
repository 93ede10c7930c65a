"""Surfaces as solids of the library manifold3d, and back."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError


def to_solid(points: np.ndarray, triangles: np.ndarray):
    """A ``manifold3d.Manifold``; None where the surface is none.

    Its accuracy is counted from the surface's middle, so that points far from the origin lose nothing.

    Raises:
        SpineError: manifold3d is not installed.
    """
    try:
        import manifold3d
    except ImportError as error:
        raise SpineError(
            "The package manifold3d is missing: install it (pip install manifold3d) to make models."
        ) from error
    mesh = manifold3d.Mesh64(np.ascontiguousarray(points, np.float64), np.ascontiguousarray(triangles, np.uint64))
    solid = manifold3d.Manifold(mesh)
    return None if solid.is_empty() else solid


def from_solid(solid) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) float64 and triangles (m, 3) int32 of a ``manifold3d.Manifold``."""
    mesh = solid.to_mesh64()
    return np.array(mesh.vert_properties)[:, :3], np.array(mesh.tri_verts).astype(np.int32).reshape(-1, 3)


def without_slivers(points: np.ndarray, triangles: np.ndarray, size_mm: float = 0.002) -> tuple[np.ndarray, np.ndarray]:
    """The surface without the triangles narrower than ``size_mm`` that cuts leave; its points are some of the old ones.

    A surface that is no manifold comes back as it is.
    """
    solid = to_solid(points, triangles)
    if solid is None:
        return points, triangles
    fewer = from_solid(solid.simplify(size_mm))
    return fewer if len(fewer[1]) else (points, triangles)
