"""How thick the walls of a closed surface are, and where they are too thin to be printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from vtkmodules.vtkCommonCore import mutable
from vtkmodules.vtkCommonDataModel import vtkStaticCellLocator

from SpineLib.geometry.triangles import crossed, crossed_corners
from SpineLib.mesh.polydata import distances_to_triangles, to_polydata

#: Triangles with longer sides are measured in pieces, mm.
_LONGEST_SIDE = 2.0
#: Rays begin this far inside, mm, so that they do not meet the triangle they leave.
_START = 1e-4
#: The box of the search is larger than that of the triangles by so much on all sides, mm.
_MARGIN = 0.37
#: A ball fits when the surface is this share of its radius away from its centre; the rest is the triangles' facets.
_FITS = 0.9


@dataclass(frozen=True, eq=False)
class Thickness:
    """Wall thickness of a surface, piece by piece; a piece is a triangle or, of a large one, a part of it.

    Attributes:
        corners: of the pieces, (s, 3, 3) mm.
        triangle: (s,), which triangle a piece belongs to.
        area_mm2: (s,) of the pieces.
        mm: (s,) thickness at their middles; nan where a ray met nothing, which only an open surface has.
        of_points: (n,) mm, at the surface's points: the mean of the pieces around, weighted by area.
    """

    corners: np.ndarray
    triangle: np.ndarray
    area_mm2: np.ndarray
    mm: np.ndarray
    of_points: np.ndarray


def wall_thickness(points: np.ndarray, triangles: np.ndarray) -> Thickness:
    """The way through the material: from the middle of each piece straight inwards to the other side, in mm.

    On plates, tubes and balls it is their thickness or diameter.
    """
    corners, triangle = _pieces(points[triangles], np.arange(len(triangles)), _LONGEST_SIDE)
    inwards = _inwards(points, triangles)[triangle]
    middle = corners.mean(axis=1)
    reach = float(np.linalg.norm(np.ptp(points, axis=0))) + 1.0
    locator = _locator(points, triangles)
    share: Any = mutable(0.0)
    part, cell = mutable(0), mutable(0)
    place, weights = [0.0] * 3, [0.0] * 3
    found = np.full(len(corners), np.nan)
    starts, ends = (middle + _START * inwards).tolist(), (middle + reach * inwards).tolist()
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if locator.IntersectWithLine(start, end, 0.0, share, place, weights, part, cell):
            found[number] = _START + (reach - _START) * float(share)
    size = np.linalg.norm(crossed_corners(corners), axis=1) / 2
    weight = np.where(np.isnan(found), 0, size)
    around = [
        np.bincount(triangles[triangle].ravel(), np.repeat(values, 3), minlength=len(points))
        for values in (weight, weight * np.nan_to_num(found))
    ]
    of_points = np.where(around[0] > 0, around[1] / np.maximum(around[0], 1e-30), np.nan)
    return Thickness(corners, triangle, size, found, of_points)


def thin_walls(points: np.ndarray, triangles: np.ndarray, thickness: Thickness, wall_mm: float) -> np.ndarray:
    """Which pieces (s,) bound a wall thinner than ``wall_mm`` that the printer would leave out.

    The piece itself is thinner, and no ball of the wall's diameter that fits into the material comes within one wall's
    width of it. So the tips and edges in which thick parts end do not count (a wedge down to about 40 degrees has
    none), a plate or a rod thinner than the wall does.
    """
    thin = thickness.mm < wall_mm
    if not thin.any():
        return thin
    radius = wall_mm / 2
    far = radius + wall_mm  # from a ball's centre to a point one wall's width away from the ball
    middle = thickness.corners.mean(axis=1)
    suspects = cKDTree(middle[thin])
    near = np.isfinite(suspects.query(middle, distance_upper_bound=far + radius + _LONGEST_SIDE)[0])
    corners, triangle = _pieces(thickness.corners[near], thickness.triangle[near], radius)
    centres = corners.mean(axis=1) + radius * _inwards(points, triangles)[triangle]
    centres = centres[np.isfinite(suspects.query(centres, distance_upper_bound=far)[0])]
    if len(centres):
        fits = distances_to_triangles(centres, points, triangles) <= -_FITS * radius
        if fits.any():
            away = cKDTree(centres[fits]).query(middle[thin], distance_upper_bound=far)[0]
            thin[np.flatnonzero(thin)[np.isfinite(away)]] = False
    return thin


def middles_of_thin_walls(points: np.ndarray, triangles: np.ndarray, wall_mm: float) -> np.ndarray:
    """Places (p, 3) in mm half way through the walls that :func:`thin_walls` finds."""
    thickness = wall_thickness(points, triangles)
    thin = thin_walls(points, triangles, thickness, wall_mm)
    half = thickness.mm[thin, None] / 2
    return thickness.corners[thin].mean(axis=1) + half * _inwards(points, triangles)[thickness.triangle[thin]]


def smallest_wall_mm(thickness: Thickness, counted: np.ndarray, area_mm2: float) -> float:
    """The thickness below which more than ``area_mm2`` of the surface lie, among the pieces that count; mm."""
    values, size = thickness.mm[counted], thickness.area_mm2[counted]
    order = np.argsort(values)
    beyond = np.cumsum(size[order]) > area_mm2
    return float(values[order][beyond.argmax()]) if beyond.any() else float("nan")


def _locator(points: np.ndarray, triangles: np.ndarray):
    """VTK's search structure for rays.

    It may miss what lies exactly on the box around all triangles, so that two triangles without area enlarge the box.
    """
    count, outside = len(points), [points.min(axis=0) - _MARGIN, points.max(axis=0) + _MARGIN]
    data = to_polydata(np.vstack([points, outside]), np.vstack([triangles, [[count] * 3, [count + 1] * 3]]))
    locator = vtkStaticCellLocator()
    locator.SetDataSet(data)
    locator.BuildLocator()
    return locator


def _inwards(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    normal = crossed(points, triangles)
    return -normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)


def _pieces(corners: np.ndarray, triangle: np.ndarray, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (m, 3, 3), with their numbers, halved across their longest sides until none is longer."""
    done = []
    while len(corners):
        length = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
        side = length.argmax(axis=1)
        keep = length[np.arange(len(corners)), side] <= longest
        done.append((corners[keep], triangle[keep]))
        corners, triangle, side = corners[~keep], triangle[~keep], side[~keep]
        turned = np.take_along_axis(corners, ((side[:, None] + np.arange(3)) % 3)[:, :, None], axis=1)
        start, end, apex = turned[:, 0], turned[:, 1], turned[:, 2]
        middle = (start + end) / 2
        corners = np.concatenate([np.stack([start, middle, apex], axis=1), np.stack([middle, end, apex], axis=1)])
        triangle = np.concatenate([triangle, triangle])
    corners, triangle = (np.concatenate(parts) for parts in zip(*done, strict=True))
    return corners, triangle
