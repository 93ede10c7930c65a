"""Bone metastases on CT: lytic, sclerotic and mixed, in body or arch, through the cortex, with soft-tissue masses."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from SpineLib.phantom.ct.lattice import Box
from SpineLib.phantom.ct.skeleton import SACRUM, Skeleton, verse_number
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.lesions import METASTASES
from SpineLib.phantom.spine import Vertebra

PLACES = ("body", "pedicle", "posterior", "whole")


@dataclass
class CtLesion:
    """One metastasis on the skeleton's lattice, within an index box.

    Attributes:
        kind: of METASTASES.
        vertebra: the host.
        box: index box of the skeleton's lattice.
        shape: above 0 inside; about one at a third of the lesion's depth.
        edge: change of ``shape`` over which bone passes into lesion (sharp to infiltrating).
        lysis: 0 where bone is thickened, 1 where it is gone.
        strength: share of the bone that a lytic lesion takes.
        spared: thickness (mm) of the cortex that stands; 0 where the lesion goes through.
        mass: HU of the tumour's tissue.
        dense: HU of thickened bone.
    """

    kind: str
    vertebra: Vertebra
    box: Box
    shape: np.ndarray
    edge: float
    lysis: np.ndarray
    strength: float
    spared: float
    mass: float
    dense: float
    facts: dict = field(default_factory=dict)


def draw_lesion(
    rng: np.random.Generator, skeleton: Skeleton, host: Vertebra, kind: str, contrast: bool, arch: float = 0.0
) -> CtLesion | None:
    """Draw one metastasis of ``host``; None when less than 0.3 ml of it lies in the lattice.

    The shape is a sum of Gaussian blobs with a rough edge. Part of them break through the cortex; some of these grow a
    soft-tissue mass into the canal or beside the vertebra. Other vertebrae and discs are spared.
    """
    a, b, h = (float(x) for x in host.half)
    sacral = host.is_sacral
    place = str(rng.choice(PLACES, p=[0.55, 0.15, 0.12, 0.18])) if not sacral else "body"
    if arch > 0 and not sacral and rng.random() < arch:
        place, kind = "half arch", "lytic"
    size = float(np.exp(rng.uniform(np.log(3.2), np.log(11.0)))) * (1.25 if kind != "sclerotic" else 1.0)
    if place == "whole":
        size = max(size, 0.8 * h)
    side = float(rng.choice([-1.0, 1.0]))
    start = {
        "body": rng.uniform(-0.75, 0.75, 3) * (a, b, h),
        "whole": rng.uniform(-0.3, 0.3, 3) * (a, b, h),
        "pedicle": np.array([side * 0.7 * a, 0.95 * b, 0.3 * h]),
        "posterior": np.array([side * rng.uniform(0, 0.8) * a, b + rng.uniform(14, 32), -0.3 * h]),
        "half arch": np.array([side * 0.65 * a, b + 5.0, 0.25 * h]),
    }[place]
    blobs = [(start, size)]
    if place == "half arch":  # from the pedicle to the lamina, or the pedicle alone
        size = float(rng.uniform(6.5, 9.5))
        blobs = [(start, size), (start + [side * 3, 10, -0.4 * h], size * 0.9)]
        if rng.random() < 0.65:
            blobs += [(start + [-side * 0.35 * a, 17, -0.7 * h], size * 0.8), (start + [side * 11, 9, 0], size * 0.8)]
    for _ in range(int(rng.integers(1, 6)) if place != "half arch" else 0):
        origin, radius = blobs[int(rng.integers(len(blobs)))]
        step = rng.standard_normal(3)
        step *= radius * rng.uniform(0.6, 1.5) / np.linalg.norm(step)
        blobs.append((origin + step, radius * rng.uniform(0.45, 1.0)))
    breach = bool(rng.random() < (0.15 if kind == "sclerotic" else 0.5)) and not sacral
    extra = []
    if breach and rng.random() < 0.7:  # a mass beyond the bone
        wall = {
            True: np.array([rng.uniform(-0.6, 0.6) * a, b + rng.uniform(1, 5), rng.uniform(-0.4, 0.4) * h]),
            False: np.array([side * (a + rng.uniform(1, 8)), rng.uniform(-0.6, 1.0) * b, rng.uniform(-0.5, 0.5) * h]),
        }[bool(rng.random() < 0.45)]
        extra = [(wall, min(size, 12.0) * rng.uniform(0.6, 1.2)), ((wall + start) / 2, size * 0.85)]
    points = np.array([host.point(*p) for p, _ in blobs + extra])
    reach = 2.3 * max(r for _, r in blobs + extra)
    box = skeleton.lattice.box(points.min(0) - reach, points.max(0) + reach)
    if box is None or min(s.stop - s.start for s in box) < 3:
        return None
    part = skeleton.lattice.part(box)
    u, v, w = part.local(host.centre, host.axes)
    total = np.zeros(u.shape, np.float32)
    for centre, radius in blobs + extra:
        near = (u - np.float32(centre[0])) ** 2 + (v - np.float32(centre[1])) ** 2 + (w - np.float32(centre[2])) ** 2
        total += np.exp(-near / np.float32(2 * (0.85 * radius) ** 2))
    steps = part.step
    rough = 0.6 * smooth_field(rng, u.shape, tuple(3.0 / s for s in steps))
    rough += smooth_field(rng, u.shape, tuple(8 / s for s in steps))
    shape = (total - np.float32(0.5) + np.float32(rng.uniform(0.03, 0.14)) * rough).astype(np.float32)
    number = verse_number(host.level)
    bone = skeleton.distance[box]
    of_host = (skeleton.owner[box] == number) & (bone < 0.4)
    if breach:
        away = np.where(skeleton.owner[box] == number, 0, 1.5) - bone  # not into other bones, nor far from its own
        free = (bone > -0.5) & (skeleton.disc[box] > 0) & (away < 0) & (bone < rng.uniform(4, 16))
        of_host |= free & (np.abs(w) < 1.35 * h)
    shape[~of_host] = np.minimum(shape[~of_host], -0.3)
    if (shape > 0).sum() * np.prod(steps) / 1000 < 0.3:
        return None
    lysis: float | np.ndarray | None = {"lytic": 1.0, "sclerotic": 0.0}.get(kind)
    if lysis is None:
        blend = smooth_field(rng, u.shape, tuple(rng.uniform(4, 9) / s for s in steps))
        lysis = np.clip(0.5 + 1.6 * (blend + rng.normal(0, 0.4)), 0, 1).astype(np.float32)
    spared = (
        0.0
        if breach or place in ("whole", "half arch") or number == SACRUM
        else float(rng.choice([0.0, rng.uniform(0.5, 1.2)]))
    )
    return CtLesion(
        kind,
        host,
        box,
        shape,
        float(rng.uniform(0.05, 0.25)),
        np.broadcast_to(np.float32(lysis), u.shape),
        float(rng.uniform(0.85, 1.0)),
        spared,
        float(rng.normal(50, 9) + (rng.uniform(15, 60) if contrast else 0)),
        float(rng.uniform(420, 1050)),
        {"kind": kind, "level": "S" if sacral else host.level, "label": number, "place": place, "breach": breach},
    )


def draw_lesions(
    rng: np.random.Generator,
    skeleton: Skeleton,
    seen: list[Vertebra],
    wanted: int,
    kinds: tuple[str, ...] = METASTASES,
    contrast: bool = False,
    arch: float = 0.0,
) -> list[CtLesion]:
    """``wanted`` metastases (fewer where there is no room), at most one a vertebra of ``seen``.

    ``arch`` is the share of them, all lytic, that take a pedicle, most of these with half the arch.
    """
    lesions: list[CtLesion] = []
    hosts = {}
    for _ in range(6 * wanted):
        if len(lesions) == wanted or not seen:
            break
        host = seen[int(rng.integers(len(seen)))]
        kind = str(rng.choice(kinds))
        if verse_number(host.level) in hosts:
            continue
        lesion = draw_lesion(rng, skeleton, host, kind, contrast, arch)
        if lesion is not None:
            hosts[verse_number(host.level)] = lesion
            lesions.append(lesion)
    return lesions
