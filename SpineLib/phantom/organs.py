"""Organs in front of the lumbar spine and the sacrum: bladder, womb, rectum, loops of bowel with gas."""

from __future__ import annotations

import numpy as np

from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.grid import Grid
from SpineLib.phantom.spine import Vertebra
from SpineLib.phantom.tissues import Tissue

_CONTENTS = (Tissue.BOWEL, Tissue.BOWEL, Tissue.AIR, Tissue.FLUID, Tissue.ORGAN)


def draw_organs(rng: np.random.Generator, grid: Grid, spine: list[Vertebra], labels: np.ndarray) -> None:
    """Draw them into the tissue map ``labels`` before the bones are drawn over it."""
    at = {v.level: v.centre for v in spine}
    for level in ("L2", "L3", "L4", "L5", "S1", "S2"):
        for _ in range(int(rng.integers(0, 4)) if level in at else 0):
            away = np.array([rng.normal(0, 30), -rng.uniform(38, 110), rng.normal(0, 22)])
            _hollow(rng, grid, at[level] + away, rng.uniform(6, 16), labels)
    if "S2" not in at or "S3" not in at:
        return
    pelvis = np.asarray(at["S3"])
    if rng.random() < 0.85:  # the rectum, in the sacrum's hollow
        for drop in np.arange(-10, 50, 9.0):
            place = pelvis + [rng.normal(0, 4), -rng.uniform(20, 32), -drop]
            _hollow(rng, grid, place, rng.uniform(7, 17), labels)
    if rng.random() < 0.5:  # the womb, with its bright lining
        centre = pelvis + [rng.normal(0, 8), -rng.uniform(48, 72), rng.normal(-5, 12)]
        radii = np.array([rng.uniform(22, 34), rng.uniform(18, 28), rng.uniform(28, 44)])
        _fill(rng, grid, centre, radii, labels, Tissue.ORGAN)
        _fill(rng, grid, centre, radii * [0.5, 0.22, 0.55], labels, Tissue.LIGAMENT)
        _fill(rng, grid, centre, radii * [0.45, 0.12, 0.5], labels, rng.choice([Tissue.FLUID, Tissue.VEIN]))
    if rng.random() < 0.8:
        size = rng.uniform(16, 48)
        centre = pelvis + [rng.normal(0, 5), -rng.uniform(75, 110), -rng.uniform(10, 40)]
        radii = size * np.array([rng.uniform(0.9, 1.2), rng.uniform(0.8, 1.1), rng.uniform(0.6, 1.0)])
        _fill(rng, grid, centre, radii + rng.uniform(2, 5), labels, Tissue.MUSCLE)
        _fill(rng, grid, centre, radii, labels, Tissue.FLUID)


def _hollow(rng, grid: Grid, centre, radius: float, labels) -> None:
    """A loop of bowel: wall and content, of which gas may fill the front."""
    radii = radius * rng.uniform(0.7, 1.6, 3)
    content = rng.choice(_CONTENTS)
    _fill(rng, grid, centre, radii + rng.uniform(1, 2.5), labels, Tissue.MUSCLE)
    _fill(rng, grid, centre, radii, labels, content)
    if content != Tissue.AIR and rng.random() < 0.3:
        _fill(rng, grid, np.asarray(centre) - [0, 0.4 * radii[1], 0], radii * [0.8, 0.5, 0.8], labels, Tissue.AIR)


def _fill(rng, grid: Grid, centre, radii, labels, tissue) -> None:
    """An ellipsoid with an uneven surface."""
    centre, radii = np.asarray(centre, float), np.asarray(radii, float)
    box = grid.box(centre - 1.4 * radii, centre + 1.4 * radii)
    if box is None:
        return
    u, v, w = grid.local(box, centre, np.eye(3))
    rho = (u / radii[0]) ** 2 + (v / radii[1]) ** 2 + (w / radii[2]) ** 2
    uneven = smooth_field(rng, rho.shape, tuple(0.6 * radii.mean() / s for s in grid.step))
    labels[box][rho + np.float32(0.15) * uneven < 1] = tissue
