"""The column of a simulated patient built of real vertebrae: a real chain, bent, scaled, its vertebrae exchanged."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.spatial.transform import Rotation

from SpineLib.phantom.ct.realshapes import Chain, RealVertebra
from SpineLib.phantom.fields import curve
from SpineLib.phantom.spine import LEVELS, Vertebra, draw_spine, step_between


def draw_real_spine(
    rng: np.random.Generator, chains: tuple[Chain, ...], centre_level: str, reach_mm: float
) -> list[Vertebra]:
    """As :func:`SpineLib.phantom.spine.draw_spine`, but with real vertebrae where a chain has them.

    One chain gives sizes and how neighbours lie to each other; curvature, scoliosis and rotation are added smoothly
    along it. Some of its vertebrae are exchanged for other chains' of about the same level, stretched to the body they
    replace. Sacrum, cervical spine and what no chain has are drawn from formulas.
    """
    drawn = draw_spine(rng, centre_level, 1e6)
    chain = chains[int(rng.integers(len(chains)))]
    own = {v.level: v for v in chain.vertebrae}
    size = float(np.clip(rng.normal(1.0, 0.09), 0.78, 1.25))
    swapped = float(rng.choice([0.0, 0.25, 0.6], p=[0.4, 0.4, 0.2]))
    mirrored = bool(rng.random() < 0.5)
    spine = []
    for vertebra in drawn:
        real = own.get(vertebra.level)
        half = real.half * size * np.exp(rng.normal(0, 0.025, 3)) if real else vertebra.half * size
        if real is None or rng.random() < swapped:
            real = _another(rng, chains, vertebra.level) or real
        spine.append(replace(vertebra, half=half, real=real, mirrored=mirrored != (rng.random() < 0.15)))
    _pose(rng, spine, own, size, mirrored)
    middle = next((n for n, v in enumerate(spine) if v.level == centre_level), len(spine) // 2)
    _upright(spine, middle)
    return [v for v in spine if abs(v.centre[2]) < reach_mm + v.half[2] * 2]


def _another(rng, chains: tuple[Chain, ...], level: str) -> RealVertebra | None:
    """A vertebra of about this level from any chain; None where there is none, and for sacrum and neck."""
    if level[0] not in "TL":
        return None
    place = LEVELS.index(level)
    found = [v for chain in chains for v in chain.vertebrae if abs(LEVELS.index(v.level) - place) <= 1
             and v.level[0] in "TL"]  # fmt: skip
    return found[int(rng.integers(len(found)))] if found else None


def _pose(rng, spine: list[Vertebra], own: dict[str, RealVertebra], size: float, mirrored: bool) -> None:
    """Place the vertebrae, from the lowest upwards."""
    count = len(spine)
    strength = rng.choice([0.4, 1.0, 1.8], p=[0.35, 0.45, 0.2])
    bends = np.deg2rad(
        np.column_stack([
            strength * (1.3 * curve(rng, count, 4) + rng.normal(0, 0.5, count)),
            strength * (1.5 * (rng.random() < 0.6) * curve(rng, count, 5) + rng.normal(0, 0.4, count)),
            strength * (1.2 * (rng.random() < 0.6) * curve(rng, count, 5) + rng.normal(0, 0.5, count)),
        ])
    )  # fmt: skip
    spread = float(np.clip(rng.normal(1.0, 0.012), 0.97, 1.03))
    flip = np.diag([-1.0, 1, 1]) if mirrored else np.eye(3)
    drawn = [vertebra.axes.copy() for vertebra in spine]
    for n, (lower, upper) in enumerate(pairwise(spine)):
        a, b = own.get(lower.level), own.get(upper.level)
        turn = Rotation.from_euler("xyz", bends[n]).as_matrix()
        if a is None or b is None:
            # The neck's and the sacrum's own curve, seen from the neighbour's frame.
            bend = drawn[n + 1] @ drawn[n].T
            upper.axes = bend @ turn @ lower.axes
            upper.centre = lower.centre + step_between(upper, lower)
            continue
        between = flip @ (b.frame.axes @ a.frame.axes.T) @ flip
        offset = flip @ (a.frame.axes @ (b.frame.centre - a.frame.centre)) * size * spread
        upper.axes = between @ turn @ lower.axes
        # Neighbours turn about the middle of the disc between them, as joints do.
        hinge = 0.5 * offset
        upper.centre = lower.centre + (hinge + (offset - hinge) @ turn) @ lower.axes
        upper.disc_below = float(max(1.0, np.linalg.norm(offset) - lower.half[2] - upper.half[2]))


def _upright(spine: list[Vertebra], middle: int) -> None:
    """Turn the column so that it stands around ``middle``, whose body comes to the origin."""
    near = spine[max(0, middle - 4) : middle + 5]
    chord = near[-1].centre - near[0].centre
    chord /= np.linalg.norm(chord)
    turn = np.eye(3)
    axis = np.cross(chord, [0.0, 0, 1])
    if np.linalg.norm(axis) > 1e-6:
        angle = np.arccos(np.clip(chord[2], -1, 1))
        turn = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).as_matrix()
    left = turn @ np.mean([v.axes[0] for v in near], axis=0)
    about = -np.arctan2(left[1], left[0])
    turn = Rotation.from_rotvec([0, 0, about]).as_matrix() @ turn
    origin = spine[middle].centre.copy()
    for vertebra in spine:
        vertebra.centre = turn @ (vertebra.centre - origin)
        vertebra.axes = vertebra.axes @ turn.T


def real_distance(rng: np.random.Generator, vertebra: Vertebra, places) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances (mm) to a real vertebra, stretched to ``vertebra``, and to its canal; as ``vertebra_distance``.

    The arch is stretched a little otherwise than the body, and rims may grow spurs.
    """
    real: RealVertebra = vertebra.real
    u, v, w = places
    if vertebra.mirrored:
        u = -u
    scale = np.clip(vertebra.half / real.half, 0.72, 1.4).astype(np.float32)
    back = np.float32(vertebra.half[1])
    deep, wide, high = np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    arch = np.clip((v - back + 2) / 6, 0, 1)
    inner_v = np.where(v > back, back + (v - back) / deep, v)
    grown = lambda value, factor: value / (1 + arch * (factor - 1))  # noqa: E731
    own = real.at(grown(u, wide) / scale[0], inner_v / scale[1], grown(w, high) / scale[2]) * float(np.min(scale))
    spur = float(vertebra.shape["osteophyte"])
    if spur > 0:
        h = np.float32(vertebra.half[2])
        side = 0.5 + 0.5 * np.sin(np.arctan2(v, u) * np.float32(rng.integers(1, 4)) + np.float32(rng.uniform(0, 6.3)))
        own = own - np.float32(spur) * side * np.exp(-(((np.abs(w) - h) / 3.0) ** 2)) * (v < 0.8 * back)
    half_wide, depth = real.canal[0] * scale[0] * wide, real.canal[1] * scale[1] * deep
    a, b = np.float32(half_wide), np.float32(depth / 2)
    canal = (np.sqrt((u / a) ** 2 + ((v - back - b) / b) ** 2) - 1) * min(a, b)
    return own.astype(np.float32), canal.astype(np.float32)
