"""Regions that reach far beyond the bone, as a tumour's soft-tissue mass does: their border says nothing of the bone's.

A piece that ends 3 mm beyond the bone tells a network where the bone was; what is to be repaired in a patient does not.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

#: Soft-tissue masses that grow out of the bone; as far as so many mm from the piece, or 8 mm; a box, as detection gives
#: it.
REACHES = ("mass", "far", "wide", "box")
#: Of a mass: how many balls grow out of the first, and radii, mm. How far "far" and "wide" are, and the room in a box,
#: mm.
_BALLS, _RADII_MM, _FAR_MM, _WIDE_MM, _BOX_MM = 3, (5.0, 13.0), (5.0, 20.0), 8.0, (0.0, 5.0)
#: Amplitude (mm) and length (mm) of a border's roughness.
_ROUGH_MM, _ROUGH_LENGTH_MM = 1.5, 5.0


def grown(unknown: np.ndarray, bone: np.ndarray, step_mm: float, reach: str, rng: np.random.Generator) -> np.ndarray:
    """A region that reaches farther: bool (w, v, u). More bone than before is within a box only.

    Args:
        unknown: bool (w, v, u), the region.
        bone: signed distance to the whole bone, mm, negative inside; exact near the surface.
        step_mm: side of a voxel.
        reach: one of :data:`REACHES`.
    """
    if not unknown.any():
        return unknown
    if reach == "box":
        more = rng.uniform(*_BOX_MM) / step_mm
        box = ndimage.find_objects((unknown & (bone < 0)).astype(np.uint8))
        result = unknown.copy()
        for sides in box:
            result[tuple(slice(max(0, round(side.start - more)), round(side.stop + more)) for side in sides)] = True
        return result
    if reach in ("far", "wide"):
        beyond_mm = rng.uniform(*_FAR_MM) if reach == "far" else _WIDE_MM
        added = ndimage.distance_transform_edt(~unknown) * step_mm < beyond_mm
    else:
        added = _mass(unknown, bone, step_mm, rng)
    return unknown | (added & (bone > 0))


def _mass(unknown: np.ndarray, bone: np.ndarray, step_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Balls that grow out of the bone's surface where the region meets it, with a rough border."""
    surface = np.argwhere(unknown & (np.abs(bone) < step_mm))
    if not len(surface):  # a hole within the bone
        return np.zeros_like(unknown)
    start = surface[rng.integers(len(surface))]
    around = tuple(slice(max(0, place - 1), place + 2) for place in start)
    outwards = np.array([part.mean() for part in np.gradient(bone[around])])
    radius = rng.uniform(*_RADII_MM) / step_mm
    centre = start + rng.uniform(0.0, 0.9) * radius * outwards / max(float(np.linalg.norm(outwards)), 1e-6)
    balls = [(centre, radius)]
    for _ in range(rng.integers(_BALLS + 1)):
        centre, radius = balls[rng.integers(len(balls))]
        way = rng.standard_normal(3)
        balls.append((centre + radius * way / np.linalg.norm(way), radius * rng.uniform(0.5, 1.0)))
    places = np.ogrid[tuple(slice(0, size) for size in unknown.shape)]
    parts = [np.sqrt(sum((axis - at) ** 2 for axis, at in zip(places, centre))) - radius for centre, radius in balls]
    return np.minimum.reduce(parts) * step_mm + rough(rng, unknown.shape, step_mm) < 0


def rough(rng: np.random.Generator, shape: tuple[int, ...], step_mm: float) -> np.ndarray:
    """A smooth random field, mm, of the border's roughness as standard deviation."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape).astype(np.float32), _ROUGH_LENGTH_MM / step_mm)
    return field * np.float32(_ROUGH_MM / max(float(field.std()), 1e-6))
