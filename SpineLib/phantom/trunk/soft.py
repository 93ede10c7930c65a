"""Soft tissue of a trunk: muscles, fat, vessels, organs of belly and chest, skin and air; drawn first."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from SpineLib.phantom.fields import curve
from SpineLib.phantom.trunk.space import Trunk
from SpineLib.phantom.trunk.stuff import Stuff


def along(trunk: Trunk, pairs) -> np.ndarray:
    """Smooth curve over the grid's heights through (z, value) pairs; constant beyond them."""
    table = np.array(sorted(pairs))
    kept = np.concatenate([[True], np.diff(table[:, 0]) > 0.5])
    table = table[kept]
    return PchipInterpolator(table[:, 0], table[:, 1])(np.clip(trunk.zs, table[0, 0], table[-1, 0]))


def draw_soft(trunk: Trunk) -> None:
    """Fill the whole map; the column is drawn over it."""
    rng, spine = trunk.rng, trunk.spine
    n = len(trunk.zs)
    z, y, x = trunk.open_grid
    row = lambda values: np.asarray(values, np.float32)[:, None, None]  # noqa: E731
    names = {v.level: v for v in spine}
    cx = along(trunk, [(v.centre[2], v.centre[0]) for v in spine])
    front = along(trunk, [(v.centre[2], v.point(0, -v.half[1], 0)[1]) for v in spine])
    back = along(trunk, [(v.centre[2], v.point(0, v.half[1] + 16, 0)[1]) for v in spine])
    wide = along(trunk, [(v.centre[2], v.half[0]) for v in spine])
    scale = float(np.clip(rng.lognormal(0, 0.45), 0.35, 2.6))  # of body fat
    muscle = np.clip(rng.uniform(26, 46) + 4 * curve(rng, n, 6), 18, None)
    fat = np.clip(rng.uniform(8, 28) * scale + 5 * curve(rng, n, 5), 3, None)
    skin = back + muscle + fat
    if "S1" in names:  # buttocks and the hollow above them
        low = np.exp(-(((trunk.zs - names["S1"].centre[2] + rng.uniform(40, 90)) / 60) ** 2))
        skin = skin + low * rng.uniform(-10, 30)
    depth = rng.uniform(85, 190) * (0.8 + 0.2 * scale)
    wall = front.mean() - depth + 14 * curve(rng, n, 5)
    stuff = trunk.stuff
    stuff[:] = _organs(trunk, row(front), names)
    belly = rng.uniform(6, 30) * scale
    streak = trunk.field((16, 5, 8))
    fatty = rng.uniform(0.4, 2.4)
    wall3 = row(wall) + 3 * streak
    _where(stuff, y < wall3 + belly + rng.uniform(6, 12), Stuff.MUSCLE)
    _where(stuff, y < wall3 + belly, Stuff.SUBCUTANEOUS_FAT)
    _where(stuff, y < wall3 + 2, Stuff.MUSCLE)  # skin
    _where(stuff, y < wall3, Stuff.AIR)
    side = np.abs(x - row(cx))
    # Psoas, the muscles behind, and the fat between them and around the bodies.
    begin = front + rng.uniform(-8, 6)
    psoas = (y > row(begin)) & (side > row(wide * rng.uniform(0.7, 0.95)))
    muscles = np.where(streak > fatty, np.uint8(Stuff.VISCERAL_FAT), np.uint8(Stuff.MUSCLE))
    stuff[np.broadcast_to(psoas, stuff.shape)] = muscles[np.broadcast_to(psoas, stuff.shape)]
    behind = np.broadcast_to(y > row(back - 8), stuff.shape)
    low_back = row(np.clip(-(trunk.zs - (names["L4"].centre[2] if "L4" in names else -1e3)) / 60, 0, 1))
    rest = streak > fatty - rng.uniform(0, 0.8) - rng.uniform(0, 1.6) * low_back
    mixed = np.where(rest, np.uint8(rng.choice([Stuff.SUBCUTANEOUS_FAT, Stuff.FATTY_MUSCLE])), np.uint8(Stuff.MUSCLE))
    stuff[behind] = mixed[behind]
    midline = (side < row(3 + 1.5 * curve(rng, n, 14))) & (y > row(back - 4))
    inter = np.where(streak > rng.uniform(-1, 1), np.uint8(Stuff.EPIDURAL_FAT), np.uint8(Stuff.LIGAMENT))
    stuff[np.broadcast_to(midline, stuff.shape)] = inter[np.broadcast_to(midline, stuff.shape)]
    gap = rng.uniform(1, 9)
    _where(stuff, (y < row(front)) & (y > row(front - gap)) & (y > wall3 + 20), Stuff.VISCERAL_FAT)
    _vessels(trunk, front, cx, z, y, x)
    skin3 = row(skin) + 2 * streak
    _where(stuff, y > skin3 - row(fat), Stuff.SUBCUTANEOUS_FAT)
    _where(stuff, (y > skin3 - row(fat)) & (y < skin3 - row(fat) + 1.6), Stuff.LIGAMENT)
    _where(stuff, y > skin3 - 2, Stuff.MUSCLE)
    _where(stuff, y > skin3, Stuff.AIR)
    flank = rng.uniform(140, 220)
    _where(stuff, side > flank, Stuff.AIR)


def _where(stuff: np.ndarray, where: np.ndarray, value) -> None:
    stuff[np.broadcast_to(where, stuff.shape)] = value


