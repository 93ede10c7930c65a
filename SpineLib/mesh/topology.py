"""How triangles hang together: edges, fans, shells, volumes. All functions are pure, on points and triangles.

Points are (n, 3) float64 in LPS mm; triangles (m, 3) whole numbers, corners counterclockwise seen from outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True, eq=False)
class Edges:
    """The edges of a mesh, each once whatever its direction.

    Attributes:
        corners: (e, 2), the smaller index first.
        uses: (e,), how many triangles have the edge: 2 in a closed surface without forks.
        same_way: (e,), whether two triangles run through it in one direction: their windings disagree.
        of_triangle: (m, 3), the edge from corner c of a triangle to its next corner.
    """

    corners: np.ndarray
    uses: np.ndarray
    same_way: np.ndarray
    of_triangle: np.ndarray


def edges_of(triangles: np.ndarray, count: int) -> Edges:
    """The edges of triangles among ``count`` points."""
    start, end = triangles.astype(np.int64), np.roll(triangles, -1, axis=1).astype(np.int64)
    keys, inverse, uses = np.unique(
        (np.minimum(start, end) * count + np.maximum(start, end)).ravel(), return_inverse=True, return_counts=True
    )
    forward = np.bincount(inverse, (start < end).ravel(), minlength=len(keys))
    return Edges(
        np.stack([keys // count, keys % count], axis=1),
        uses,
        (uses == 2) & (forward != 1),
        inverse.reshape(triangles.shape),
    )


def fans(triangles: np.ndarray, edges: Edges) -> np.ndarray:
    """Which fan each corner of each triangle (m, 3) belongs to.

    A fan is a set of triangles around a point that hang together by edges at that point. In a manifold every point has
    exactly one; a point with two is where two parts touch.
    """
    size = triangles.size
    corner = np.arange(size).reshape(triangles.shape)
    # Corners of two triangles meet when they share an edge that begins or ends at the same point.
    order = np.argsort(edges.of_triangle.ravel(), kind="stable")
    edge = edges.of_triangle.ravel()[order]
    one, other = order[:-1][edge[1:] == edge[:-1]], order[1:][edge[1:] == edge[:-1]]
    point = triangles.ravel()
    following = np.roll(corner, -1, axis=1).ravel()
    pairs = []
    for first in (one, following[one]):
        for second in (other, following[other]):
            same = point[first] == point[second]
            pairs.append((first[same], second[same]))
    rows, columns = (np.concatenate(side) for side in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), (size, size))
    return connected_components(graph, directed=False)[1].reshape(triangles.shape)


def forked_points(triangles: np.ndarray, edges: Edges, count: int) -> np.ndarray:
    """Whether a point (n,) has more than one fan of triangles, so that the surface forks or touches itself there."""
    fan = fans(triangles, edges)
    first = np.full(count, -1)
    first[triangles.ravel()] = fan.ravel()
    forked = np.zeros(count, bool)
    forked[triangles.ravel()[first[triangles.ravel()] != fan.ravel()]] = True
    return forked


def shells_of(triangles: np.ndarray, count: int) -> np.ndarray:
    """The shell (m,) that each triangle belongs to, numbered from 0; shells share no point."""
    rows = np.concatenate([triangles[:, 0], triangles[:, 1]])
    columns = np.concatenate([triangles[:, 1], triangles[:, 2]])
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), (count, count))
    label = connected_components(graph, directed=False)[1][triangles[:, 0]]
    return np.unique(label, return_inverse=True)[1]


def merged(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points in the same place as one, as the reader of an STL sees them; triangles without area by that, and points
    without a triangle, are left out."""
    places, inverse = np.unique(points + 0.0, axis=0, return_inverse=True)  # + 0.0: -0 and 0 are one place
    triangles = inverse.reshape(-1)[triangles]
    distinct = (
        (triangles[:, 0] != triangles[:, 1])
        & (triangles[:, 1] != triangles[:, 2])
        & (triangles[:, 2] != triangles[:, 0])
    )
    return without_loose_points(places, triangles[distinct])


def without_loose_points(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Only the points that triangles use; triangles int32."""
    used = np.zeros(len(points), bool)
    used[triangles.ravel()] = True
    number = np.cumsum(used) - 1
    return points[used], number[triangles].reshape(-1, 3).astype(np.int32)


def winding_numbers(places: np.ndarray, points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """How often the surface goes round each place (k,): 1 inside, 0 outside (sum of solid angles: van Oosterom and
    Strackee 1983, IEEE TBME 30(2)). For few places; the cost is places times triangles."""
    found = np.empty(len(places))
    for number, place in enumerate(places):
        a, b, c = (points[triangles[:, n]] - place for n in range(3))
        la, lb, lc = (np.linalg.norm(side, axis=1) for side in (a, b, c))
        determinant = np.einsum("ij,ij->i", a, np.cross(b, c))
        below = (
            la * lb * lc
            + np.einsum("ij,ij->i", a, b) * lc
            + np.einsum("ij,ij->i", b, c) * la
            + np.einsum("ij,ij->i", c, a) * lb
        )
        found[number] = np.arctan2(determinant, below).sum() / (2 * np.pi)
    return found
