"""Ribs, iliac bones and shoulder blades: bone on a CT of the spine that is no vertebra."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from SpineLib.phantom.ct.habitus import Habitus
from SpineLib.phantom.ct.lattice import Lattice
from SpineLib.phantom.ct.shapes import limb
from SpineLib.phantom.spine import Vertebra


def draw_other_bones(rng: np.random.Generator, lattice: Lattice, spine: list[Vertebra], habitus: Habitus) -> np.ndarray:
    """Signed distance (mm) to the nearest bone that is no vertebra; held at 30 far away."""
    distance = np.full(lattice.shape, 30, np.float32)
    for vertebra in spine:
        if vertebra.level.startswith("T"):
            for side in (-1, 1):
                _rib(rng, distance, lattice, vertebra, side, habitus)
    pelvis = [v for v in spine if v.level == "S1"]
    if pelvis:
        _ilium(rng, distance, lattice, pelvis[0], rng.uniform(0.9, 1.12))
    high = [v for v in spine if v.level == "T4"]
    if high:
        for side in (-1, 1):
            _scapula(rng, distance, lattice, high[0], side)
    return distance


def _rib(rng, distance, lattice: Lattice, vertebra: Vertebra, side: int, habitus: Habitus) -> None:
    """One rib from its head beside the body's upper edge, under the transverse process, then along the wall."""
    number = int(vertebra.level[1:])
    a, b, h = vertebra.half
    short = {11: 0.55, 12: 0.32}.get(number, 1.0)
    head = vertebra.point(side * (a + 3.2), 0.62 * b, 0.85 * h)
    neck = vertebra.point(side * (a + 13), b + 7, 0.75 * h)
    tubercle = vertebra.point(side * (a + 24), b + 13, 0.8 * h)
    centre = vertebra.centre
    fall = np.interp(number, [1, 6, 12], [12, 45, 50]) * rng.uniform(0.8, 1.2)
    turns = np.deg2rad(np.linspace(52, -80, 11)[: max(2, int(11 * short))])
    course = []
    for t in turns:
        z = centre[2] + 0.6 * h - fall * (52 - np.rad2deg(t)) / 90
        reach = _to_wall(lattice, habitus, centre[:2] + [0, -30], (side * np.cos(t), np.sin(t)), z)
        if reach is not None:
            course.append(np.array([*reach, z]))
    rise = rng.normal(0, 1.5)
    points = [head, neck, tubercle, *(p + np.array([0, 0, rise]) for p in course)]
    for n, (start, end) in enumerate(pairwise(points)):
        radii = (4.2, 4.2, 5.0) if n == 0 else (3.6, 3.8, 5.8)
        box = lattice.box(np.minimum(start, end) - 9, np.maximum(start, end) + 9)
        if box is None:
            continue
        inner = lattice.part(box).places()
        distance[box] = np.minimum(distance[box], limb(inner, start, end, radii))


def _to_wall(lattice: Lattice, habitus: Habitus, centre, way, z: float) -> tuple[float, float] | None:
    """Where a ray from ``centre`` along ``way`` meets the wall of the chest; None where it leaves the lattice first."""
    k = int(np.clip(np.rint((z - lattice.zs[0]) / lattice.step[0]), 0, len(lattice.zs) - 1))
    far = np.arange(20.0, 190.0, 1.5)
    x, y = centre[0] + far * way[0], centre[1] + far * way[1]
    i, j = (np.rint((p - axis[0]) / (axis[1] - axis[0])).astype(int) for p, axis in ((x, lattice.xs), (y, lattice.ys)))
    seen = (i >= 0) & (i < len(lattice.xs)) & (j >= 0) & (j < len(lattice.ys))
    outside = np.flatnonzero(habitus.cavity[k, j[seen], i[seen]] > -3)
    if not len(outside) or outside[0] == 0:
        return None
    return float(x[seen][outside[0]]), float(y[seen][outside[0]])


def _sheet(distance, lattice: Lattice, points: np.ndarray, thick, low: np.ndarray, high: np.ndarray) -> None:
    """Join a plate that stands on a line of (x, y) points; each point has its thickness and its lowest, highest z."""
    for n in range(len(points) - 1):
        (x0, y0), (x1, y1) = points[n], points[n + 1]
        bottom, top = min(low[n : n + 2]), max(high[n : n + 2])
        box = lattice.box(
            (min(x0, x1) - 14, min(y0, y1) - 14, bottom - 6), (max(x0, x1) + 14, max(y0, y1) + 14, top + 6)
        )
        if box is None:
            continue
        x, y, z = lattice.part(box).places()
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        half = 0.5 * (thick[n] + t * (thick[n + 1] - thick[n]))
        side = np.sqrt((x - x0 - t * dx) ** 2 + (y - y0 - t * dy) ** 2) - half
        above = z - (high[n] + t * (high[n + 1] - high[n]))
        below = (low[n] + t * (low[n + 1] - low[n])) - z
        distance[box] = np.minimum(distance[box], np.maximum(np.maximum(side, above), below))


def _ilium(rng, distance, lattice: Lattice, sacrum: Vertebra, size: float) -> None:
    x0, y0, z0 = sacrum.centre
    for side in (-1, 1):
        line = np.array([(40, 52), (54, 34), (66, 12), (88, -8), (108, -30), (122, -56)], float) * size
        line += rng.normal(0, 1.5, line.shape)
        points = np.column_stack([x0 + side * line[:, 0], y0 + line[:, 1]])
        thick = np.array([13, 15, 12, 9, 9, 13]) * rng.uniform(0.85, 1.15)
        high = z0 + np.array([2, 18, 34, 46, 40, 12]) * size + rng.normal(0, 2, 6)
        low = z0 - np.array([34, 62, 75, 90, 95, 60]) * size
        _sheet(distance, lattice, points, thick, low, high)


def _scapula(rng, distance, lattice: Lattice, vertebra: Vertebra, side: int) -> None:
    x0, y0, z0 = vertebra.centre
    line = np.array([(62, 34), (82, 32), (104, 16), (124, -2)], float) + rng.normal(0, 4, 2)
    points = np.column_stack([x0 + side * line[:, 0], y0 + line[:, 1]])
    _sheet(distance, lattice, points, np.array([4, 3, 3.5, 12.0]), z0 + np.array([-70, -80, -30, -5.0]),
           z0 + np.array([25, 40, 45, 40.0]))  # fmt: skip
