"""The pelvis: rectum, bladder, womb or prostate, hip bones, pubis; the places of most false alarms of a spine."""

from __future__ import annotations

import itertools

import numpy as np

from SpineLib.phantom.trunk.space import Trunk
from SpineLib.phantom.trunk.stuff import Stuff

_OTHER_BONE = 6


def draw_pelvic_organs(trunk: Trunk) -> None:
    """Organs in front of the sacrum; before the bones."""
    rng, names = trunk.rng, {v.level: v for v in trunk.spine}
    if "S1" not in names:
        return
    s1 = names["S1"].centre
    # Below the promontory the pelvis is a bowl of fat with loops in it, ahead of the sacrum.
    low = names.get("S3", trunk.spine[0]).centre
    bowl = trunk.ball(s1 + [0, -rng.uniform(55, 80), -rng.uniform(50, 75)], (75, 75, rng.uniform(45, 70)), rough=0.1)
    if bowl is not None and rng.random() < 0.8:
        where = (bowl[1] < 1) & (trunk.stuff[bowl[0]] != Stuff.AIR)
        loops = trunk.field((20, 20, 24), bowl[0])
        trunk.put(bowl[0], where & (loops < rng.uniform(0.3, 1.2)), Stuff.VISCERAL_FAT)
    bladder = low + [rng.normal(0, 8), -rng.uniform(65, 110), -rng.uniform(5, 50)]
    if rng.random() < 0.85:
        _layered(trunk, bladder, rng.uniform((18, 14, 10), (48, 42, 45)), ((1.0, Stuff.MUSCLE), (0.84, Stuff.BLADDER)))
    if rng.random() < 0.5:
        place = 0.5 * (bladder + low) + [rng.normal(0, 10), rng.uniform(-12, 12), rng.uniform(-5, 35)]
        layers = [(1.0, Stuff.UTERUS)]
        if rng.random() < 0.7:
            layers.append((rng.uniform(0.15, 0.4), Stuff.UTERUS_INSIDE))
        _layered(trunk, place, rng.uniform((20, 16, 18), (38, 32, 48)), layers, rough=0.12)
        for _ in range(int(rng.integers(0, 4))):  # fibroids, ovaries, cysts
            stuff = rng.choice([Stuff.PROSTATE, Stuff.CYST, Stuff.UTERUS])
            _layered(trunk, place + rng.normal(0, 24, 3), rng.uniform((5, 5, 5), (20, 20, 20)), ((1.0, stuff),))
    elif rng.random() < 0.7:
        _layered(
            trunk,
            bladder - [0, -8, rng.uniform(25, 45)],
            rng.uniform((16, 14, 12), (28, 24, 24)),
            ((1.0, Stuff.PROSTATE),),
        )
    _rectum(trunk, names)


def _layered(trunk: Trunk, centre, radii, layers, rough: float = 0.06) -> None:
    found = trunk.ball(centre, radii, rough=rough)
    if found is None:
        return
    box, rho = found
    free = trunk.stuff[box] != Stuff.AIR
    for share, stuff in layers:
        trunk.put(box, free & (rho < share), stuff)


def _rectum(trunk: Trunk, names) -> None:
    rng = trunk.rng
    places = [names[f"S{n}"].point(0, -names[f"S{n}"].half[1], 0) for n in range(1, 6) if f"S{n}" in names]
    if len(places) < 3:
        return
    reach = rng.uniform(14, 26)
    path = [p + [rng.normal(0, 6), -reach * rng.uniform(0.8, 1.3), rng.normal(0, 3)] for p in places[1:]]
    path.append(path[-1] + [0, -5, -30])
    content = rng.choice([Stuff.GAS, Stuff.STOOL, Stuff.BOWEL_MIXED, Stuff.BOWEL_WALL])
    for a, b in itertools.pairwise(path):
        wide = rng.uniform(8, 20)
        for t in np.linspace(0, 1, 4):
            _layered(trunk, a + t * (b - a), (wide, wide, wide), ((1.0, Stuff.BOWEL_WALL),))
    for a, b in itertools.pairwise(path):
        wide = rng.uniform(4, 14)
        for t in np.linspace(0, 1, 4):
            _layered(trunk, a + t * (b - a), (wide, wide, wide), ((1.0, content),), rough=0.25)


def draw_other_bones(trunk: Trunk) -> None:
    """Hip bones, pubis, coccyx and ribs."""
    rng, names = trunk.rng, {v.level: v for v in trunk.spine}
    thin = rng.uniform(0.8, 0.92)
    if "S1" in names:
        s1 = names["S1"]
        a, b, h = s1.half
        for sign in (-1, 1):
            for place, radii in (
                ((sign * (a + 32), b + 4, 8), (9, 30, 42)),
                ((sign * (a + 45), -10, 25), (10, 48, 34)),
            ):
                _bone(trunk, s1.point(*place), np.array(radii) * rng.uniform(0.85, 1.15), s1.axes, thin, 0.2)
        low = names.get("S3", trunk.spine[0]).centre
        pubis = low + [0, -rng.uniform(85, 125), -rng.uniform(60, 95)]
        for sign in (-1, 1):
            _bone(trunk, pubis + [sign * 13, 0, 0], (10, 9, rng.uniform(14, 20)), None, thin, 0.1)
    if "S5" in names:
        tip, axes = names["S5"].point(0, 0, -names["S5"].half[2] - 2), names["S5"].axes
        for n in range(int(rng.integers(2, 5))):
            bend = rng.uniform(0.2, 0.6)
            direction = -axes[2] - np.array([0, bend * n * 0.5, 0])
            tip = tip + direction / np.linalg.norm(direction) * 9
            _bone(trunk, tip, (9 - n, 5 - 0.6 * n, 4.5), axes, 0.75, 0.1)
    for v in trunk.spine:
        if v.level[0] != "T":
            continue
        a, b, h = v.half
        long = rng.uniform(45, 75) if v.level not in ("T12", "T11") else rng.uniform(15, 45)
        for sign in (-1, 1):
            path = [(a + 1, 0.6 * b, 0.7 * h), (a + 16, b + 12, 0.7 * h), (a + 34, b + 18, -6), (a + long, b + 8, -22)]
            for one, two in itertools.pairwise(path):
                start, way = np.array(one) * [sign, 1, 1], (np.array(two) - one) * [sign, 1, 1]
                for t in np.linspace(0, 1, max(2, int(np.linalg.norm(way) / 3.5))):
                    _bone(trunk, v.point(*(start + t * way)), (3.6, 3.6, 5.5), v.axes, 0.45, 0.0)


def _bone(trunk: Trunk, centre, radii, axes, thin: float, rough: float) -> None:
    found = trunk.ball(centre, radii, axes, rough)
    if found is None:
        return
    box, rho = found
    inside = rho < 1
    core = inside & (rho < thin)
    # Where balls overlap, the marrow of one goes on into the next.
    edge = inside & ~core & ~((trunk.parts[box] == _OTHER_BONE) & (trunk.stuff[box] == Stuff.OTHER_MARROW))
    trunk.put(box, edge, Stuff.CORTEX, _OTHER_BONE)
    trunk.put(box, core, Stuff.OTHER_MARROW, _OTHER_BONE)
