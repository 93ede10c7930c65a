"""How well a vertebra was repaired, where its state before the damage is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.geometry.shape import Surface, shape_of
from SpineLib.geometry.signed_distance import at_points
from SpineLib.metrics.overlap import overlap
from SpineLib.metrics.surface import distances_to, weighted_percentiles
from SpineLib.volume.places import to_index
from SpineLib.volume.volume import Volume


@dataclass(frozen=True)
class RepairFigures:
    """One repair beside the truth.

    Attributes:
        dice: inside the region; nan when truth and repair have nothing there.
        mean_mm: mean distance of the two surfaces within the region from each other's whole surface, both directions
            together, weighted by area; nan when neither has a surface there (a hole within the bone, filled).
        p95_mm: below which 95 % of that area lie; nan likewise.
        volume_error: volume of the repaired vertebra less the true one's, as a share of the latter.
        piece_error: the same difference as a share of the true bone within the region, which the vertebra's own size
            does not make small; nan where there was none.
        within_bound: share of the repaired surface, where it is an estimate, that lies no farther from the true one
            than the repair says of nine tenths; nan where it says nothing.
        bound_mm: median of what it says there.
    """

    dice: float
    mean_mm: float
    p95_mm: float
    volume_error: float
    piece_error: float = math.nan
    within_bound: float = math.nan
    bound_mm: float = math.nan


def repair_figures(
    truth: Volume,
    repaired: Volume,
    region: Volume,
    true_surface: Surface | None = None,
    uncertainty: Volume | None = None,
) -> RepairFigures:
    """Compare a repaired vertebra with the one that was.

    Args:
        truth, repaired, region: masks on one grid, not 0 inside; the region is what was allowed to change.
        true_surface: of ``truth``, where it is known already.
        uncertainty: of the repair (:class:`SpineLib.tasks.inpainting.inpaint.Repair`), mm.

    Raises:
        ValueError: the grids differ, or one of the vertebrae is empty.
    """
    if truth.shape != repaired.shape or truth.shape != region.shape:
        raise ValueError("truth, repaired and region must have one shape")
    whole, found, inside = (np.asarray(one.array) != 0 for one in (truth, repaired, region))
    if not whole.any() or not found.any():
        raise ValueError("truth or repaired is empty")
    first = true_surface if true_surface is not None else _surface(truth)
    second = _surface(repaired)
    distances, areas = [], []
    for one, other in ((first, second), (second, first)):
        chosen = _within(one.points, region.with_array(inside))
        if chosen.any():
            distances.append(distances_to(one.points[chosen], other))
            areas.append(one.areas()[chosen])
    mean = p95 = math.nan
    if distances:
        values, weights = np.concatenate(distances), np.concatenate(areas)
        mean = float(values @ weights / max(float(weights.sum()), 1e-30))
        p95 = float(weighted_percentiles(values, weights, 95))
    gone, more = np.count_nonzero(whole & inside), np.count_nonzero(found) - np.count_nonzero(whole)
    within_bound = bound_mm = math.nan
    if uncertainty is not None:
        bound, area = bound_at(second.points, uncertainty), second.areas()
        chosen = (bound > 0) & _within(second.points, region.with_array(inside))
        if chosen.any():
            bound, area = bound[chosen], area[chosen]
            kept = distances_to(second.points[chosen], first) <= bound
            within_bound = float(area[kept].sum() / max(float(area.sum()), 1e-30))
            bound_mm = float(weighted_percentiles(bound, area, 50))
    return RepairFigures(
        overlap(whole & inside, found & inside).dice,
        mean,
        p95,
        float(more / np.count_nonzero(whole)),
        float(more / gone) if gone else math.nan,
        within_bound,
        bound_mm,
    )


def bound_at(points: np.ndarray, uncertainty: Volume) -> np.ndarray:
    """A repair's uncertainty, mm, at points (n, 3), LPS mm; 0 where nothing was repaired, and beyond the image.

    The largest of the voxels around a point, so that a place at the border of what was repaired is not called certain.
    """
    largest = uncertainty.with_array(ndimage.maximum_filter(np.asarray(uncertainty.array, np.float32), 3))
    index = to_index(points, largest)
    inside = ((index > -0.5) & (index < np.array(largest.shape) - 0.5)).all(axis=1)
    return np.where(inside, at_points(largest, points), 0.0)


def _surface(mask: Volume) -> Surface:
    """Of a mask that is not empty."""
    shape = shape_of(mask)
    assert shape is not None
    return shape.surface()


def _within(points: np.ndarray, region: Volume) -> np.ndarray:
    """Which points (n, 3), LPS mm, lie in a voxel of a mask."""
    kji = np.rint(to_index(points, region)).astype(int)
    kji = np.clip(kji, 0, np.array(region.shape) - 1)
    return region.array[tuple(kji.T)] != 0
