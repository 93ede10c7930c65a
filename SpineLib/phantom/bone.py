"""Shapes of bone in a vertebra's own frame: approximate signed distances in mm, negative inside."""

from __future__ import annotations

import numpy as np

from SpineLib.phantom.spine import Vertebra


def capsule(points, start, end, radius: float, flatten=(1.0, 1.0, 1.0)) -> np.ndarray:
    """Distance to a capsule from ``start`` to ``end``; axes are first divided by ``flatten`` (an elliptic section)."""
    start, end, scale = np.asarray(start, float), np.asarray(end, float), np.asarray(flatten, float)
    start, end = start / scale, end / scale
    along = end - start
    length = float(along @ along) or 1.0
    d = [p / s - a for p, s, a in zip(points, scale, start)]
    t = np.clip((d[0] * along[0] + d[1] * along[1] + d[2] * along[2]) / np.float32(length), 0, 1)
    return np.sqrt(sum((x - t * np.float32(a)) ** 2 for x, a in zip(d, along))) - np.float32(radius)


def body_distance(vertebra: Vertebra, u, v, w) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances (mm) to the body's side wall and to its endplates; the body is where both are negative.

    The outline is a superellipse with a waist; the back wall and the endplates are concave, the front may be lower
    (``wedge``), degenerated rims grow osteophytes.
    """
    a, b, h = (np.float32(x) for x in vertebra.half)
    s = vertebra.shape
    relative_w = np.clip(w / h, -1.3, 1.3)
    rim = relative_w**2
    narrowing = (
        1 - np.float32(s["waist"]) * np.maximum(1 - rim, 0) + np.float32(s["osteophyte"] / b) * np.clip(rim, 0, 1) ** 4
    )
    hollow = np.float32(s["posterior_concavity"]) * np.maximum(1 - (u / (0.75 * a)) ** 2, 0)
    back = np.where(v > 0, v + hollow, v)
    p = np.float32(s["power"])
    rho = ((np.abs(u) / a) ** p + (np.abs(back) / b) ** p + np.float32(1e-6)) ** (1 / p) / narrowing
    wall = (rho - 1) * np.minimum(a, b)
    flat = np.clip(1 - rho**2, 0, 1)
    top, bottom = (np.float32(c) for c in s["endplate_concavity"])
    slope = np.float32(s["wedge"]) * h * (v / b)
    lower = np.float32(1 - s["collapse"])
    upper_edge = h * lower - top * flat - slope
    lower_edge = h - bottom * flat
    plates = np.where(w > 0, w - upper_edge, -w - lower_edge)
    return wall, plates


def posterior_distance(vertebra: Vertebra, u, v, w) -> np.ndarray:
    """Signed distance (mm) to pedicles, articular processes, laminae, transverse and spinous processes."""
    a, b, h = vertebra.half
    points = (np.abs(u), v, w)
    cervical, thoracic = vertebra.level[0] == "C", vertebra.level[0] == "T"
    back = b + (5.0 if cervical else 7.0 if thoracic else 9.0)
    canal = 13.0 if not cervical else 11.0  # the lamina's middle lies behind the canal
    thick = 0.17 * a + 1.0
    pillar = max(0.72 * a, 11.0)
    parts = [
        capsule(points, (0.66 * a, 0.55 * b, 0.30 * h), (pillar, back + 2, 0.30 * h), thick, (1, 1, 1.45)),
        capsule(points, (pillar, back + 3, 0.1 * h), (pillar + 1.5, back + 2, 1.35 * h), 0.16 * a + 1.3, (1.1, 1, 1)),
        capsule(
            points,
            (0.85 * pillar, back + 7, -0.2 * h),
            (0.8 * pillar, back + 8, -1.45 * h),
            0.16 * a + 1.2,
            (1.1, 1, 1),
        ),
        capsule(points, (pillar, back + 6, 0.0), (0.0, back + canal, -0.45 * h), 2.6, (1, 1, 2.4)),
        capsule(points, (pillar, back + 4, 0.1 * h), (pillar + 22, back + (14 if thoracic else 8), 0.25 * h), 3.6),
    ]
    drop = -1.6 * h if thoracic else -0.5 * h
    length = 14.0 if cervical else 22.0
    tall = 1.5 if thoracic or cervical else 3.0
    parts.append(
        capsule(points, (0, back + canal + 1, -0.4 * h), (0, back + canal + length, -0.4 * h + drop), 2.9, (1, 1, tall))
    )
    if thoracic:  # heads of the ribs
        parts.append(capsule(points, (a + 1, 0.55 * b, 0.75 * h), (a + 24, 0.7 * b + 16, 0.9 * h), 4.2))
    return np.minimum.reduce(parts)


def sacral_distance(vertebra: Vertebra, u, v, w) -> np.ndarray:
    """Signed distance (mm) to the sacral wings and the roof of the sacral canal."""
    a, b, h = vertebra.half
    points = (np.abs(u), v, w)
    wing = capsule(points, (0.9 * a, 0.2 * b, 0), (a + 24, 0.9 * b, 0), 0.8 * b, (1, 1, 1.05 * h / (0.8 * b)))
    hole = capsule(points, (0.72 * a, -2 * b, -0.9 * h), (0.72 * a, 3 * b, -0.9 * h), 4.0)
    roof = capsule(points, (0.7 * a, b + 5, 0), (0, b + 15, 0), 2.8, (1, 1, 1.1 * h / 2.8))
    crest = capsule(points, (0, b + 15, 0), (0, b + 20, -2), 2.6, (1, 1, 2.0))
    return np.minimum.reduce([np.maximum(wing, -hole), roof, crest])
