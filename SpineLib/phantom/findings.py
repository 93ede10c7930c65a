"""Benign findings of everyday scans: several of them in a vertebra, and the same on both sides of a disc."""

from __future__ import annotations

import itertools

import numpy as np

from SpineLib.phantom.anatomy import Anatomy, level_number
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.lesions import Inclusion, Pole, draw_mimic
from SpineLib.phantom.spine import Vertebra

_FOCAL = ("haemangioma", "schmorl", "fatty_marrow", "island", "red_marrow", "corner", "rim")


def draw_findings(rng: np.random.Generator, anatomy: Anatomy, hosts: list[Vertebra], field_t: float) -> list[Inclusion]:
    """Draw them in the vertebrae ``hosts``, from below, more where a patient's discs are worn."""
    items: list[Inclusion | None] = []
    many = rng.uniform(0.2, 1.4)
    for host in hosts:
        for _ in range(rng.poisson(many * (0.35 + 0.6 * host.degeneration))):
            kind = str(rng.choice(_FOCAL))
            benign = kind in ("haemangioma", "schmorl", "fatty_marrow")
            items.append((draw_mimic if benign else _draw)(rng, anatomy, host, kind, field_t))
    for lower, upper in itertools.pairwise(hosts):
        if upper.is_sacral or rng.random() > 0.1 + 0.5 * upper.degeneration:
            continue
        kind = str(rng.choice(["modic1", "modic2", "modic3", "sclerosis"], p=[0.3, 0.35, 0.15, 0.2]))
        centre, depth = rng.uniform(-1.0, 0.7), rng.uniform(2.0, 11.0)
        poles = _poles(rng, kind, field_t)
        for host, end in ((lower, 1.0), (upper, -1.0)):
            if rng.random() < 0.85:
                items.append(_band(rng, anatomy, host, kind, end, centre, depth * rng.uniform(0.5, 1.2), poles))
    return [item for item in items if item is not None]


def _poles(rng, kind: str, field_t: float) -> tuple[Pole, Pole]:
    stretch = 1.0 if field_t < 2.2 else 1.15
    pole = {
        "modic1": lambda: Pole(
            0.85, stretch * rng.uniform(950, 1250), rng.uniform(65, 120), rng.uniform(0.05, 0.3), 0.35
        ),
        "modic2": lambda: Pole(0.85, 900, rng.uniform(48, 62), rng.uniform(0.65, 0.9), 0.05),
        "modic3": lambda: Pole(rng.uniform(0.2, 0.45), 900, rng.uniform(18, 32), 0.05, 0.05),
        "sclerosis": lambda: Pole(rng.uniform(0.2, 0.5), 800, rng.uniform(15, 30), rng.uniform(0.05, 0.3), 0.05),
        "island": lambda: Pole(rng.uniform(0.08, 0.25), 700, rng.uniform(8, 18), 0, 0),
        "red_marrow": lambda: Pole(
            0.8, stretch * rng.uniform(850, 1050), rng.uniform(45, 60), rng.uniform(0.12, 0.3), 0.15
        ),
        "corner": lambda: Pole(
            0.8, stretch * rng.uniform(850, 1200), rng.uniform(40, 110), rng.uniform(0.0, 0.85), 0.2
        ),
        "rim": lambda: Pole(rng.uniform(0.2, 0.6), 800, rng.uniform(15, 40), rng.uniform(0.0, 0.5), 0.1),
    }[kind]()
    return pole, pole


def _draw(rng, anatomy: Anatomy, host: Vertebra, kind: str, field_t: float) -> Inclusion | None:
    """A bone island, a focus of red marrow, a changed corner of an endplate, or an uneven dark rim of a body."""
    found = _local(anatomy, host)
    if found is None:
        return None
    box, own, (u, v, w) = found
    a, b, h = (float(x) for x in host.half)
    rough = smooth_field(rng, u.shape, tuple(4 / s for s in anatomy.grid.step))
    soft = rng.uniform(0.5, 2.0)
    if kind in ("island", "red_marrow"):
        centre = np.array([rng.uniform(-0.8, 0.8) * a, rng.uniform(-0.8, 0.8) * b, rng.uniform(-0.8, 0.8) * h])
        radius = rng.uniform(1.2, 4.5) if kind == "island" else rng.uniform(3, 9)
        stretch = rng.uniform(0.7, 1.5, 3)
        distance = np.sqrt(sum(((x - c) / s) ** 2 for x, c, s in zip((u, v, w), centre, stretch))) - radius
        distance += np.float32(0.15 * radius) * rough
        soft = soft if kind == "island" else rng.uniform(2, 6)
    elif kind == "corner":
        end, front = rng.choice([-1.0, 1.0]), rng.choice([-1.0, -1.0, 1.0])
        size = rng.uniform(3, 10)
        distance = (h - end * w) + np.float32(rng.uniform(0.5, 1.5)) * (b - front * v) - size + 1.2 * rough
    else:
        distance = np.minimum(b + v, h - np.abs(w)) - rng.uniform(0.8, 2.5) + 0.8 * rough
    strength = rng.uniform(0.4, 0.95) * (0.7 if kind == "red_marrow" else 1.0)
    weight = np.clip(0.5 - distance / np.float32(soft), 0, 1) * np.float32(strength) * own
    return _inclusion(kind, host, box, weight, _poles(rng, kind, field_t))


def _band(rng, anatomy, host, kind, end, centre, depth, poles) -> Inclusion | None:
    """A band along the endplate at ``end``; ``centre`` is in half depths of the body, ``depth`` in mm."""
    found = _local(anatomy, host)
    if found is None:
        return None
    box, own, (u, v, w) = found
    a, b, h = (float(x) for x in host.half)
    rough = smooth_field(rng, u.shape, tuple(4 / s for s in anatomy.grid.step))
    reach, side = rng.uniform(0.5, 1.6) * b, rng.normal(0, 0.4) * a
    along = ((v - centre * b) / reach) ** 2 + ((u - side) / (1.3 * a)) ** 2
    distance = (h - end * w) - (depth + 1.3 * rough) * np.clip(1 - along, 0, 1)
    weight = np.clip(0.5 - distance / np.float32(rng.uniform(0.8, 3.0)), 0, 1) * np.float32(rng.uniform(0.4, 0.95))
    return _inclusion(kind, host, box, weight * own, poles)


def _local(anatomy: Anatomy, host: Vertebra):
    a, b, h = host.half
    extent = np.array([a + 4, b + h + 2, h + b + 2])
    box = anatomy.grid.box(host.centre - extent, host.centre + extent)
    if box is None:
        return None
    u, v, w = anatomy.grid.local(box, host.centre, host.axes)
    return box, (anatomy.vertebrae[box] == level_number(host.level)) & (v < b + 2), (u, v, w)


def _inclusion(kind, host, box, weight, poles) -> Inclusion | None:
    weight = weight.astype(np.float32)
    if weight.sum() < 20:
        return None
    return Inclusion(kind, host.level, box, weight, None, poles, np.zeros(weight.shape, np.float32))
