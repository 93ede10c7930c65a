"""Bodies of known volume and thickness as triangles, and a simple vertebra as a mask."""

from __future__ import annotations

import numpy as np

from SpineLib.volume import Volume


def vertebra(on: Volume) -> Volume:
    """A mask of a body of 36 x 28 x 24 mm with an arch around a canal of 20 x 16 mm behind it; its middle is that of
    the grid, whose axes are those of the vertebra (to the left, backwards, upwards)."""
    k, j, i = np.meshgrid(
        *((np.arange(count) - (count - 1) / 2) * side for count, side in zip(on.shape, on.spacing[::-1], strict=True)),
        indexing="ij",
    )
    x, y, z = i, j + 14, k
    canal = (x / 10) ** 2 + ((y - 21) / 8) ** 2 <= 1
    body = ((x / 18) ** 4 + (y / 14) ** 4 <= 1) & (np.abs(z) <= 12)
    arch = ((x / 15) ** 2 + ((y - 21) / 13) ** 2 <= 1) & (np.abs(z - 2) <= 8) & (y > 10)
    process = (np.abs(x) <= 4) & (y > 30) & (y < 46) & (np.abs(z) <= 6)
    return on.with_array(((body | arch | process) & ~canal).astype(np.uint8))


def box(low, high) -> tuple[np.ndarray, np.ndarray]:
    """A box as 8 points and 12 triangles."""
    points = np.array(
        [[x, y, z] for z in (low[2], high[2]) for y in (low[1], high[1]) for x in (low[0], high[0])], float
    )
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    return points, np.array([corners for a, b, c, d in quads for corners in ((a, b, c), (a, c, d))], np.int32)


def together(*meshes) -> tuple[np.ndarray, np.ndarray]:
    """Several meshes as one, points in the same place as one."""
    from SpineLib.mesh.topology import merged

    points, triangles, count = [], [], 0
    for corners, faces in meshes:
        points.append(corners)
        triangles.append(faces + count)
        count += len(corners)
    return merged(np.concatenate(points), np.concatenate(triangles))


def sphere(radius: float, rings: int = 24, centre=(0.0, 0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    """A sphere as triangles between circles of latitude."""
    angles = np.linspace(0, np.pi, rings + 1)[1:-1]
    turn = np.arange(2 * rings) * np.pi / rings
    points = [
        [0, 0, radius],
        *(
            [radius * np.sin(a) * np.cos(t), radius * np.sin(a) * np.sin(t), radius * np.cos(a)]
            for a in angles
            for t in turn
        ),
        [0, 0, -radius],
    ]
    n, triangles = 2 * rings, []
    for i in range(n):
        nxt = (i + 1) % n
        triangles.append((0, 1 + i, 1 + nxt))
        for ring in range(rings - 2):
            a, b = 1 + ring * n, 1 + (ring + 1) * n
            triangles += [(a + i, b + i, b + nxt), (a + i, b + nxt, a + nxt)]
        last = 1 + (rings - 2) * n
        triangles.append((last + i, len(points) - 1, last + nxt))
    return np.array(points) + np.asarray(centre, float), np.array(triangles, np.int32)
