"""How far a repaired surface may lie from the true one, at each place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from SpineLib.tasks.inpainting.templates import Known, Template

#: Nine of ten places of the surface lie no farther off than the root of the sum of squares of: this (mm), so often the
#: spread of the shapes, so often the distance from the nearest known place. The factors were fitted on repairs of one
#: real spine; the floor was raised from 1.5 mm, with which 84 % of another spine's surface lay within
#: (docs/evaluation.md).
FLOOR_MM, SPREAD, DEPTH = 1.8, 1.5, 0.25
#: Distances that differ by more are far from any surface and say nothing of it, mm.
_CUT_MM = 6.0


def spread_of(shapes: Sequence[Template], found: Sequence[np.ndarray]) -> np.ndarray:
    """Weighted standard deviation (w, v, u), mm, of the distances: of ``found`` (each weighs 1) and of the templates
    (together 1, by what is known of each and how well it fits)."""
    weights = [shape.share() for shape in shapes]
    total = np.maximum(sum(weights), 1e-3) if weights else 1.0
    opinions: list[tuple[np.ndarray, np.ndarray]] = [(np.ones(1, np.float32), one) for one in found]
    opinions += [(weight / total, shape.distance) for weight, shape in zip(weights, shapes)]
    sums: list[np.ndarray] = [np.zeros(1)] * 3
    for weight, distance in opinions:
        near = np.clip(distance, -_CUT_MM, _CUT_MM)
        sums = [sums[power] + weight * near**power for power in range(3)]
    mean = sums[1] / sums[0]
    return np.sqrt(np.maximum(sums[2] / sums[0] - mean**2, 0)).astype(np.float32)


def uncertainty(known: Known, shapes: Sequence[Template], found: Sequence[np.ndarray]) -> np.ndarray:
    """Within how many mm nine of ten places of the repaired surface lie from the true one: float32 (w, v, u), 0 where
    the bone is known, but for two voxels beside what is not: between voxels nothing unknown looks surer than it is.

    Args:
        known: what is known of the vertebra.
        shapes: mirror image and neighbours, fitted.
        found: distances that the repair made: by the network, and by the network from the mirrored vertebra.
    """
    depth = ndimage.distance_transform_edt(known.unknown) * known.grid.spacing[0]
    half = np.sqrt(FLOOR_MM**2 + (SPREAD * spread_of(shapes, found)) ** 2 + (DEPTH * depth) ** 2)
    return np.where(ndimage.binary_dilation(known.unknown, iterations=2), half, 0).astype(np.float32)
