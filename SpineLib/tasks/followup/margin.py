"""The margin of an ablation: how far the necrosis reaches beyond the metastasis, at every point of its surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from SpineLib.geometry.shape import Shape, Surface
from SpineLib.metrics.ablation import TOLERANCE_MM
from SpineLib.metrics.surface import distances_to
from SpineLib.tasks.followup.coverage import direction_words
from SpineLib.volume.places import ras_lps
from SpineLib.volume.triples import triple


@dataclass(frozen=True, eq=False)
class MarginSurface:
    """The metastasis's surface with its margin, in the space of the scan before.

    Attributes:
        points: (n, 3) float32, LPS mm.
        triangles: (m, 3) int32; corners counterclockwise seen from outside.
        margin_mm: (n,) float32; nan without a necrosis.
        area_mm2: (n,) float32, the area that belongs to each point.
    """

    points: np.ndarray
    triangles: np.ndarray
    margin_mm: np.ndarray
    area_mm2: np.ndarray


@dataclass(frozen=True)
class MarginBin:
    """Share (0 to 1) and area of the surface whose margin is ``low_mm`` <= margin < ``high_mm``; None: no limit."""

    low_mm: float | None
    high_mm: float | None
    share: float
    area_mm2: float


@dataclass(frozen=True)
class ThinnestPlace:
    """Where the margin is smallest: RAS mm, and in words as seen from the metastasis's centre."""

    ras_mm: tuple[float, float, float]
    where: str


def signed_margin(metastasis: Surface, necrosis: Shape, necrosis_surface: Surface) -> np.ndarray:
    """The margin (n,) float32, mm, at the points of the metastasis's surface; 0 within :data:`TOLERANCE_MM` of it."""
    distance = distances_to(metastasis.points, necrosis_surface)
    margin = np.where(necrosis.at(metastasis.points) >= 0, distance, -distance).astype(np.float32)
    return np.where(np.abs(margin) < TOLERANCE_MM, np.float32(0), margin)


def share_below(surface: MarginSurface, margin_mm: float) -> float:
    """Share (0 to 1) of the surface with a smaller margin, by more than :data:`TOLERANCE_MM`."""
    below = float(surface.area_mm2[surface.margin_mm < margin_mm - TOLERANCE_MM].sum(dtype=float))
    return below / max(float(surface.area_mm2.sum(dtype=float)), 1e-30)


def margin_bins(surface: MarginSurface, limits: Sequence[float]) -> tuple[MarginBin, ...]:
    """Shares of the surface below the first limit, between each two, and from the last on; limits as in
    :func:`share_below`."""
    places = np.searchsorted(np.asarray(limits, float) - TOLERANCE_MM, surface.margin_mm, side="right")
    areas = np.bincount(places, surface.area_mm2, minlength=len(limits) + 1)
    edges = [None, *(float(value) for value in limits), None]
    total = max(float(areas.sum()), 1e-30)
    return tuple(
        MarginBin(low, high, float(area) / total, float(area)) for low, high, area in zip(edges, edges[1:], areas)
    )


def margin_histogram(surface: MarginSurface, width_mm: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """For a chart: edges (n + 1,) in mm, multiples of ``width_mm``, and share (n,) of the surface between them."""
    known = np.isfinite(surface.margin_mm)
    if not known.any():
        return np.array([0.0, width_mm]), np.zeros(1)
    margin = surface.margin_mm[known]
    first, last = np.floor(margin.min() / width_mm), np.floor(margin.max() / width_mm) + 1
    edges = np.arange(first, last + 1) * width_mm
    areas = np.histogram(margin, edges, weights=surface.area_mm2[known])[0]
    return edges, areas / max(float(surface.area_mm2.sum(dtype=float)), 1e-30)


def thinnest_place(surface: MarginSurface) -> ThinnestPlace:
    """Where the margin is smallest; there must be a necrosis."""
    area = surface.area_mm2
    thinnest = surface.points[int(np.argmin(surface.margin_mm))].astype(float)
    middle = np.average(surface.points, axis=0, weights=area)
    radius = float(np.sqrt(area.sum(dtype=float) / (4 * np.pi)))
    place = triple(float(v) for v in np.round(ras_lps(thinnest), 3))
    return ThinnestPlace(place, direction_words(thinnest - middle, radius))
