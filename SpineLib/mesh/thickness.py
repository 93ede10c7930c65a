"""How thick the walls of a closed surface are, and where they are too thin to be printed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SpineLib.mesh.polydata import distances_to_triangles, to_polydata
from SpineLib.mesh.topology import areas, crossed

#: Rays begin this far inside, mm, so that they do not meet the triangle they leave.
_START = 1e-4
#: A ball fits when the surface is this share of its radius away from its centre; the rest is the triangles' facets.
_FITS = 0.9


@dataclass(frozen=True, eq=False)
class Thickness:
    """Wall thickness of a surface.

    Attributes:
        of_triangles: (m,) mm.
        of_points: (n,) mm, the mean of the triangles around, weighted by area.
    """

    of_triangles: np.ndarray
    of_points: np.ndarray


def wall_thickness(points: np.ndarray, triangles: np.ndarray) -> Thickness:
    """The way through the material: from the middle of each triangle straight inwards to the other side, in mm.

    On plates, tubes and balls it is their thickness or diameter. A ray that meets nothing, which only an open surface
    has, gives nan.
    """
    import vtk

    normal = crossed(points, triangles)
    size = np.linalg.norm(normal, axis=1)
    inwards = -normal / np.maximum(size, 1e-30)[:, None]
    middle = points[triangles].mean(axis=1)
    reach = float(np.linalg.norm(np.ptp(points, axis=0))) + 1.0
    locator, data = vtk.vtkStaticCellLocator(), to_polydata(points, triangles)
    locator.SetDataSet(data)
    locator.BuildLocator()
    share, part, cell = vtk.mutable(0.0), vtk.mutable(0), vtk.mutable(0)
    place, weights = [0.0] * 3, [0.0] * 3
    found = np.full(len(triangles), np.nan)
    starts, ends = (middle + _START * inwards).tolist(), (middle + reach * inwards).tolist()
    length = reach - _START
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if locator.IntersectWithLine(start, end, 0.0, share, place, weights, part, cell):
            found[number] = _START + length * float(share)
    weight = np.repeat(np.where(np.isnan(found), 0, size), 3)
    total = np.bincount(triangles.ravel(), weight, minlength=len(points))
    sums = np.bincount(triangles.ravel(), weight * np.repeat(np.nan_to_num(found), 3), minlength=len(points))
    return Thickness(found, np.where(total > 0, sums / np.maximum(total, 1e-30), np.nan))


def thin_walls(points: np.ndarray, triangles: np.ndarray, thickness: Thickness, wall_mm: float) -> np.ndarray:
    """Which triangles (m,) bound a wall thinner than ``wall_mm`` that the printer would leave out.

    The triangle itself is thinner, and no ball of the wall's diameter that fits into the material comes within one
    wall's width of it. So the tips and edges in which thick parts end do not count (a wedge down to about 40 degrees
    has none), a plate or a rod thinner than the wall does.
    """
    from scipy.spatial import cKDTree

    thin = thickness.of_triangles < wall_mm
    if not thin.any():
        return thin
    middle = points[triangles].mean(axis=1)
    radius = wall_mm / 2
    normal = crossed(points, triangles)
    centres = middle - radius * normal / np.maximum(np.linalg.norm(normal, axis=1), 1e-30)[:, None]
    thick = np.flatnonzero(thickness.of_triangles >= wall_mm)
    far = radius + wall_mm  # from a ball's centre to a point one wall's width away from the ball
    suspects = cKDTree(middle[thin])
    near = thick[np.isfinite(suspects.query(centres[thick], distance_upper_bound=far)[0])] if len(thick) else thick
    if len(near):
        fits = distances_to_triangles(centres[near], points, triangles) <= -_FITS * radius
        if fits.any():
            away = cKDTree(centres[near][fits]).query(middle[thin], distance_upper_bound=far)[0]
            thin[np.flatnonzero(thin)[np.isfinite(away)]] = False
    return thin


def smallest_wall_mm(points: np.ndarray, triangles: np.ndarray, thickness: Thickness, counted: np.ndarray,
                     area_mm2: float) -> float:
    """The thickness below which more than ``area_mm2`` of the surface lie, among the triangles that count; mm."""
    values, size = thickness.of_triangles[counted], areas(points, triangles)[counted]
    order = np.argsort(values)
    beyond = np.cumsum(size[order]) > area_mm2
    return float(values[order][beyond.argmax()]) if beyond.any() else float("nan")
