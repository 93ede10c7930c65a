"""Vertebrae, discs and sacrum of a trunk."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from SpineLib.phantom import bone
from SpineLib.phantom.shapes import VertebraShape
from SpineLib.phantom.spine import LEVELS, Vertebra
from SpineLib.phantom.trunk.space import Trunk
from SpineLib.phantom.trunk.stuff import Stuff

_BODY, _ARCH, _SACRUM, _DISC = 1, 2, 3, 4
_SACRUM_NUMBER = 26


def number_of(level: str) -> int:
    """VerSe's number; every sacral level is the sacrum."""
    return _SACRUM_NUMBER if level[0] == "S" else LEVELS.index(level) + 3


def choose_shapes(rng, spine: Sequence[Vertebra], shapes: Sequence[VertebraShape], share: float) -> dict:
    """By level, the real shape a vertebra is built of and whether it is mirrored; levels without keep bars."""
    chosen: dict[str, tuple[VertebraShape, bool]] = {}
    for v in spine:
        near = [s for s in shapes if abs(s.number - number_of(v.level)) <= 2 and not v.is_sacral]
        if near and rng.random() < share:
            chosen[v.level] = (near[int(rng.integers(len(near)))], bool(rng.random() < 0.5))
    return chosen


def canal_middles(rng, spine: Sequence[Vertebra], chosen: dict) -> dict[str, tuple[float, float, float]]:
    """By level, v of the canal's middle, half width, half depth of the sac, mm."""
    deep0, wide0 = rng.uniform(5.5, 8.5), rng.uniform(7.5, 11.0)
    loose = rng.uniform(0.75, 1.0)
    out = {}
    for v in spine:
        shrink = 1.0 if v.level[0] in "LS" else 0.85
        if v.level in chosen:
            shape = chosen[v.level][0]
            stretch = np.asarray(v.half) / shape.half
            middle, wide, deep = shape.canal
            out[v.level] = (middle * stretch[1], wide * stretch[0] * loose, deep * stretch[1] * loose)
        else:
            out[v.level] = (v.half[1] + deep0 * shrink + 1.5, wide0 * shrink, deep0 * shrink)
    return out


def draw_arches(trunk: Trunk, chosen: dict) -> None:
    """All that is behind the bodies, and the wings of the sacrum."""
    for v in trunk.spine:
        a, b, h = v.half
        centre = v.point(0, b + 22, -0.3 * h)
        extent = np.array([a + 36, 60, 3.4 * h + 10])
        box = trunk.box(centre - extent, centre + extent)
        if box is None:
            continue
        u, back, w = trunk.local(box, v.centre, v.axes)
        if v.is_sacral:
            distance = np.minimum(bone.sacral_distance(v, u, back, w), _wing(trunk, v, u, back, w))
        elif v.level in chosen:
            shape, mirrored = chosen[v.level]
            distance = shape.distance(u, back, w, v.half, mirrored)
            distance = np.where(back > shape.back * b / shape.half[1] - 2, distance, 9)
        else:
            distance = bone.posterior_distance(v, u, back, w)
            distance = np.where(back > 0.6 * b, distance, 9)
        distance = distance + np.float32(0.4) * trunk.field(6.0, box)
        part, number, marrow = (
            (_SACRUM, _SACRUM_NUMBER, Stuff.SACRAL_MARROW)
            if v.is_sacral
            else (_ARCH, number_of(v.level), Stuff.ARCH_MARROW)
        )
        taken = trunk.instances[box]
        other = (taken > 0) & (taken != number)
        inside = (distance < 0) & ~other
        touching = (distance > 0) & (distance < 1.5) & other & (trunk.parts[box] == _ARCH)
        shell = distance > -trunk.rng.uniform(0.6, 1.4)
        trunk.put(box, inside, np.where(shell, np.uint8(Stuff.CORTEX), np.uint8(marrow))[inside], part, number)
        trunk.stuff[box][touching] = Stuff.FACET


def _wing(trunk: Trunk, v: Vertebra, u, back, w) -> np.ndarray:
    """The sacrum's lateral mass: one bone from S1 to S4, with a foramen below each level."""
    a, b, h = v.half
    points = (np.abs(u), back, w)
    deep = max(0.75 * b, 7.0)
    long = {"S1": 26.0, "S2": 22.0, "S3": 14.0}.get(v.level, 6.0)
    mass = bone.capsule(points, (0.9 * a, 0.25 * b, 0), (a + long, 0.8 * b, 2), deep, (1, 1, 1.45 * h / deep))
    hole = bone.capsule(points, (0.85 * a, -2 * b, -h), (0.85 * a, 3 * b, -h), trunk.rng.uniform(3.0, 5.0))
    return np.maximum(mass, -hole)


