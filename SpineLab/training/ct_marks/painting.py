"""Lesions painted into patches of CT: lytic, sclerotic, mixed, with a soft-tissue mass beyond the bone.

What a lesion looks like is drawn afresh each time, into any bone of any CT, so that a network sees real bone, noise and
neighbours with lesions whose place is known.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from SpineLib.tasks.ct.lesion_marks import LYTIC, MASS, MIXED, SCLEROTIC

#: How often each kind is drawn, and how often a lytic or mixed one has a mass if it reaches the bone's surface.
_KINDS, _MASSES = {LYTIC: 0.36, SCLEROTIC: 0.34, MIXED: 0.3}, 0.55
#: Radius of the first ball, mm; how many more grow out of it; how far a mass goes beyond the bone, mm.
_RADII_MM, _BALLS, _BEYOND_MM = (2.8, 15.0), 5, (2.0, 16.0)
#: Air is not replaced by a mass.
_AIR_HU = -250.0
#: Fewer voxels are no lesion to learn from.
_LEAST = 25


def paint(image: np.ndarray, target: np.ndarray, bone: np.ndarray, step_mm: float, rng: np.random.Generator) -> bool:
    """Paint one lesion into a patch, in place; whether it could be.

    Args:
        image: float32 (z, y, x), HU.
        target: uint8, the kinds of :mod:`SpineLib.tasks.ct.lesion_marks`.
        bone: bool, the bones that it may grow in.
        step_mm: side of a voxel.
    """
    inner = np.argwhere(ndimage.binary_erosion(bone))
    if not len(inner):
        return False
    kind = int(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    balls = _balls(inner[rng.integers(len(inner))], step_mm, rng)
    # Only what the lesion and its mass may reach is looked at.
    box = tuple(
        slice(max(0, int(min(at[n] - 1.8 * size for at, size in balls)) - 2),
              int(max(at[n] + 1.8 * size for at, size in balls)) + 4)
        for n in range(3)
    )  # fmt: skip
    image, target, bone = image[box], target[box], bone[box]  # views: painted in place
    shape = _blob(balls, [part.start for part in box], image.shape, rng)
    away = ndimage.distance_transform_edt(~bone) * step_mm
    inside = (shape > 0) & (away <= 0.6 * step_mm)
    if np.count_nonzero(inside) < _LEAST:
        return False
    mass = np.zeros_like(inside)
    if kind != SCLEROTIC and rng.random() < _MASSES:
        mass = (shape > 0) & (away > 0.6 * step_mm) & (away < rng.uniform(*_BEYOND_MM)) & (image > _AIR_HU)
    smooth = ndimage.gaussian_filter(image, 1.2)
    detail = image - smooth
    soft = rng.uniform(0, 100) + rng.uniform(0.35, 0.9) * detail + 12 * _patches(image.shape, 2.5, rng)
    taken = rng.uniform(0.7, 1.0)
    lytic = smooth + detail + taken * (soft - image)
    dense = smooth + rng.uniform(180, 750) * (1 + 0.25 * _patches(image.shape, 1.6, rng)) + detail
    new = {LYTIC: lytic, SCLEROTIC: dense}.get(kind)
    if new is None:
        new = np.where(_patches(image.shape, rng.uniform(1.5, 3.5), rng) > rng.normal(0, 0.4), dense, lytic)
    edge = rng.uniform(0.4, 1.2)
    share = ndimage.gaussian_filter(inside.astype(np.float32), edge)
    if mass.any():
        grown = ndimage.gaussian_filter(mass.astype(np.float32), 0.7)
        image += grown * (soft - image)
    image += share * (np.clip(new, -150, 1700) - image)
    target[inside] = kind
    target[mass] = MASS
    return True


def _balls(centre: np.ndarray, step_mm: float, rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Middles and radii, voxels, of balls that grow out of each other."""
    balls = [(centre.astype(float), float(np.exp(rng.uniform(*np.log(_RADII_MM)))) / step_mm)]
    for _ in range(rng.integers(_BALLS + 1)):
        place, size = balls[rng.integers(len(balls))]
        way = rng.standard_normal(3)
        balls.append((place + rng.uniform(0.5, 1.3) * size * way / np.linalg.norm(way), size * rng.uniform(0.45, 1.0)))
    return balls


def _blob(
    balls: list[tuple[np.ndarray, float]], first: list[int], shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """A field above 0 within the balls, with a rough border, on the voxels from ``first`` on."""
    places = np.ogrid[tuple(slice(start, start + size) for start, size in zip(first, shape))]
    field = sum(
        np.exp(-sum((axis - at) ** 2 for axis, at in zip(places, place)) / np.float32(1.45 * size**2))
        for place, size in balls
    )
    return (field - 0.5 + rng.uniform(0.04, 0.15) * _patches(shape, 2.5, rng)).astype(np.float32)


def _patches(shape: tuple[int, ...], voxels: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of unit deviation; coarser noise is made on a coarser grid, which is faster."""
    step = max(1, int(voxels))
    coarse = rng.standard_normal([-(-size // step) + 2 for size in shape]).astype(np.float32)
    coarse = ndimage.gaussian_filter(coarse, voxels / step)
    noise = ndimage.zoom(coarse, step, order=1)[tuple(slice(step // 2, step // 2 + size) for size in shape)]
    return noise / max(float(noise.std()), 1e-6)
