"""The vertebral column of one simulated patient: which levels, how large, where, how tilted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

LEVELS = (
    [f"C{n}" for n in range(3, 8)]
    + [f"T{n}" for n in range(1, 13)]
    + [f"L{n}" for n in range(1, 6)]
    + [f"S{n}" for n in range(1, 6)]
)

#: Width, depth, height of the body and height of the disc below (mm), interpolated between these levels. Rounded from
#: Panjabi et al.: cervical, thoracic (Spine 1991;16:861, 888), lumbar (Spine 1992;17:299); sacrum: assumed.
_ANCHORS = {
    "C3": (18, 16, 13.5, 5.0),
    "C7": (23, 17, 14, 5.0),
    "T1": (27, 17, 15, 4.5),
    "T6": (28, 24, 18, 5.0),
    "T12": (38, 30, 23, 7.0),
    "L1": (41, 32, 25, 8.5),
    "L3": (45, 34, 27, 10.5),
    "L5": (49, 35, 27, 11.0),
    "S1": (48, 30, 27, 3.0),
    "S2": (38, 20, 24, 2.0),
    "S5": (22, 11, 17, 1.0),
}

#: Sagittal tilt of the body's upward axis (degrees, positive = leaning backwards) of a usual standing curve.
_TILT = {
    "C3": 6,
    "C7": -14,
    "T1": -17,
    "T7": -2,
    "T11": 10,
    "L1": 9,
    "L3": -2,
    "L5": -20,
    "S1": -38,
    "S3": -58,
    "S5": -30,
}


def _interpolate(anchors: dict, level: str) -> np.ndarray:
    places = [LEVELS.index(name) for name in anchors]
    values = np.array([anchors[name] for name in anchors], dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    return np.array([np.interp(LEVELS.index(level), places, values[:, c]) for c in range(values.shape[1])])


def nominal_size(level: str) -> np.ndarray:
    """Half width, half depth, half height (mm) of a level's body in a patient of usual size."""
    return _interpolate(_ANCHORS, level)[:3] / 2


@dataclass
class Vertebra:
    """One vertebra in the patient.

    Attributes:
        level: name, "C3" to "S5".
        centre: centre of the body (x, y, z), LPS mm.
        axes: 3 x 3, rows are the local axes in LPS: u (to the left), v (backwards), w (upwards).
        half: half width, half depth, half height of the body, mm.
        disc_below: height of the disc below, mm.
        shape: drawn parameters of the outline (see ``bone.body_distance``).
        real: a real vertebra's shape (see ``ct.realshapes``), which then stands for the outline.
        mirrored: left and right of ``real`` change sides.
    """

    level: str
    centre: np.ndarray
    axes: np.ndarray
    half: np.ndarray
    disc_below: float
    degeneration: float
    shape: dict = field(default_factory=dict)
    real: Any = None
    mirrored: bool = False

    @property
    def is_sacral(self) -> bool:
        return self.level.startswith("S")

    def point(self, u: float, v: float, w: float) -> np.ndarray:
        """LPS position of a local point (mm)."""
        return self.centre + np.array([u, v, w]) @ self.axes


def _axes(tilt: float, side: float, turn: float) -> np.ndarray:
    a, b, c = np.deg2rad([tilt, side, turn])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    # A positive tilt turns the upward axis backwards (+y in LPS).
    return (about_z @ about_y @ about_x.T).T


def draw_spine(
    rng: np.random.Generator, centre_level: str, reach_mm: float, sacral_slope: float = 0.0
) -> list[Vertebra]:
    """Draw a column, from the lowest to the highest level, around the origin.

    Args:
        rng: source of randomness.
        centre_level: the level whose body lies near the origin.
        reach_mm: levels are added until they lie this far above and below the origin.
        sacral_slope: degrees by which the sacrum leans further forwards than usual; L5 and L4 follow in part.
    """
    size = rng.normal(1.0, 0.07)
    curvature = rng.uniform(0.35, 1.25)
    scoliosis, phase, wave = rng.normal(0, 5.0) * (rng.random() < 0.6), rng.uniform(0, 2 * np.pi), rng.uniform(5, 11)
    degenerated = rng.beta(1.2, 2.0)
    disc_scale = rng.uniform(0.75, 1.15)
    vertebrae = []
    for n, level in enumerate(LEVELS):
        width, depth, height, disc = _interpolate(_ANCHORS, level) * size
        sacral = level.startswith("S")
        tilt = float(_interpolate(_TILT, level)[0]) * (curvature if not sacral else 0.6 + 0.4 * curvature)
        tilt += rng.normal(0, 1.5)
        tilt -= sacral_slope * (1.0 if sacral else {"L5": 0.75, "L4": 0.35}.get(level, 0.0))
        side = scoliosis * np.sin(phase + 2 * np.pi * n / wave) + rng.normal(0, 0.8)
        degeneration = float(np.clip(degenerated + rng.normal(0, 0.22), 0, 1)) if not sacral else 1.0
        disc *= disc_scale * (1 - 0.45 * degeneration * rng.uniform(0.3, 1)) if not sacral else rng.uniform(0.4, 1.2)
        half = 0.5 * np.array([width, depth, height]) * np.exp(rng.normal(0, 0.03, 3))
        shape = {
            "power": rng.uniform(2.2, 3.0),
            "waist": rng.uniform(0.04, 0.14),
            "posterior_concavity": rng.uniform(0.5, 3.5),
            "endplate_concavity": rng.uniform(0.4, 2.6, 2) * (0.5 if sacral else 1.0),
            "wedge": rng.normal(0, 0.03),
            "cortex": rng.uniform(0.35, 1.2),
            "endplate": rng.uniform(0.3, 0.9),
            "ligament": rng.uniform(0.2, 1.1),
            "osteophyte": 0.0,
            "collapse": 0.0,
        }
        if rng.random() < 0.3 * (0.3 + degeneration) and not sacral:
            shape["osteophyte"] = rng.uniform(1.0, 5.0)
        if rng.random() < 0.05 and not sacral:  # an old, healed wedge fracture: must not be found
            shape["wedge"] = -rng.uniform(0.10, 0.30)
            shape["collapse"] = rng.uniform(0.05, 0.2)
        vertebrae.append(
            Vertebra(
                level,
                np.zeros(3),
                _axes(tilt, side, rng.normal(0, 1.5)),
                half,
                float(max(disc, 0.6)),
                degeneration,
                shape,
            )
        )
    middle = LEVELS.index(centre_level)
    for n in range(middle + 1, len(LEVELS)):
        upper, lower = vertebrae[n - 1], vertebrae[n]
        lower.centre = upper.centre - step_between(upper, lower)
    for n in range(middle - 1, -1, -1):
        upper, lower = vertebrae[n], vertebrae[n + 1]
        upper.centre = lower.centre + step_between(upper, lower)
    kept = [v for v in vertebrae if abs(v.centre[2]) < reach_mm + v.half[2] * 2]
    return kept[::-1]


def step_between(upper: Vertebra, lower: Vertebra) -> np.ndarray:
    """From the body's centre of ``lower`` to that of ``upper``, its neighbour, mm LPS."""
    between = upper.axes[2] + lower.axes[2]
    between /= np.linalg.norm(between)
    return upper.half[2] * upper.axes[2] + upper.disc_below * between + lower.half[2] * lower.axes[2]
