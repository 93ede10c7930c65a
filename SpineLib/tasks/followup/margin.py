"""The margin of an ablation: how far the necrosis reaches beyond the metastasis, at every point of its surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from SpineLib.geometry.shape import Shape, Surface
from SpineLib.metrics.surface import distances_to, summarise, weighted_percentiles
from SpineLib.tasks.followup.coverage import direction_words

PERCENTS = (5, 25, 50, 75, 95)


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
class MarginDistances:
    """Distances from surface to surface, mm, weighted by area.

    The margin at a point of the metastasis's surface is the distance to the necrosis's surface, positive where the
    point lies in the necrosis, negative where tumour sticks out of it. All of these are None without a necrosis.

    Attributes:
        minimum_mm: the smallest margin; at ``thinnest_ras_mm``, ``thinnest_where`` seen from the metastasis's centre.
        mean_mm: over the surface.
        percentiles_mm: 5, 25, 50, 75 and 95 % of the surface have a smaller margin.
        bins: shares of the surface between the limits of the settings.
        hausdorff_mm: largest distance of a point of either surface from the other one.
        hausdorff95_mm: the larger of the two surfaces' 95 % percentiles of that distance.
        average_symmetric_mm: mean distance over both surfaces together.
        surface_mm2, necrosis_surface_mm2: the areas.
        error_mm: registration error carried along; None: not known, taken as none.
        uncertain_share: share of the surface whose margin lies within ``error_mm`` of the required one: there the error
            decides whether it is reached.
    """

    minimum_mm: float | None
    thinnest_ras_mm: tuple[float, float, float] | None
    thinnest_where: str | None
    mean_mm: float | None
    percentiles_mm: dict[str, float] | None
    bins: tuple[MarginBin, ...]
    hausdorff_mm: float | None
    hausdorff95_mm: float | None
    average_symmetric_mm: float | None
    surface_mm2: float
    necrosis_surface_mm2: float
    error_mm: float | None
    uncertain_share: float | None

    def to_dict(self) -> dict:
        """The JSON form."""
        return asdict(self)


def signed_margin(metastasis: Surface, necrosis: Shape, necrosis_surface: Surface) -> np.ndarray:
    """The margin (n,) float32, mm, at the points of the metastasis's surface."""
    distance = distances_to(metastasis.points, necrosis_surface)
    return np.where(necrosis.at(metastasis.points) >= 0, distance, -distance).astype(np.float32)


def share_below(surface: MarginSurface, margin_mm: float) -> float:
    """Share (0 to 1) of the surface with a smaller margin."""
    below = float(surface.area_mm2[surface.margin_mm < margin_mm].sum(dtype=float))
    return below / max(float(surface.area_mm2.sum(dtype=float)), 1e-30)


def margin_bins(surface: MarginSurface, limits: Sequence[float]) -> tuple[MarginBin, ...]:
    """Shares of the surface below the first limit, between each two, and from the last on."""
    places = np.searchsorted(np.asarray(limits, float), surface.margin_mm, side="right")
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


def margin_distances(
    surface: MarginSurface,
    necrosis_surface: Surface | None,
    limits: Sequence[float],
    required_mm: float,
    error_mm: float | None,
) -> MarginDistances:
    """Statistics of the margin, and the symmetric distances of the two surfaces."""
    area = surface.area_mm2
    if necrosis_surface is None:
        return MarginDistances(
            None, None, None, None, None, (), None, None, None, float(area.sum(dtype=float)), 0.0, error_mm, None
        )
    margin = surface.margin_mm
    other_area = necrosis_surface.areas()
    back = distances_to(necrosis_surface.points, Surface(surface.points, surface.triangles))
    both = summarise(np.abs(margin), area, back, other_area)
    thinnest = surface.points[int(np.argmin(margin))].astype(float)
    middle = np.average(surface.points, axis=0, weights=area)
    radius = float(np.sqrt(area.sum(dtype=float) / (4 * np.pi)))
    error = error_mm or 0.0
    uncertain = np.abs(margin - required_mm) <= error if error else np.zeros(len(margin), bool)
    total = float(area.sum(dtype=float))
    return MarginDistances(
        minimum_mm=float(margin.min()),
        thinnest_ras_mm=tuple(float(v) for v in np.round(thinnest * (-1, -1, 1), 3)),
        thinnest_where=direction_words(thinnest - middle, radius),
        mean_mm=float(np.average(margin, weights=area)),
        percentiles_mm={str(p): float(v) for p, v in zip(PERCENTS, weighted_percentiles(margin, area, PERCENTS))},
        bins=margin_bins(surface, limits),
        hausdorff_mm=both.hausdorff,
        hausdorff95_mm=both.hausdorff95,
        average_symmetric_mm=both.average_symmetric,
        surface_mm2=total,
        necrosis_surface_mm2=float(other_area.sum(dtype=float)),
        error_mm=error_mm,
        uncertain_share=float(area[uncertain].sum(dtype=float)) / total,
    )
