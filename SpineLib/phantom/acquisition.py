"""From tissue to image: what the scanner makes of a drawn patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from scipy import ndimage

from SpineLib.phantom.anatomy import Anatomy
from SpineLib.phantom.artefacts import ghosts, ringing
from SpineLib.phantom.coil import array_sensitivity
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.grid import Grid
from SpineLib.phantom.lesions import Inclusion
from SpineLib.phantom.physics import Sequence, signal
from SpineLib.phantom.spine import Vertebra
from SpineLib.phantom.tissues import Tissue, TissueMaps


@dataclass(frozen=True)
class Motion:
    """How the patient lies during one sequence.

    ``shift`` along (s: to the left, row: downwards, column: backwards) in mm; ``turn`` within the sagittal plane in
    degrees, about the centre of the image.
    """

    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn: float = 0.0


@dataclass(frozen=True)
class ChemicalShift:
    """Displacement of fat in the image, voxels, down the rows (from row to row) or across them."""

    voxels: float
    down_rows: bool


def tissue_signal(
    rng, anatomy: Anatomy, inclusions: list[Inclusion], tissues: TissueMaps, sequence: Sequence, wide: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Signal of water and of fat on the fine grid, float32 (kept apart for the chemical shift)."""
    args = {"field_t": tissues.field_t}
    water_of = signal(sequence, tissues.pd, tissues.t1, tissues.t2, tissues.uptake, **args)
    fat_signal = float(signal(sequence, 0.9, tissues.fat_t1, tissues.fat_t2, **args)) * sequence.fat_left
    if sequence.ti is None and wide:
        fat_signal *= rng.uniform(0.75, 1.2)
    share = np.array([tissues.fat[t] for t in Tissue], dtype=np.float64)
    if rng.random() < 0.6:
        water_of[Tissue.BLOOD] *= rng.uniform(0.0, 0.3)  # flow void
    water = (water_of * (1 - share)).astype(np.float32)[anatomy.labels]
    fat = (fat_signal * share).astype(np.float32)[anatomy.labels]
    marrow = np.flatnonzero(anatomy.labels == Tissue.MARROW)
    fraction = anatomy.marrow_fat.ravel()[marrow]
    water.ravel()[marrow] = np.float32(water_of[Tissue.MARROW]) * (1 - fraction)
    fat.ravel()[marrow] = np.float32(fat_signal) * fraction
    amplitude = tissues.texture * rng.normal(1.0, 0.3, len(Tissue)) * (1.5 if wide else 1.0)
    ripple = 1 + amplitude.astype(np.float32)[anatomy.labels] * anatomy.texture
    water *= ripple
    fat *= ripple
    for item in inclusions:
        signals = [
            (float(signal(sequence, p.pd, p.t1, p.t2, p.uptake, **args)) * (1 - p.fat), fat_signal * p.fat)
            for p in item.poles
        ]
        blend = item.blend * (1 + 0.15 * anatomy.texture[item.box])
        for target, column in ((water, 0), (fat, 1)):
            own = signals[0][column] + (signals[1][column] - signals[0][column]) * blend
            region = target[item.box]
            region += item.weight * (own.astype(np.float32) - region)
    return np.maximum(water, 0), np.maximum(fat, 0)


def _slices(fine: np.ndarray, q: int, profile: np.ndarray) -> np.ndarray:
    """Average sub-slices with the slice profile, which reaches one sub-slice into each neighbour."""
    padded = np.concatenate([fine[:1], fine, fine[-1:]])
    n = fine.shape[0] // q
    out = np.zeros((n,) + fine.shape[1:], np.float32)
    for offset, weight in enumerate(profile):
        out += np.float32(weight) * padded[offset : offset + n * q : q][:n]
    return out


def acquire(
    rng: np.random.Generator,
    anatomy: Anatomy,
    inclusions: list[Inclusion],
    tissues: TissueMaps,
    sequence: Sequence,
    motion: Motion,
    wide: bool,
    margin: int = 0,
    everyday: bool = False,
) -> tuple[np.ndarray, ChemicalShift]:
    """One sequence of the drawn patient: :func:`tissue_signal`, then :func:`scan`, whose result it gives."""
    water, fat = tissue_signal(rng, anatomy, inclusions, tissues, sequence, wide)
    return scan(rng, water, fat, anatomy.grid, anatomy.spine, motion, wide, margin, everyday)


