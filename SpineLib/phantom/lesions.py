"""Metastases, and what looks like them but must not be found."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from SpineLib.phantom import bone
from SpineLib.phantom.anatomy import Anatomy, level_number
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.spine import Vertebra
from SpineLib.phantom.tissues import Tissue

METASTASES = ("lytic", "sclerotic", "mixed")
#: Where a metastasis lies, and how often.
PLACES = {"body": 4, "pedicle": 1, "posterior": 1, "whole": 1}
MIMICS = ("haemangioma", "modic1", "modic2", "modic3", "schmorl", "fatty_marrow")


@dataclass(frozen=True)
class Pole:
    """One kind of tissue: PD, T1 and T2 (ms), fat fraction, gadolinium uptake (mmol/l)."""

    pd: float
    t1: float
    t2: float
    fat: float = 0.0
    uptake: float = 0.0


@dataclass
class Inclusion:
    """Tissue that replaces others within a box of the fine grid.

    Attributes:
        kind: one of METASTASES or MIMICS.
        level: host vertebra.
        box: index box (s, row, column).
        weight: share of the voxel that is replaced, 0 to 1, float32.
        inside: where the lesion is, bool (the truth); None for mimics.
        blend: 0 where it is ``poles[0]``, 1 where it is ``poles[1]``, float32.
    """

    kind: str
    level: str
    box: tuple[slice, slice, slice]
    weight: np.ndarray
    inside: np.ndarray | None
    poles: tuple[Pole, Pole]
    blend: np.ndarray
    facts: dict = field(default_factory=dict)


def _lytic(rng, field_t: float, wild: bool) -> Pole:
    stretch = 1.0 if field_t < 2.2 else 1.2
    t2 = rng.uniform(62, 135) if not wild else rng.uniform(50, 200)
    return Pole(
        rng.uniform(0.78, 1.0), stretch * rng.uniform(1000, 1700), t2, rng.uniform(0, 0.06), rng.uniform(0.15, 0.9)
    )


def _sclerotic(rng, field_t: float) -> Pole:
    return Pole(
        rng.uniform(0.15, 0.42),
        rng.uniform(700, 1100),
        rng.uniform(14, 36),
        rng.uniform(0, 0.12),
        rng.uniform(0.0, 0.3),
    )


def _poles(rng, kind: str, field_t: float, wild: bool) -> tuple[Pole, Pole]:
    if kind == "lytic":
        first = _lytic(rng, field_t, wild)
        cyst = Pole(0.95, 2200, rng.uniform(140, 400), 0, 0.05) if rng.random() < 0.25 else _lytic(rng, field_t, wild)
        return first, cyst
    if kind == "sclerotic":
        return _sclerotic(rng, field_t), _sclerotic(rng, field_t)
    return _lytic(rng, field_t, wild), _sclerotic(rng, field_t)


def draw_metastasis(
    rng: np.random.Generator,
    anatomy: Anatomy,
    host: Vertebra,
    kind: str,
    field_t: float,
    wild: bool,
    places: tuple[str, ...] = tuple(PLACES),
    enlarged: float = 1.0,
) -> Inclusion | None:
    """Draw one metastasis of ``host``; None when what lies in the image comes out smaller than 0.3 ml.

    ``places`` are those of PLACES that it may lie in; ``enlarged`` multiplies its radius.

    The shape is a sum of Gaussian blobs with a rough edge (so it need not be star-convex), clipped to the host's bone;
    a fifth breaks through the cortex into the canal or the soft tissue beside it. Discs are spared.
    """
    grid = anatomy.grid
    a, b, h = host.half
    size = float(np.exp(rng.uniform(np.log(3.2), np.log(13.0))))
    place = rng.choice([place for place in PLACES if place in places for _ in range(PLACES[place])])
    if host.is_sacral and place in ("pedicle", "posterior"):
        if "body" not in places:
            return None
        place = "body"
    if place == "whole":
        size = max(size, 0.75 * h)
    size *= enlarged
    side = rng.choice([-1.0, 1.0])
    start = {
        "body": np.array([rng.uniform(-0.75, 0.75) * a, rng.uniform(-0.8, 0.8) * b, rng.uniform(-0.75, 0.75) * h]),
        "whole": np.array([rng.uniform(-0.2, 0.2) * a, rng.uniform(-0.2, 0.2) * b, rng.uniform(-0.2, 0.2) * h]),
        "pedicle": np.array([side * 0.66 * a, 0.95 * b, 0.3 * h]),
        "posterior": np.array([side * rng.uniform(0, 0.7) * a, b + rng.uniform(8, 30), -0.4 * h]),
    }[place]
    blobs = [(start, size)]
    for _ in range(int(rng.integers(1, 6))):
        origin, radius = blobs[int(rng.integers(len(blobs)))]
        step = rng.standard_normal(3)
        step *= radius * rng.uniform(0.6, 1.6) / np.linalg.norm(step)
        blobs.append((origin + step, radius * rng.uniform(0.45, 1.0)))
    breach = rng.random() < 0.22 and not host.is_sacral
    if breach:
        wall = (
            np.array([rng.uniform(-0.6, 0.6) * a, b + rng.uniform(0, 4), rng.uniform(-0.4, 0.4) * h])
            if rng.random() < 0.6
            else np.array([side * (a + 2), rng.uniform(-0.5, 0.9) * b, rng.uniform(-0.4, 0.4) * h])
        )
        blobs.append((wall, min(size, 8.0) * rng.uniform(0.5, 1.0)))
        blobs.append(((wall + start) / 2, size * 0.8))
    points = np.array([host.point(*p) for p, _ in blobs])
    reach = 2.2 * max(r for _, r in blobs)
    box = grid.box(points.min(0) - reach, points.max(0) + reach)
    if box is None:
        return None
    u, v, w = grid.local(box, host.centre, host.axes)
    total = np.zeros(u.shape, np.float32)
    for centre, radius in blobs:
        s2 = np.float32(2 * (radius * 0.85) ** 2)
        total += np.exp(
            -((u - np.float32(centre[0])) ** 2 + (v - np.float32(centre[1])) ** 2 + (w - np.float32(centre[2])) ** 2)
            / s2
        )
    steps = grid.step
    rough = smooth_field(rng, u.shape, tuple(3.5 / s for s in steps)) * 0.6 + smooth_field(
        rng, u.shape, tuple(8 / s for s in steps)
    )
    shape = total - np.float32(0.5) + np.float32(rng.uniform(0.03, 0.13)) * rough
    tissue = anatomy.labels[box]
    of_host = anatomy.vertebrae[box] == level_number(host.level)
    if breach:
        wall_d, plates = bone.body_distance(host, u, v, w)
        free = np.isin(
            tissue,
            [
                Tissue.EPIDURAL_FAT,
                Tissue.CSF,
                Tissue.VISCERAL_FAT,
                Tissue.MUSCLE,
                Tissue.LIGAMENT,
                Tissue.NERVE,
                Tissue.SUBCUTANEOUS_FAT,
            ],
        )
        of_host = of_host | (free & (np.abs(w) < 1.25 * h) & (wall_d < 14))
    inside = (shape > 0) & of_host
    voxel_ml = float(np.prod(steps)) / 1000
    volume = inside.sum() * voxel_ml
    if volume < 0.3:
        return None
    edge = rng.uniform(0.05, 0.22)  # sharp to infiltrating
    strength = rng.uniform(0.8, 1.0)
    weight = np.clip(0.5 + shape / (2 * edge), 0, 1) * np.float32(strength) * of_host
    if kind == "lytic" and not wild and rng.random() < 0.25:  # oedema around it, not part of the truth
        weight = np.maximum(weight, np.clip(shape + 0.3, 0, 0.3) * of_host)
    blend_field = smooth_field(rng, u.shape, tuple(rng.uniform(3, 9) / s for s in steps))
    if kind == "mixed":
        blend = np.clip(0.5 + 0.8 * (blend_field + rng.normal(0, 0.4)), 0, 1)
    else:
        blend = np.clip(0.35 * (blend_field + rng.normal(-0.3, 0.6)) + rng.uniform(0, 0.4), 0, 1)
    return Inclusion(
        kind,
        host.level,
        box,
        weight.astype(np.float32),
        inside,
        _poles(rng, kind, field_t, wild),
        blend.astype(np.float32),
        {"place": str(place), "breach": bool(breach)},
    )


def draw_mimic(
    rng: np.random.Generator, anatomy: Anatomy, host: Vertebra, kind: str, field_t: float
) -> Inclusion | None:
    """Draw something benign in ``host`` that a detector must leave alone; None when it misses the image."""
    grid = anatomy.grid
    a, b, h = host.half
    extent = np.array([a + 2, b + h, h + b])
    box = grid.box(host.centre - extent, host.centre + extent)
    if box is None:
        return None
    u, v, w = grid.local(box, host.centre, host.axes)
    bones = (anatomy.vertebrae[box] == level_number(host.level)) & (v < b)
    steps = grid.step
    rough = smooth_field(rng, u.shape, tuple(4 / s for s in steps))
    stretch = 1.0 if field_t < 2.2 else 1.15
    blend = np.clip(0.3 + 0.3 * smooth_field(rng, u.shape, tuple(5 / s for s in steps)), 0, 1)
    end = rng.choice([-1.0, 1.0])
    if kind in ("haemangioma", "fatty_marrow"):
        centre = np.array([rng.uniform(-0.6, 0.6) * a, rng.uniform(-0.6, 0.6) * b, rng.uniform(-0.6, 0.6) * h])
        radius = rng.uniform(3.5, 11)
        distance = np.sqrt((u - centre[0]) ** 2 + (v - centre[1]) ** 2 + (w - centre[2]) ** 2) + 1.2 * rough - radius
        if kind == "haemangioma":  # vessels in fat: bright on both
            poles = (
                Pole(0.95, 1000, rng.uniform(120, 190), rng.uniform(0.5, 0.75), 0.5),
                Pole(0.95, 1100, rng.uniform(100, 160), rng.uniform(0.4, 0.7), 0.5),
            )
            stripes = 0.5 + 0.5 * np.sin(2 * np.pi * v / rng.uniform(2.0, 3.5) + rough)
            strength = 1 - 0.35 * stripes
        else:
            poles = (Pole(0.8, 900, 50, rng.uniform(0.8, 0.92), 0.05),) * 2
            strength = rng.uniform(0.6, 1.0)
        weight = np.clip(0.5 - distance / rng.uniform(1.0, 3.0), 0, 1) * strength
    elif kind.startswith("modic"):  # a band along an endplate
        depth = rng.uniform(2.5, 8.0) + 1.5 * rough
        centre_v = rng.uniform(-0.6, 0.6) * b
        reach = rng.uniform(0.5, 1.6) * b
        distance = (h - end * w) - depth * np.clip(1 - ((v - centre_v) / reach) ** 2, 0, 1)
        poles = {
            "modic1": (Pole(0.85, stretch * 1150, rng.uniform(75, 120), 0.08, 0.35),) * 2,
            "modic2": (Pole(0.85, 900, 55, rng.uniform(0.75, 0.9), 0.05),) * 2,
            "modic3": (Pole(0.3, 900, 28, 0.05, 0.05),) * 2,
        }[kind]
        weight = np.clip(0.5 - distance / rng.uniform(1.0, 2.5), 0, 1) * rng.uniform(0.5, 0.9)
    elif kind == "schmorl":  # the disc bulges through the endplate, with a dark rim
        centre = np.array([rng.uniform(-0.4, 0.4) * a, rng.uniform(-0.4, 0.4) * b, end * h])
        radius = rng.uniform(2.0, 5.5)
        distance = (
            np.sqrt((u - centre[0]) ** 2 + (v - centre[1]) ** 2 + (1.2 * (w - centre[2])) ** 2) + 0.4 * rough - radius
        )
        poles = (Pole(rng.uniform(0.5, 0.85), 1100, rng.uniform(35, 90), 0, 0.05), Pole(0.15, 700, 12, 0, 0.0))
        blend = np.clip(0.5 + (distance + 0.8) / 0.8, 0, 1)
        weight = np.clip(0.5 - distance / 1.0, 0, 1)
    else:
        raise ValueError(f"unknown mimic {kind!r}")
    weight = (weight * bones).astype(np.float32)
    if weight.sum() < 20:
        return None
    return Inclusion(kind, host.level, box, weight, None, poles, blend.astype(np.float32))
