"""Spinal canal of a trunk: sac, cord and roots, fat around them; and what leaves through the foramina."""

from __future__ import annotations

import numpy as np

from SpineLib.phantom.bone import capsule
from SpineLib.phantom.fields import curve
from SpineLib.phantom.trunk.soft import along
from SpineLib.phantom.trunk.space import Trunk
from SpineLib.phantom.trunk.stuff import Stuff

_CANAL = 5


def draw_foramina(trunk: Trunk) -> None:
    """Fat, root and vessels beside each disc; before the arches."""
    rng = trunk.rng
    for v in trunk.spine:
        a, b, h = v.half
        down = -h - 0.3 * v.disc_below
        centre = v.point(0, b + 4, down)
        extent = np.array([a + 14, 18, 18])
        box = trunk.box(centre - extent, centre + extent)
        if box is None:
            continue
        u, w_, w = trunk.local(box, v.centre, v.axes)
        points = (np.abs(u), w_, w)
        fat = capsule(points, (0.5 * a, b + 3, down), (a + 6, b + 3, down), rng.uniform(4, 6.5), (1, 1, 1.3)) < 0
        trunk.put(box, fat, Stuff.EPIDURAL_FAT)
        root = capsule(points, (0.5 * a, b + 4, down + 3), (a + 10, b + 1, down - 1), rng.uniform(1.8, 3.2)) < 0
        trunk.put(box, root, Stuff.NERVE)


def draw_canal(trunk: Trunk, middles: dict[str, tuple[float, float, float]], stenosis: float) -> None:
    """Draw the sac; after the arches, before discs and bodies.

    Args:
        trunk: drawn in place.
        middles: by level, v of the canal's middle, its half width and half depth, mm.
        stenosis: 0 to 1, how much discs and facets narrow it.
    """
    rng, spine = trunk.rng, trunk.spine
    n = len(trunk.zs)
    places, sizes = [], []
    for v in spine:
        middle, wide, deep = middles[v.level]
        if v.level[0] == "S":
            shrink = {"1": 0.9, "2": 0.65, "3": 0.45}.get(v.level[1], 0.3)
            wide, deep = wide * shrink, deep * shrink
        point = v.point(0, middle, 0)
        tilt = max(v.axes[2][2], 0.5)
        places.append((point[2], point[0], point[1]))
        sizes.append((point[2], wide, deep / tilt))
        if v.level[0] != "S" and stenosis > 0:
            disc = v.point(0, middle + 1, -v.half[2] - v.disc_below / 2)
            narrow = 1 - stenosis * rng.uniform(0, 1)
            sizes.append((disc[2], wide * narrow, deep / tilt * narrow))
    px = along(trunk, [(p[0], p[1]) for p in places])
    py = along(trunk, [(p[0], p[2]) for p in places]) + 0.5 * curve(rng, n, 12)
    wide = np.clip(along(trunk, [(s[0], s[1]) for s in sizes]), 1.5, None)
    deep = np.clip(along(trunk, [(s[0], s[2]) for s in sizes]), 1.5, None)
    z, y, x = trunk.open_grid
    row = lambda values: np.asarray(values, np.float32)[:, None, None]  # noqa: E731
    dx, dy = x - row(px), y - row(py)
    fat_back, fat_front = rng.uniform(1.15, 1.9), rng.uniform(1.05, 1.4)
    far = (dx / (1.12 * row(wide))) ** 2 + (dy / (np.where(dy > 0, fat_back, fat_front) * row(deep))) ** 2
    names = {v.level: v for v in spine}
    end = names["S2"].centre[2] + rng.normal(0, 12) if "S2" in names else -1e4
    everything = (slice(None),) * 3
    outer = (far < 1) & np.broadcast_to(z > end - 60, trunk.shape)
    outer &= trunk.stuff != Stuff.AIR
    trunk.put(everything, outer, Stuff.EPIDURAL_FAT)
    taper = row(np.clip((trunk.zs - end) / 18, 0.02, 1) ** 0.5)
    ring = (dx / (row(wide) * taper)) ** 2 + (dy / (row(deep) * taper)) ** 2
    sac = (ring < 1.1) & np.broadcast_to(z > end, trunk.shape)
    trunk.put(everything, sac, Stuff.LIGAMENT, _CANAL)
    trunk.put(everything, sac & (ring < 0.95), Stuff.CSF, _CANAL)
    highest = spine[-1].level
    conus = names["L1"].centre[2] + rng.normal(0, 14) if "L1" in names else (1e4 if highest[0] in "LS" else -1e4)
    size = np.clip((z - conus) / 25, 0, 1) ** 0.5 * rng.uniform(3.4, 5.2)
    size = np.minimum(size, 0.8 * row(np.minimum(wide, deep)))
    shift = row(deep) * np.float32(rng.normal(0, 0.18))
    cord = sac & ((dx / 1.3) ** 2 + (dy - shift) ** 2 < size**2)
    trunk.put(everything, cord, Stuff.CORD, _CANAL)
    # The roots of the cauda equina sink backwards: a grey band along the back of the sac.
    load = rng.uniform(0.2, 0.75)
    grain = trunk.field((14, 1.6, 2.5))
    behind = dy / row(deep) > rng.uniform(-0.2, 0.4)
    roots = sac & (ring < 0.9) & behind & (grain > 1.2 - 1.6 * load) & np.broadcast_to(z < conus + 15, trunk.shape)
    roots &= trunk.stuff == Stuff.CSF
    roots &= np.broadcast_to(z > end + 15, trunk.shape) | (grain > 1.2)
    trunk.put(everything, roots, Stuff.NERVE, _CANAL)
    if "S2" in names and rng.random() < 0.12:  # a cyst of a sacral root
        cyst = trunk.ball(
            names["S2"].point(rng.normal(0, 8), names["S2"].half[1] + 4, 0), rng.uniform((5,) * 3, (11,) * 3)
        )
        if cyst is not None:
            trunk.put(cyst[0], cyst[1] < 1, Stuff.CYST)