def scan(
    rng: np.random.Generator,
    water: np.ndarray,
    fat: np.ndarray,
    grid: Grid,
    spine: list[Vertebra],
    motion: Motion,
    wide: bool,
    margin: int = 0,
    everyday: bool = False,
) -> tuple[np.ndarray, ChemicalShift]:
    """What the scanner makes of the signal of water and fat on a fine grid.

    Slice profile, chemical shift along the frequency direction, the patient's small motion, resolution lower than the
    grid's, receive coil and bias field, fold-over of ``margin`` rows, Rician noise, an arbitrary intensity scale;
    ``everyday`` also the fall-off of an array of coils, a smaller matrix in k-space and ghosts.

    Returns:
        int16 array (slices, rows, columns), and how far fat is displaced in it.
    """
    q = grid.oversampling
    move = round(motion.shift[0] / grid.step[0])
    if move:
        water, fat = (
            np.take(f, np.clip(np.arange(f.shape[0]) - move, 0, f.shape[0] - 1), axis=0) for f in (water, fat)
        )
    bell = np.exp(-0.5 * ((np.arange(q + 2) - (q + 1) / 2) / (0.36 * q * rng.uniform(0.8, 1.15))) ** 2)
    bell /= bell.sum()
    water, fat = _slices(water, q, bell), _slices(fat, q, bell)
    shift = ChemicalShift(float(rng.uniform(0, 1.8) * rng.choice([-1, 1])), bool(rng.random() < 0.6))
    displaced = (0, shift.voxels, 0) if shift.down_rows else (0, 0, shift.voxels)
    fat = ndimage.shift(fat, displaced, order=1, mode="nearest")
    image = water + fat
    image = _move_in_plane(image, motion, grid.step)
    blur = (0, rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.75))
    image = ndimage.gaussian_filter(image, blur, truncate=3)
    if everyday and rng.random() < 0.6:
        soft = bool(rng.random() < 0.4)
        image = ringing(image, rng.uniform(0.75 if soft else 0.55, 1.0, 2).tolist(), soft)
    array = everyday and rng.random() < 0.6
    image *= (array_sensitivity if array else partial(_coil, wide=wide))(rng, grid, spine, image.shape)
    if everyday and rng.random() < 0.35:
        image = ghosts(rng, image, not shift.down_rows)
    if margin:
        folded = image[:, margin:-margin].copy()
        ghost = rng.uniform(0.1, 0.7)
        folded[:, -margin:] += ghost * image[:, :margin]
        folded[:, :margin] += ghost * image[:, -margin:]
        image = folded
    reference = float(np.percentile(image[:, ::4, ::4], 90)) or 1.0
    sigma = reference / rng.uniform(*((12, 60) if wide else (18, 55)))
    noise = rng.standard_normal((2,) + image.shape, dtype=np.float32) * np.float32(sigma)
    if rng.random() < 0.5:  # interpolated by the scanner: the noise has a grain
        noise = ndimage.gaussian_filter(noise, (0, 0, 0.6, 0.6), truncate=2) * np.float32(1.9)
    image = np.sqrt((image + noise[0]) ** 2 + noise[1] ** 2)
    if wide:
        image = reference * (image / reference) ** np.float32(rng.uniform(0.75, 1.3))
    top = rng.choice([255.0, 700.0, 1500.0, 4000.0]) * rng.uniform(0.7, 1.0)
    scale = top / float(np.percentile(image[:, ::4, ::4], 99.5))
    offset = top * rng.uniform(0.02, 0.12) if wide and rng.random() < 0.2 else 0.0
    return np.clip(image * scale + offset, 0, 32000).round().astype(np.int16), shift


def _move_in_plane(image: np.ndarray, motion: Motion, step) -> np.ndarray:
    if motion == Motion():
        return image
    n, rows, columns = image.shape
    angle = np.deg2rad(motion.turn)
    c, s = np.cos(angle), np.sin(angle)
    # Pull: the output voxel at p shows what lay at R^-1 (p - shift); coordinates normalised to -1..1 (align_corners).
    dr, dc = step[1], step[2]
    half_r, half_c = (rows - 1) / 2 * dr, (columns - 1) / 2 * dc
    theta = torch.tensor(
        [
            [c, s * half_r / half_c, -(c * motion.shift[2] + s * motion.shift[1]) / half_c],
            [-s * half_c / half_r, c, -(-s * motion.shift[2] + c * motion.shift[1]) / half_r],
        ],
        dtype=torch.float32,
    )
    pull = torch.nn.functional.affine_grid(theta[None], [1, 1, rows, columns], align_corners=True).expand(n, -1, -1, -1)
    moved = torch.nn.functional.grid_sample(
        torch.from_numpy(image)[:, None], pull, mode="bilinear", padding_mode="border", align_corners=True
    )
    return moved[:, 0].numpy()


def _coil(rng, grid: Grid, spine: list[Vertebra], shape, *, wide: bool) -> np.ndarray:
    """Sensitivity: coils behind the back, a smooth bias, sometimes a saturation band over the belly."""
    spread = rng.uniform(0.05, 0.25) if not wide else rng.uniform(0.05, 0.35)
    bias = np.exp(np.float32(spread) * smooth_field(rng, shape, (shape[0], 110 / grid.step[1], 110 / grid.step[2])))
    body = np.mean([v.centre[1] for v in spine])
    behind = (grid.ys - body).astype(np.float32)[None, None, :]
    if rng.random() < 0.75:
        bias = bias * np.exp(np.clip(behind, -150, 110) / np.float32(rng.uniform(70, 260)))
    if rng.random() < 0.45:
        edge = -rng.uniform(18, 45)
        bias = bias * (np.float32(rng.uniform(0.05, 0.5)) + (1 - np.float32(0.3)) / (1 + np.exp(-(behind - edge) / 4)))
    return bias.astype(np.float32)
