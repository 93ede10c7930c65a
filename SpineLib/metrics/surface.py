"""Distances from surface to surface, to the nearest triangle, and statistics of them weighted by area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SpineLib.geometry.shape import Surface

#: Of so many nearest corners all triangles are looked at.
_CORNERS = 2
#: Pairs of point and triangle at a time: their numbers stay in the processor's cache.
_PORTION = 8_000
#: Leaves of the search tree; surfaces are thin, so that large ones without tight boxes are searched fastest.
_TREE = {"leafsize": 64, "balanced_tree": False, "compact_nodes": False}


def distances_to(points: np.ndarray, surface: Surface) -> np.ndarray:
    """Distance in mm (n,) of points (n, 3), LPS mm, to the nearest point of a surface's triangles.

    The nearest triangle is looked for among those around the two nearest corners, which on the surfaces of masks is
    right to about a fiftieth of a voxel.

    Raises:
        ValueError: the surface is empty.
    """
    from scipy.spatial import cKDTree

    if not len(surface.triangles):
        raise ValueError("the surface has no triangles")
    around = _triangles_around(surface)
    count = min(_CORNERS, len(surface.points))
    nearest = cKDTree(surface.points, **_TREE).query(points, k=count)[1]
    candidates = around[nearest.reshape(len(points), -1)].reshape(len(points), -1)
    result = np.empty(len(points), np.float32)
    portion = max(1, _PORTION // candidates.shape[1])
    corners = [np.ascontiguousarray(surface.points[surface.triangles[:, n]].T) for n in range(3)]
    for start in range(0, len(points), portion):
        part = slice(start, start + portion)
        result[part] = _nearest_squared(np.asarray(points[part], np.float32), corners, candidates[part])
    return np.sqrt(result)


def _triangles_around(surface: Surface) -> np.ndarray:
    """Triangles at each point, (n, most); where a point has fewer, its first one is repeated."""
    flat = surface.triangles.ravel()
    order = np.argsort(flat, kind="stable")
    count = np.bincount(flat, minlength=len(surface.points))
    first = np.cumsum(count) - count
    column = np.minimum(np.arange(count.max())[None], np.maximum(count - 1, 0)[:, None])
    return (order // 3)[np.minimum(first[:, None] + column, len(order) - 1)]


def _nearest_squared(points: np.ndarray, corners: list[np.ndarray], candidates: np.ndarray) -> np.ndarray:
    """Squared distance (n,) of points (n, 3) to the nearest of their candidate triangles (n, k).

    A triangle's nearest point is the foot on its plane where that lies inside, else on one of its sides.
    """
    ax, ay, az = (corners[0][axis][candidates] for axis in range(3))
    ux, uy, uz = (corners[1][axis][candidates] - a for axis, a in enumerate((ax, ay, az)))
    vx, vy, vz = (corners[2][axis][candidates] - a for axis, a in enumerate((ax, ay, az)))
    px, py, pz = (points[:, axis, None] - a for axis, a in enumerate((ax, ay, az)))
    uu, vv, uv = ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz, ux * vx + uy * vy + uz * vz
    pu, pv, pp = px * ux + py * uy + pz * uz, px * vx + py * vy + pz * vz, px * px + py * py + pz * pz
    tiny = np.float32(1e-20)
    # sides a-b, a-c, b-c: the parameter along each, clipped to it
    s = np.clip(pu / np.maximum(uu, tiny), 0, 1)
    best = pp + s * (s * uu - 2 * pu)
    t = np.clip(pv / np.maximum(vv, tiny), 0, 1)
    best = np.minimum(best, pp + t * (t * vv - 2 * pv))
    ww, qq, qw = uu + vv - 2 * uv, pp + uu - 2 * pu, pv - pu - uv + uu
    r = np.clip(qw / np.maximum(ww, tiny), 0, 1)
    best = np.minimum(best, qq + r * (r * ww - 2 * qw))
    determinant = np.maximum(uu * vv - uv * uv, tiny)
    s, t = (vv * pu - uv * pv) / determinant, (uu * pv - uv * pu) / determinant
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    height = px * nx + py * ny + pz * nz
    inside = (s >= 0) & (t >= 0) & (s + t <= 1) & (determinant > tiny)
    best = np.where(inside, height * height / determinant, best)
    return np.maximum(best.min(axis=1), 0)


def weighted_percentiles(values: np.ndarray, weights: np.ndarray, percents) -> np.ndarray:
    """Values below which so many per cent of the weight lie; the ends are the smallest and the largest value."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    middles = (below - 0.5 * weights[order]) / max(float(below[-1]), 1e-30)
    return np.interp(np.asarray(percents, float) / 100, middles, values[order])


@dataclass(frozen=True)
class SurfaceDistances:
    """How far two surfaces are from each other, mm, weighted by area (as Nikolov et al. 2021, J Med Internet Res).

    Attributes:
        hausdorff: the largest distance of a point of one surface from the other surface.
        hausdorff95: the larger of the two surfaces' 95 % percentiles of that distance.
        average_symmetric: mean of the distance over both surfaces together.
    """

    hausdorff: float
    hausdorff95: float
    average_symmetric: float


def summarise(
    first: np.ndarray, first_areas: np.ndarray, second: np.ndarray, second_areas: np.ndarray
) -> SurfaceDistances:
    """Of the distances of each surface's points to the other, and the areas that belong to the points."""
    total = float(first_areas.sum() + second_areas.sum())
    return SurfaceDistances(
        hausdorff=float(max(first.max(), second.max())),
        hausdorff95=float(
            max(weighted_percentiles(first, first_areas, 95), weighted_percentiles(second, second_areas, 95))
        ),
        average_symmetric=float((first @ first_areas + second @ second_areas) / max(total, 1e-30)),
    )
