"""Which part of the spine a scan shows, on which grid, and where that lies in the patient's space."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.phantom.grid import Grid
from SpineLib.phantom.posture import Frame
from SpineLib.phantom.spine import Vertebra, draw_spine
from SpineLib.volume.triples import triple

#: Levels that may lie in the middle, and least and most vertebrae seen, by region.
REGIONS = {
    "lumbar": (("L1", "L2", "L3"), (5, 8)),
    "thoracolumbar": (("T10", "T11", "T12"), (6, 9)),
    "thoracic": (("T5", "T6", "T7", "T8"), (7, 9)),
    "cervicothoracic": (("C7", "T1", "T2", "T3"), (7, 9)),
}


#: Directions of a sagittal image's axes in the drawing: i backwards, j downwards, k to the right.
_AXES = np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]])


def draw_region(rng: np.random.Generator) -> str:
    """One of REGIONS, as often as metastases are looked for there (assumed)."""
    return str(rng.choice(list(REGIONS), p=[0.5, 0.2, 0.2, 0.1]))


def vertebra_facts(vertebra: Vertebra, direction, origin, grid: Grid, margin: int) -> dict:
    """Centre of a body in the image's own LPS space (the drawing's axes turned with the slices)."""
    local = np.array(
        [vertebra.centre[1] - grid.ys[0], grid.zs[margin] - vertebra.centre[2], _first_x(grid) - vertebra.centre[0]]
    )
    return {"level": vertebra.level, "centre_lps_mm": [round(float(x), 3) for x in origin + direction @ local]}


def _first_x(grid: Grid) -> float:
    """Place (mm to the left) of the image's first slice, the leftmost."""
    return float(grid.xs[-1] - (grid.oversampling - 1) / 2 * grid.step[0])


def draw_geometry(rng, region: str, settings):
    """Grid, column, spacing and fold-over margin of a case."""
    centres, counts = REGIONS[region]
    slices = settings.slices or int(rng.integers(15, 29) if not settings.everyday else rng.integers(11, 25))
    thickness = float(rng.uniform(3.3, 4.8) if not settings.everyday else rng.uniform(3.3, 5.2))
    matrix = settings.matrix or int(rng.choice([256, 320, 384, 448], p=[0.2, 0.3, 0.35, 0.15]))
    spine = draw_spine(rng, str(rng.choice(centres)), 330.0)
    if settings.spacing:
        spacing = settings.spacing
    else:
        pitch = np.mean([2 * v.half[2] + v.disc_below for v in spine if not v.is_sacral and abs(v.centre[2]) < 160])
        extra = rng.uniform(40, 110) if region == "lumbar" else rng.uniform(0, 30)
        if settings.everyday and rng.random() < 0.5:
            extra = rng.uniform(60, 200)
        spacing = (rng.integers(counts[0], counts[1] + 1) * pitch + extra) / matrix
    spacing = float(np.clip(spacing, 0.45, 1.25))
    margin = int(rng.integers(8, 30)) if rng.random() < 0.12 else 0
    q = settings.oversampling
    side = rng.normal(0, 3) + np.mean([v.centre[0] for v in spine if abs(v.centre[2]) < 120])
    xs = (np.arange(slices * q) - (slices * q - 1) / 2) * thickness / q + side
    zs = -(np.arange(matrix + 2 * margin) - (matrix + 2 * margin - 1) / 2) * spacing
    if settings.everyday and region == "lumbar":
        zs = zs - rng.uniform(-20, 60)
    zs = zs - (rng.uniform(10, 60) if region == "lumbar" else rng.normal(0, 15))
    place = rng.uniform(0.40, 0.68)  # where the column lies between the front and the back edge
    near = [v.centre[1] for v in spine if abs(v.centre[2] - zs.mean()) < 0.4 * matrix * spacing]
    if not near:
        raise SpineError(f"{matrix} rows of {spacing:g} mm show no vertebra; choose a larger matrix.")
    ys = (np.arange(matrix) - place * matrix) * spacing + np.mean(near)
    return Grid(xs, zs, ys, q), spine, {"spacing": (spacing, spacing, thickness)}, margin


def place_image(rng, grid: Grid, spacing, margin: int):
    """Direction and origin of the image in LPS: sagittal slices from left to right, a little oblique."""
    angles = np.deg2rad(rng.normal(0, (2.0, 3.0, 3.0)))
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        c, s = np.cos(angle), np.sin(angle)
        one = np.eye(3)
        a, b = (axis + 1) % 3, (axis + 2) % 3
        one[a, a], one[a, b], one[b, a], one[b, b] = c, -s, s, c
        turn = one @ turn
    direction = turn @ _AXES
    origin = turn @ _first(grid, margin) + rng.normal(0, 20, 3)
    return direction, tuple(float(v) for v in origin)


def frame_of(direction: np.ndarray, origin, grid: Grid, margin: int) -> Frame:
    """Where the drawing's axes lie in LPS when its image lies at ``direction`` and ``origin``."""
    turn = direction @ _AXES.T
    return Frame(turn, np.asarray(origin) - turn @ _first(grid, margin))


def image_of(frame: Frame, grid: Grid, margin: int) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Direction and origin of the image of a drawing whose axes lie at ``frame``."""
    return frame.turn @ _AXES, triple(float(v) for v in frame.turn @ _first(grid, margin) + frame.offset)


def _first(grid: Grid, margin: int) -> np.ndarray:
    """Place (x, y, z) in the drawing of the image's first voxel."""
    return np.array([_first_x(grid), grid.ys[0], grid.zs[margin]])