def _organs(trunk: Trunk, front, names) -> np.ndarray:
    rng = trunk.rng
    z, y, x = trunk.open_grid
    large, small, loops = trunk.field((45, 40, 40)), trunk.field(11), trunk.field((22, 20, 22))
    out = np.full(trunk.shape, Stuff.VISCERAL_FAT, np.uint8)
    thin = rng.uniform(-0.5, 0.6)
    inside = loops > 0.25 + thin
    content = rng.choice([Stuff.STOOL, Stuff.BOWEL_FLUID, Stuff.BOWEL_MIXED, Stuff.GAS], p=[0.35, 0.25, 0.3, 0.1])
    out[inside] = Stuff.BOWEL_WALL
    out[loops > 0.42 + thin] = content
    out[(loops > 0.5 + thin) & (small > rng.uniform(0, 1.5))] = rng.choice([Stuff.GAS, Stuff.BOWEL_FLUID, Stuff.STOOL])
    out[(loops < -1.0) & (small > 0.9)] = Stuff.BLOOD
    out[(loops < -0.6) & (np.abs(small) < 0.08)] = Stuff.MUSCLE
    upper = names["L1"].centre[2] if "L1" in names else None
    lowest, highest = trunk.spine[0], trunk.spine[-1]
    if upper is None:
        upper = -1e4 if lowest.level[0] in "TC" else 1e4
    liver = np.broadcast_to((z > upper - 30 + 20 * large) & (y < front - 12), out.shape)
    out[liver] = Stuff.LIVER if rng.random() < 0.7 else Stuff.SPLEEN
    if rng.random() < 0.6:  # bowel and stomach reach up in front of it
        stomach = liver & (loops > 0.3)
        out[stomach] = Stuff.BOWEL_WALL
        out[liver & (loops > 0.5)] = rng.choice([Stuff.STOOL, Stuff.BOWEL_FLUID, Stuff.GAS])
    if "T11" in names:
        chest = names["T11"].centre[2] + rng.uniform(-25, 25)
    else:
        chest = 1e4 if highest.level[0] in "LS" else -1e4
    above = np.broadcast_to(z > chest + 12 * large + 0.4 * (front - y), out.shape)
    out[above] = Stuff.LUNG
    out[above & (large > 0.5)] = Stuff.BLOOD
    out[above & (large > 0.3) & (large < 0.5)] = Stuff.MUSCLE
    out[above & (small > 1.6)] = Stuff.FLOW_VOID
    if "C7" in names:  # the neck: no lung above the first rib
        neck = np.broadcast_to(z > names["C7"].centre[2] - rng.uniform(0, 25), out.shape)
        middle = np.abs(x - trunk.spine[-1].centre[0]) < 10
        throat = np.broadcast_to((y > front - rng.uniform(14, 26)) & (y < front - 6) & middle, out.shape)
        out[neck] = np.where(small[neck] > 0.3, np.uint8(Stuff.VISCERAL_FAT), np.uint8(Stuff.MUSCLE))
        out[neck & throat] = Stuff.GAS
    for sign in (-1, 1):  # kidneys
        if "L2" not in names or rng.random() < 0.1:
            continue
        place = names["L2"].centre + [sign * rng.uniform(52, 68), rng.uniform(0, 18), rng.uniform(-15, 25)]
        found = trunk.ball(place, rng.uniform((20, 22, 45), (27, 30, 60)), rough=0.1)
        if found is not None:
            out[found[0]][found[1] < 1] = Stuff.KIDNEY
            out[found[0]][found[1] < 0.2] = Stuff.VISCERAL_FAT
            if rng.random() < 0.25:
                cyst = trunk.ball(place + rng.normal(0, 15, 3), rng.uniform((6, 6, 6), (22, 22, 22)))
                if cyst is not None:
                    out[cyst[0]][cyst[1] < 1] = Stuff.CYST
    return out


def _vessels(trunk: Trunk, front, cx, z, y, x) -> None:
    """Aorta to the left, cava to the right, parting above the promontory."""
    rng, n = trunk.rng, len(trunk.zs)
    row = lambda values: np.asarray(values, np.float32)[:, None, None]  # noqa: E731
    fork = next((v.centre[2] + rng.uniform(-20, 10) for v in trunk.spine if v.level == "L4"), None)
    if fork is None:
        fork = -1e4
    apart = np.clip((fork - trunk.zs) / 45, 0, 2.2)
    for sign, radius, flat in ((1, rng.uniform(7, 12), 1.0), (-1, rng.uniform(8, 13), rng.uniform(0.5, 1))):
        if sign < 0 and trunk.spine[-1].level[0] == "C" and trunk.spine[0].level[0] != "L":
            continue
        stuff = rng.choice([Stuff.FLOW_VOID, Stuff.FLOW_VOID, Stuff.BLOOD])
        shrink = np.where(trunk.zs < fork, 0.65, 1.0)
        tube_x = row(cx + sign * rng.uniform(4, 16) + 3 * curve(rng, n, 5) + sign * apart * 14)
        tube_y = row(front - radius * flat - rng.uniform(1, 7) + 2 * curve(rng, n, 5) - apart * rng.uniform(-4, 10))
        r = row(radius * shrink)
        tube = ((x - tube_x) / r) ** 2 + ((y - tube_y) / (r * flat)) ** 2
        below = np.broadcast_to(z > fork - 100, trunk.shape)
        trunk.stuff[(tube < 1.25) & below] = Stuff.LIGAMENT
        trunk.stuff[(tube < 1.0) & below] = stuff