def draw_discs(trunk: Trunk) -> None:
    """Discs between the bodies; within the sacrum, what is left of them belongs to it."""
    rng = trunk.rng
    for lower, upper in itertools.pairwise(trunk.spine):
        sacral = upper.is_sacral
        centre = 0.5 * (upper.point(0, 0, -upper.half[2]) + lower.point(0, 0, lower.half[2]))
        axes = upper.axes + lower.axes
        axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
        a, b = 0.5 * (upper.half[:2] + lower.half[:2])
        worn = upper.degeneration
        thick = upper.disc_below / 2
        bulge = rng.uniform(-0.5, 1.0) + rng.uniform(0, 3.0) * worn
        if sacral:
            a, b, bulge = 0.85 * a, 0.9 * b, 0.0
        extent = np.array([a + 6, b + thick + 9, b * 0.6 + thick + 6])
        box = trunk.box(centre - extent, centre + extent)
        if box is None:
            continue
        u, v, w = trunk.local(box, centre, axes)
        rho = ((np.abs(u) / np.float32(a)) ** 2.4 + (np.abs(v + 0.5) / np.float32(b)) ** 2.4 + 1e-6) ** (1 / 2.4)
        wall = (rho - 1) * min(a, b) - bulge
        if worn > 0.4 and rng.random() < 0.3 and not sacral:  # a herniation into the canal
            start, end = (rng.normal(0, 4), b - 3, 0), (rng.normal(0, 4), b + rng.uniform(1, 5), rng.normal(0, 4))
            wall = np.minimum(wall, bone.capsule((u, v, w), start, end, rng.uniform(2, 4)))
        free = trunk.parts[box] != _ARCH
        disc = (wall < 0) & (np.abs(w) < thick + 3.0) & free
        part, number = (_SACRUM, _SACRUM_NUMBER) if sacral else (_DISC, None)
        trunk.put(box, disc, Stuff.ANNULUS, part, number)
        wide = rng.uniform(0.6, 0.85)
        core = disc & (
            ((u / (wide * a)) ** 2 + ((v - 0.05 * b) / (wide * 0.92 * b)) ** 2 + (w / (thick * 1.1 + 1.2)) ** 2) < 1
        )
        if worn < rng.uniform(0.35, 0.95) or (sacral and rng.random() < 0.3):
            cleft = (np.abs(w) < 0.8) & (rng.random() < 0.4)
            trunk.stuff[box][core & ~cleft] = Stuff.NUCLEUS
        elif rng.random() < 0.12:
            trunk.stuff[box][core & (np.abs(w) < 0.9)] = Stuff.GAS
        ligament = (wall > 0) & (wall < 2 * upper.shape["ligament"]) & (np.abs(w) < thick + 1) & (np.abs(v) > 0.5 * b)
        ligament &= (trunk.parts[box] == 0) & free
        trunk.stuff[box][ligament] = Stuff.LIGAMENT


def draw_bodies(trunk: Trunk, chosen: dict, real_bodies: bool) -> None:
    """The bodies, over everything else.

    Args:
        trunk: drawn in place.
        chosen: of :func:`choose_shapes`.
        real_bodies: whether the bodies, too, are of these shapes, not only the arches.
    """
    rng = trunk.rng
    for v in trunk.spine:
        a, b, h = v.half
        extent = np.array([a + 8, b + 0.7 * h + 8, h + 0.7 * b + 8])
        box = trunk.box(v.centre - extent, v.centre + extent)
        if box is None:
            continue
        u, back, w = trunk.local(box, v.centre, v.axes)
        if v.is_sacral:  # narrower from above to below
            taper = 1 + np.float32(rng.uniform(0.08, 0.25)) * np.clip(w / h, -1.2, 1.2)
            wall, plates = bone.body_distance(v, u / (0.5 + 0.5 * taper), back / taper, w)
        else:
            wall, plates = bone.body_distance(v, u, back, w)
        if real_bodies and v.level in chosen:
            shape, mirrored = chosen[v.level]
            distance = shape.distance(u, back, w, v.half, mirrored)
            # Cut at the plane between body and arch; beside it the arch has its own distance.
            wall = np.maximum(distance, back - np.float32(shape.back * b / shape.half[1]))
            plates = np.where(np.abs(w) > 0.5 * h, distance, -9)
        rough = trunk.field(6.0, box) * np.float32(0.45)
        wall, plates = wall + rough, plates + rough
        inside = (wall < 0) & (plates < 0)
        ligament = (wall > 0) & (wall < 2 * v.shape["ligament"]) & (plates < 0) & (np.abs(back) > 0.5 * b)
        ligament &= trunk.parts[box] == 0
        trunk.stuff[box][ligament] = Stuff.LIGAMENT
        side, plate = rng.uniform(0.3, 1.3), rng.uniform(0.5, 1.6)
        shell = (wall > -side) | (plates > -plate)
        part, number, marrow = (
            (_SACRUM, _SACRUM_NUMBER, Stuff.SACRAL_MARROW) if v.is_sacral else (_BODY, number_of(v.level), Stuff.MARROW)
        )
        trunk.put(box, inside, np.where(shell, np.uint8(Stuff.CORTEX), np.uint8(marrow))[inside], part, number)
        if not v.is_sacral and rng.random() < 0.75:
            depth = rng.uniform(0.2, 0.9) * b
            t = np.clip((back - (b - depth)) / depth, 0, 1.3)
            vein = inside & (back > b - depth) & (np.abs(w + rng.normal(0, 0.08) * h) < rng.uniform(0.8, 2.4) * t + 0.4)
            vein &= np.abs(u) < rng.uniform(2, 7) * (0.4 + 0.6 * t)
            trunk.stuff[box][vein] = rng.choice([Stuff.VEIN, Stuff.VEIN, Stuff.EPIDURAL_FAT, Stuff.LIGAMENT])
