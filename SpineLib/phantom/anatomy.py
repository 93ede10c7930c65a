"""Draws a patient: soft tissue, column, discs, canal, as a tissue map on the fine grid."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from SpineLib.phantom import bone
from SpineLib.phantom.background import draw_background
from SpineLib.phantom.canal import CanalPath, draw_canal, draw_foramina
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.grid import Grid
from SpineLib.phantom.organs import draw_organs
from SpineLib.phantom.spine import LEVELS, Vertebra
from SpineLib.phantom.tissues import Tissue
from SpineLib.phantom.wear import draw_wear, vary_marrow, wear_column


@dataclass
class Anatomy:
    """A drawn patient.

    Attributes:
        labels: tissue map, uint8 (:class:`Tissue`).
        vertebrae: uint8; VerSe numbers (C3 = 3 ... T1 = 8, L1 = 20, S1 = 25), 0 elsewhere.
        marrow_fat: fat fraction of marrow, float32.
        texture: random field of unit deviation, float32.
        spine: the column.
    """

    grid: Grid
    labels: np.ndarray
    vertebrae: np.ndarray
    marrow_fat: np.ndarray
    texture: np.ndarray
    spine: list[Vertebra]


def level_number(level: str) -> int:
    """VerSe label of a level."""
    return LEVELS.index(level) + 3


def draw_anatomy(rng: np.random.Generator, grid: Grid, spine: list[Vertebra], everyday: bool = False) -> Anatomy:
    """Draw all tissues; ``spine`` runs from the lowest to the highest vertebra.

    ``everyday`` adds what wears with age, the organs of the pelvis, and marrow that varies; it changes ``spine``.
    """
    if everyday:
        wear_column(rng, spine)
    canal = CanalPath.along(spine, grid, rng)
    labels = draw_background(rng, grid, spine, canal)
    if everyday:
        draw_organs(rng, grid, spine, labels)
    vertebrae = np.zeros(grid.shape, np.uint8)
    ds, dr, dc = grid.step
    fine = smooth_field(rng, grid.shape, (2.2 / ds, 2.2 / dr, 2.2 / dc))
    coarse = smooth_field(rng, grid.shape, (9 / ds, 9 / dr, 9 / dc))
    texture = (0.75 * fine + 0.65 * coarse).astype(np.float32)
    marrow_fat = _marrow(rng, grid, coarse, fine)
    draw_foramina(rng, grid, spine, canal, labels)
    for vertebra in spine:
        _draw_posterior(grid, vertebra, labels, vertebrae)
    draw_canal(rng, grid, spine, canal, labels, vertebrae)
    for lower, upper in itertools.pairwise(spine):
        _draw_disc(rng, grid, lower, upper, labels, vertebrae)
    for vertebra in spine:
        _draw_body(rng, grid, vertebra, labels, vertebrae, marrow_fat)
    if everyday:
        draw_wear(rng, grid, spine, canal, labels, vertebrae)
        vary_marrow(rng, grid, spine, vertebrae, marrow_fat)
    return Anatomy(grid, labels, vertebrae, marrow_fat, texture, spine)


def _marrow(rng, grid, coarse, fine) -> np.ndarray:
    base = rng.uniform(0.25, 0.72)  # red to fatty marrow, by age
    patchy = rng.uniform(0.01, 0.07)
    field = base + patchy * coarse + rng.uniform(0.01, 0.04) * fine
    return np.clip(field, 0.08, 0.92).astype(np.float32)


def _draw_posterior(grid: Grid, vertebra: Vertebra, labels, vertebrae) -> None:
    a, b, h = vertebra.half
    reach = 62.0 if not vertebra.is_sacral else 40.0
    centre = vertebra.point(0, b + reach / 2 - 12, -0.3 * h)
    extent = np.array([a + 30, reach / 2 + 12 + h, 3.1 * h])
    box = grid.box(centre - extent, centre + extent)
    if box is None:
        return
    u, v, w = grid.local(box, vertebra.centre, vertebra.axes)
    distance = (bone.sacral_distance if vertebra.is_sacral else bone.posterior_distance)(vertebra, u, v, w)
    inside = distance < 0
    part = labels[box]
    part[inside] = np.where(distance[inside] > -vertebra.shape["cortex"], Tissue.CORTEX, Tissue.MARROW)
    vertebrae[box][inside] = level_number(vertebra.level)


def _draw_disc(rng, grid: Grid, lower: Vertebra, upper: Vertebra, labels, vertebrae) -> None:
    centre = 0.5 * (upper.point(0, 0, -upper.half[2]) + lower.point(0, 0, lower.half[2]))
    axes = upper.axes + lower.axes
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    a, b = 0.5 * (upper.half[:2] + lower.half[:2])
    degeneration = upper.degeneration
    thick = upper.disc_below / 2
    bulge = 0.5 + rng.uniform(0, 2.5) * degeneration
    extent = np.array([a + 6, b + thick + 9, b * 0.6 + thick + 6])
    box = grid.box(centre - extent, centre + extent)
    if box is None:
        return
    u, v, w = grid.local(box, centre, axes)
    # Bodies are drawn over the disc, so it may reach into their concave endplates.
    tall = thick + 3.0
    rho = ((np.abs(u) / np.float32(a)) ** 2.4 + (np.abs(v + 1.0) / np.float32(b)) ** 2.4 + 1e-6) ** (1 / 2.4)
    wall = (rho - 1) * min(a, b) - bulge
    if degeneration > 0.5 and rng.random() < 0.25:  # a herniation into the canal
        wall = np.minimum(
            wall,
            bone.capsule(
                (u, v, w),
                (rng.normal(0, 4), b - 3, 0),
                (rng.normal(0, 4), b + rng.uniform(1, 4), rng.normal(0, 2)),
                3.0,
            ),
        )
    disc = (wall < 0) & (np.abs(w) < tall) & (vertebrae[box] == 0)
    part = labels[box]
    part[disc] = Tissue.ANNULUS
    core = disc & (((u / (0.70 * a)) ** 2 + ((v - 0.08 * b) / (0.64 * b)) ** 2 + (w / (thick * 1.1 + 1.2)) ** 2) < 1)
    if degeneration < rng.uniform(0.35, 0.85):
        cleft = (np.abs(w) < 0.7) & (rng.random() < 0.5)
        part[core & ~cleft] = Tissue.NUCLEUS
    elif rng.random() < 0.15:  # vacuum: gas in a degenerated disc
        part[core & (np.abs(w) < 0.8)] = Tissue.AIR
    ligament = (
        (wall > 0)
        & (wall < upper.shape["ligament"])
        & (np.abs(w) < thick + 1)
        & (np.abs(v) > 0.5 * b)
        & (vertebrae[box] == 0)
    )
    part[ligament] = Tissue.LIGAMENT


def _draw_body(rng, grid: Grid, vertebra: Vertebra, labels, vertebrae, marrow_fat) -> None:
    a, b, h = vertebra.half
    extent = np.array([a + 8, b + 0.5 * h + 8, h + 0.5 * b + 8])
    box = grid.box(vertebra.centre - extent, vertebra.centre + extent)
    if box is None:
        return
    u, v, w = grid.local(box, vertebra.centre, vertebra.axes)
    wall, plates = bone.body_distance(vertebra, u, v, w)
    rough = smooth_field(rng, wall.shape, tuple(5.0 / s for s in grid.step)) * np.float32(0.35)
    wall, plates = wall + rough, plates + rough
    inside = (wall < 0) & (plates < 0)
    part = labels[box]
    ligament = (
        (wall > 0) & (wall < vertebra.shape["ligament"]) & (plates < 0) & (np.abs(v) > 0.5 * b) & (vertebrae[box] == 0)
    )
    part[ligament] = Tissue.LIGAMENT
    shell = (wall > -vertebra.shape["cortex"]) | (plates > -vertebra.shape["endplate"])
    part[inside] = np.where(shell[inside], Tissue.CORTEX, Tissue.MARROW)
    vertebrae[box][inside] = level_number(vertebra.level)
    if vertebra.is_sacral:
        part[inside & (wall > -vertebra.shape["cortex"]) & (v > 0) & (rng.random() < 0.5)] = Tissue.LIGAMENT
        return
    fat = marrow_fat[box]
    fat += np.float32(rng.normal(0, 0.02))
    if rng.random() < 0.7:  # fat gathers around the basivertebral vein and under the endplates
        near = np.exp(-((v - 0.3 * b) ** 2 + (2.0 * w) ** 2 + (0.7 * u) ** 2) / np.float32((0.45 * b) ** 2))
        fat += np.float32(rng.uniform(-0.05, 0.18)) * near
    if rng.random() < 0.85:
        _draw_basivertebral(rng, vertebra, u, v, w, inside, part)
    np.clip(fat, 0.05, 0.93, out=fat)


def _draw_basivertebral(rng, vertebra: Vertebra, u, v, w, inside, part) -> None:
    """The basivertebral vein: a wedge that opens into the middle of the back wall."""
    b, h = vertebra.half[1:]
    depth = rng.uniform(0.25, 0.95) * b
    t = np.clip((v - (b - depth)) / depth, 0, 1.3)
    tall = rng.uniform(0.8, 2.6) * t + 0.2
    wide = rng.uniform(2.0, 7.0) * (0.4 + 0.6 * t)
    vein = inside & (v > b - depth) & (np.abs(w + rng.normal(0, 0.06) * h) < tall) & (np.abs(u) < wide)
    part[vein] = rng.choice([Tissue.VEIN, Tissue.VEIN, Tissue.EPIDURAL_FAT, Tissue.LIGAMENT])
