"""Soft tissue around the column: muscles, fat, vessels, belly or chest, skin and air."""

from __future__ import annotations

import numpy as np

from SpineLib.phantom.canal import CanalPath
from SpineLib.phantom.fields import curve, smooth_field
from SpineLib.phantom.grid import Grid
from SpineLib.phantom.spine import Vertebra
from SpineLib.phantom.tissues import Tissue


def draw_background(rng: np.random.Generator, grid: Grid, spine: list[Vertebra], path: CanalPath) -> np.ndarray:
    """Tissue map (uint8) of everything but column and canal."""
    n = len(grid.zs)
    row = lambda values: np.asarray(values, np.float32)[None, :, None]  # noqa: E731
    x = grid.xs.astype(np.float32)[:, None, None]
    y = grid.ys.astype(np.float32)[None, None, :]
    ds, dr, dc = grid.step
    chest = next((v.centre[2] - 10 for v in spine if v.level == "T11"), None)
    if chest is None:
        chest = 1e6 if spine[-1].level[0] in "LS" else -1e6
    front = path.body_y - path.body_deep
    canal_y = np.maximum(path.y, path.body_y + path.body_deep)
    muscle = np.maximum(rng.uniform(34, 50) + 3 * curve(rng, n, 6), 30)
    fat = np.clip(rng.uniform(3, 32) + 4 * curve(rng, n, 5), 2, None)
    skin = canal_y + muscle + fat
    wall = front.mean() - rng.uniform(70, 170) + 12 * curve(rng, n, 4)
    labels = _belly(rng, grid, row(front), float(chest))
    if rng.random() < 0.8:
        belly_fat = rng.uniform(8, 40)
        labels[np.broadcast_to(y < row(wall + belly_fat), labels.shape)] = Tissue.SUBCUTANEOUS_FAT
        labels[np.broadcast_to((y > row(wall + belly_fat)) & (y < row(wall + belly_fat + 9)), labels.shape)] = (
            Tissue.MUSCLE
        )
        labels[np.broadcast_to(y < row(wall), labels.shape)] = Tissue.AIR
    side = np.abs(x - row(path.body_x))
    streaks = smooth_field(rng, grid.shape, (5 / ds, 16 / dr, 4 / dc))
    fatty = rng.uniform(0.9, 2.2)
    # Psoas and the muscles beside the column; fat between them and the bodies.
    beside = (y > row(front - 4)) & (side > row(0.75 * path.body_wide))
    labels[beside] = np.where(streaks[beside] > fatty, Tissue.VISCERAL_FAT, Tissue.MUSCLE)
    behind = np.broadcast_to(y > row(canal_y - 2), labels.shape)
    labels[behind] = np.where(streaks[behind] > fatty - 0.35, Tissue.SUBCUTANEOUS_FAT, Tissue.MUSCLE)
    midline = (np.abs(x - row(path.x)) < row(2.5 + 1.2 * curve(rng, n, 14))) & (y > row(canal_y + 8))
    labels[midline] = np.where(streaks[midline] > rng.uniform(-0.6, 0.6), Tissue.SUBCUTANEOUS_FAT, Tissue.LIGAMENT)
    # Vessels in front of the column: aorta to the left, cava to the right, a thin layer of fat under them.
    near = (y < row(front)) & (y > row(front - rng.uniform(3, 9)))
    labels[np.broadcast_to(near, labels.shape)] = Tissue.VISCERAL_FAT
    for offset, radius, flat in (
        (rng.uniform(4, 14), rng.uniform(7, 11), 1.0),
        (-rng.uniform(8, 18), rng.uniform(7, 11), 0.75),
    ):
        cx = row(path.body_x + offset + 2.5 * curve(rng, n, 5))
        cy = row(front - radius * flat - 2 + 1.5 * curve(rng, n, 5))
        tube = ((x - cx) / radius) ** 2 + ((y - cy) / (radius * flat)) ** 2
        labels[tube < 1.2] = Tissue.LIGAMENT
        labels[tube < 1.0] = Tissue.BLOOD
    for v in spine:  # segmental vessels hug the waist of each body
        if v.is_sacral:
            continue
        ring = (np.abs(grid.zs - v.centre[2]) < rng.uniform(0.8, 1.8)).nonzero()[0]
        if len(ring):
            z = slice(ring[0], ring[-1] + 1)
            part = labels[:, z]
            part[(y > row(front[z] - 2.5)) & (y < row(front[z] + 0.4)) & (side[:, z] < row(path.body_wide[z]))] = (
                Tissue.BLOOD
            )
    labels[np.broadcast_to(y > row(skin - fat), labels.shape)] = Tissue.SUBCUTANEOUS_FAT
    labels[np.broadcast_to((y > row(skin - fat - 1.2)) & (y < row(skin - fat)), labels.shape)] = Tissue.LIGAMENT
    labels[np.broadcast_to(y > row(skin - 2), labels.shape)] = Tissue.MUSCLE
    labels[np.broadcast_to(y > row(skin), labels.shape)] = Tissue.AIR
    return labels


def _belly(rng, grid: Grid, front, chest: float) -> np.ndarray:
    """Organs in front of the column, as blobs: no organ is meant, but their sizes, edges and contrasts are usual."""
    ds, dr, dc = grid.step
    large = smooth_field(rng, grid.shape, (30 / ds, 34 / dr, 30 / dc))
    small = smooth_field(rng, grid.shape, (9 / ds, 11 / dr, 9 / dc))
    labels = np.full(grid.shape, Tissue.VISCERAL_FAT, np.uint8)
    thin = rng.uniform(-0.3, 0.5)
    labels[large > 0.5 + thin] = Tissue.ORGAN
    labels[(large < -0.5 - thin)] = Tissue.BOWEL
    labels[(large < -0.4 - thin) & (np.abs(small) < 0.15)] = Tissue.MUSCLE
    labels[(large < -0.7 - thin) & (small > 0.9)] = Tissue.AIR
    labels[(large < -1.5)] = Tissue.FLUID
    labels[(np.abs(large) < 0.3) & (small > 1.1)] = Tissue.BLOOD
    if chest < 1e5 and chest < grid.zs[0]:
        z = grid.zs.astype(np.float32)[None, :, None]
        above = np.broadcast_to(z > np.float32(chest) + 8 * large, labels.shape)
        labels[above] = np.where(large[above] > 0.35, Tissue.BLOOD, Tissue.LUNG)
        labels[above & (np.abs(large - 0.35) < 0.12)] = Tissue.MUSCLE
    return labels
