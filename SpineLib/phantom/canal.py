"""The spinal canal and what runs in it and out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from SpineLib.phantom.bone import capsule
from SpineLib.phantom.fields import curve
from SpineLib.phantom.grid import Grid
from SpineLib.phantom.spine import LEVELS, Vertebra
from SpineLib.phantom.tissues import Tissue


@dataclass
class CanalPath:
    """Centre (x, y) and half axes (to the side, to the front) of the dural sac for each row of the grid, mm."""

    x: np.ndarray
    y: np.ndarray
    wide: np.ndarray
    deep: np.ndarray
    #: Centre of the bodies for each row, and half depth and half width of the body there.
    body_x: np.ndarray
    body_y: np.ndarray
    body_deep: np.ndarray
    body_wide: np.ndarray

    @staticmethod
    def along(spine: list[Vertebra], grid: Grid, rng: np.random.Generator) -> CanalPath:
        deep0, wide0 = rng.uniform(5.5, 8.5), rng.uniform(7.5, 11.0)
        rows = []
        for v in spine:
            sacral = v.level in LEVELS[-4:]
            shrink = 0.55 if sacral else 0.85 if v.level[0] != "L" else 1.0
            centre = v.point(0, v.half[1] + deep0 * shrink + 1.5, 0)
            tilt = max(v.axes[2][2], 0.55)
            rows.append(
                (
                    centre[2],
                    centre[0],
                    centre[1],
                    wide0 * shrink,
                    deep0 * shrink / tilt,
                    v.centre[2],
                    v.centre[0],
                    v.centre[1],
                    v.half[1],
                    v.half[0],
                )
            )
        table = np.array(sorted(rows))
        z = grid.zs
        take = lambda key, column: _follow(z, table[:, key], table[:, column])  # noqa: E731
        order = np.argsort(table[:, 5])
        rows5 = table[order]
        body = lambda column: _follow(z, rows5[:, 5], rows5[:, column])  # noqa: E731
        wobble = 0.5 * curve(rng, len(z), 12)
        return CanalPath(
            take(0, 1), take(0, 2) + wobble * 0.6, take(0, 3), take(0, 4) + wobble, body(6), body(7), body(8), body(9)
        )


def _follow(z, places, values) -> np.ndarray:
    """Smooth curve through values at increasing places; constant beyond the ends."""
    kept = np.concatenate([[True], np.diff(places) > 0.5])
    return PchipInterpolator(places[kept], values[kept])(np.clip(z, places[kept][0], places[kept][-1]))


def draw_canal(rng, grid: Grid, spine: list[Vertebra], path: CanalPath, labels, vertebrae) -> None:
    """Dural sac with CSF, epidural fat around it, cord or cauda equina inside; carves the posterior bone."""
    low = int(np.clip(np.searchsorted(grid.ys, path.y.min() - 2 * path.deep.max()), 0, len(grid.ys)))
    high = int(np.clip(np.searchsorted(grid.ys, path.y.max() + 2.4 * path.deep.max()), 0, len(grid.ys)))
    x = grid.xs.astype(np.float32)[:, None, None] - path.x.astype(np.float32)[None, :, None]
    y = grid.ys[low:high].astype(np.float32)[None, None, :] - path.y.astype(np.float32)[None, :, None]
    wide, deep = (p.astype(np.float32)[None, :, None] for p in (path.wide, path.deep))
    ring = (x / wide) ** 2 + (y / deep) ** 2
    part, bones = labels[:, :, low:high], vertebrae[:, :, low:high]
    fat_back = rng.uniform(1.2, 1.6)
    outer = (
        np.where(
            y > 0,
            (x / (1.1 * wide)) ** 2 + (y / (fat_back * deep)) ** 2,
            (x / (1.15 * wide)) ** 2 + (y / (1.25 * deep)) ** 2,
        )
        < 1
    )
    part[outer] = Tissue.EPIDURAL_FAT
    bones[outer] = 0
    part[(ring > 0.93) & (ring < 1.12)] = Tissue.LIGAMENT  # the dura
    part[ring <= 1] = Tissue.CSF
    conus = next((v.centre[2] for v in spine if v.level == "L1"), None)
    if conus is None:
        conus = 1e6 if spine[0].level[0] in "LS" and LEVELS.index(spine[-1].level) > LEVELS.index("L1") else -1e6
    conus += rng.normal(0, 12)
    z = grid.zs.astype(np.float32)[None, :, None]
    cord = np.clip((z - np.float32(conus)) / 25.0, 0, 1) ** 0.5 * np.float32(rng.uniform(3.6, 5.0))
    shift = np.float32(0.15) * deep * np.float32(rng.normal(0, 1))
    part[(x / 1.25) ** 2 + (y - shift) ** 2 < cord**2] = Tissue.CORD
    n = len(grid.zs)
    for _ in range(int(rng.integers(8, 16))):  # roots of the cauda equina
        angle, reach = rng.uniform(0.05, 0.95) * np.pi, rng.uniform(0.3, 0.85)
        px = (reach * np.cos(angle) * path.wide + 0.5 * curve(rng, n, 10)).astype(np.float32)[None, :, None]
        py = (reach * np.sin(angle) * path.deep * rng.uniform(0.4, 1) + 0.5 * curve(rng, n, 10)).astype(np.float32)[
            None, :, None
        ]
        end = z > np.float32(conus - rng.uniform(60, 220))
        part[
            ((x - px) ** 2 + (y - py) ** 2 < np.float32(rng.uniform(0.5, 1.0)) ** 2)
            & (z < np.float32(conus + 20))
            & end
        ] = Tissue.NERVE


def draw_foramina(rng, grid: Grid, spine: list[Vertebra], path: CanalPath, labels) -> None:
    """Fat, root and vessels where the nerves leave, on both sides of each disc."""
    for v in spine:
        a, b, h = v.half
        below = -h - 0.3 * v.disc_below
        centre = v.point(0, b + 4, below)
        extent = np.array([a + 14, 18, 18])
        box = grid.box(centre - extent, centre + extent)
        if box is None:
            continue
        u, vv, w = grid.local(box, v.centre, v.axes)
        points = (np.abs(u), vv, w)
        part = labels[box]
        part[capsule(points, (0.5 * a, b + 3, below), (a + 6, b + 3, below), 5.5, (1, 1, 1.3)) < 0] = (
            Tissue.EPIDURAL_FAT
        )
        root = rng.uniform(1.8, 3.2)
        part[capsule(points, (0.5 * a, b + 4, below + 3), (a + 10, b + 1, below - 1), root) < 0] = Tissue.NERVE
        part[capsule(points, (0.6 * a, b + 1, below), (a + 5, b + 1, below), rng.uniform(0.6, 1.4)) < 0] = Tissue.BLOOD
