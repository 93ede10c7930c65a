"""Triangles of a surface that pass through each other."""

from __future__ import annotations

import numpy as np

from SpineLib.geometry.triangles import crossed_corners
from SpineLib.mesh.boxes import BoxTree

_PORTION = 100_000
#: Intersections less deep are rounding, mm.
_DEPTH = 1e-4


def self_intersections(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Pairs (p, 2) of triangles that have more in common than the corners they share.

    All pairs whose boxes overlap are tested: triangles that share no corner, or one, intersect when an edge of one
    meets the other; those in one plane when no line separates them; those that share an edge when they are folded onto
    each other; those with the same three corners always. A pair counts when it still intersects with the
    sides of one of the two moved inwards by 0.1 micrometres: less is what rounding in files makes of flat faces.

    Args:
        points: (n, 3), each place once.
        triangles: (m, 3).
    """
    if not len(triangles):
        return np.zeros((0, 2), np.int64)
    corners = (points - points.mean(axis=0))[triangles]
    pairs = BoxTree(corners.min(axis=1), corners.max(axis=1)).overlapping_pairs()
    normals = crossed_corners(corners)
    found = [
        _meeting(corners, normals, triangles, pairs[start : start + _PORTION])
        for start in range(0, len(pairs), _PORTION)
    ]
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def _meeting(corners: np.ndarray, normals: np.ndarray, triangles: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Those of the pairs (k, 2) that intersect."""
    same = _same_corners(triangles, pairs)
    alike = pairs[np.any(same, axis=2).all(axis=1)]
    flat = np.ones(len(pairs), bool)
    for side in (0, 1):  # corners of one triangle against the plane of the other; most pairs end here
        heights, common = _heights(corners, normals, pairs, same, side)
        flat &= (heights == 0).all(axis=1)
        rising, falling = ((heights > 0) | common).all(axis=1), ((heights < 0) | common).all(axis=1)
        keep = ~rising & ~falling
        pairs, same, flat = pairs[keep], same[keep], flat[keep]
    shared = same.any(axis=2).sum(axis=1)
    hit = np.zeros(len(pairs), bool)
    edge = shared == 2  # only in one plane
    hit[edge] = np.einsum("ij,ij->i", *(normals[pairs[edge, side]] for side in (0, 1))) < 0
    plane = flat & ~edge
    hit[plane] = _overlap_in_plane(corners[pairs[plane, 0]], corners[pairs[plane, 1]])
    rest = np.flatnonzero(~flat & ~edge)
    # The shared corner becomes the first of both; without one nothing turns.
    first, second = (_turned(corners[pairs[rest, side]], np.any(same[rest], axis=2 - side)) for side in (0, 1))
    hit[rest] = _cross(first, second, shared[rest] == 1)
    return np.concatenate([alike, pairs[hit][_deeply(corners, pairs[hit])]])


def _deeply(corners: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Whether pairs (k, 2) intersect also when one of the two triangles is a little smaller."""
    full = [corners[pairs[:, side]] for side in (0, 1)]
    small = [_smaller(one) for one in full]
    result = np.zeros(len(pairs), bool)
    for first, second in ((full[0], small[1]), (small[0], full[1])):
        large = np.isfinite(first).all(axis=(1, 2)) & np.isfinite(second).all(axis=(1, 2))
        flat = large & ((_above(second, first) == 0).all(axis=1) | (_above(first, second) == 0).all(axis=1))
        result[flat] |= _overlap_in_plane(first[flat], second[flat])
        rest = large & ~flat
        result[rest] |= _cross(first[rest], second[rest], np.zeros(np.count_nonzero(rest), bool))
    return result


def _above(planes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Heights (k, 3) of triangles' corners above the planes of others, mm; 0 where they are less than rounding."""
    normal = crossed_corners(planes)
    heights = np.einsum("kcd,kd->kc", places - planes[:, :1], normal)
    heights /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    return np.where(np.abs(heights) < _DEPTH, 0.0, heights)


def _smaller(corners: np.ndarray) -> np.ndarray:
    """Triangles (k, 3, 3) with their sides moved inwards; nan where nothing would be left."""
    opposite = np.linalg.norm(np.roll(corners, -1, axis=1) - np.roll(corners, -2, axis=1), axis=2)
    around = np.maximum(opposite.sum(axis=1), 1e-30)
    middle = (opposite[:, :, None] * corners).sum(axis=1) / around[:, None]  # of the inscribed circle
    radius = np.linalg.norm(crossed_corners(corners), axis=1) / around
    share = np.where(radius > _DEPTH, _DEPTH / np.maximum(radius, 1e-30), np.nan)
    return corners + share[:, None, None] * (middle[:, None] - corners)


def _same_corners(triangles: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Whether corner a of a pair's first triangle is corner b of its second: (k, a, b)."""
    one, other = (triangles[pairs[:, side]] for side in (0, 1))
    return np.stack([one == other[:, [b]] for b in range(3)], axis=2)


def _heights(
    corners: np.ndarray, normals: np.ndarray, pairs: np.ndarray, same: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Heights (k, 3) of the corners of each pair's triangle ``side`` above the plane of the other one, 0 at corners
    that both have, and which these are."""
    moving, still = pairs[:, side], pairs[:, 1 - side]
    common = np.any(same, axis=2 - side)
    heights = np.einsum("kcd,kd->kc", corners[moving] - corners[still, :1], normals[still])
    heights[common] = 0.0
    return heights, common


def _turned(corners: np.ndarray, shared: np.ndarray) -> np.ndarray:
    by = np.where(shared.any(axis=1), shared.argmax(axis=1), 0)
    return np.take_along_axis(corners, ((np.arange(3) + by[:, None]) % 3)[:, :, None], axis=1)


def _cross(first: np.ndarray, second: np.ndarray, touching: np.ndarray) -> np.ndarray:
    """Whether triangles (k, 3, 3) that lie in different planes meet; ``touching`` ones share their first corners."""
    hit = np.zeros(len(first), bool)
    for edge in range(3):
        start, end = (edge + 1) % 3, (edge + 2) % 3
        asked = ~touching if edge else np.ones(len(first), bool)  # edge 0 lies opposite of the first corner
        for one, other in ((first, second), (second, first)):
            hit[asked] |= _pierces(one[asked, start], one[asked, end], other[asked])
    return hit


def _pierces(start: np.ndarray, end: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Whether segments (k, 3) meet triangles (k, 3, 3) that do not lie in one plane with them."""
    normal = crossed_corners(corners)
    from_start = np.einsum("ij,ij->i", start - corners[:, 0], normal)
    from_end = np.einsum("ij,ij->i", end - corners[:, 0], normal)
    through = (from_start * from_end <= 0) & (from_start != from_end)
    along = end - start
    sides = [
        np.einsum("ij,ij->i", along, np.cross(corners[:, n] - start, corners[:, (n + 1) % 3] - start)) for n in range(3)
    ]
    inside = ((sides[0] >= 0) & (sides[1] >= 0) & (sides[2] >= 0)) | (
        (sides[0] <= 0) & (sides[1] <= 0) & (sides[2] <= 0)
    )
    return through & inside


def _overlap_in_plane(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether triangles (k, 3, 3) of one plane have area in common: no line along a side of either separates them."""
    normal = crossed_corners(first)
    dropped = np.abs(normal).argmax(axis=1)
    kept = np.array([[1, 2], [2, 0], [0, 1]])[dropped]
    flat = [np.take_along_axis(corners, kept[:, None, :], axis=2) for corners in (first, second)]
    apart = np.zeros(len(first), bool)
    for corners in flat:
        side = np.roll(corners, -1, axis=1) - corners
        across = np.stack([-side[..., 1], side[..., 0]], axis=2)  # (k, side, 2)
        low, high = zip(
            *(
                (seen.min(axis=2), seen.max(axis=2))
                for seen in (np.einsum("ksd,kcd->ksc", across, other) for other in flat)
            ),
            strict=True,
        )
        apart |= ((high[0] <= low[1]) | (high[1] <= low[0])).any(axis=1)
    return ~apart
