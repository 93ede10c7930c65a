"""A surface painted with a value at each point, drawn without any graphics card or screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from SpineLib.geometry.triangles import crossed, normals_at_points
from SpineLib.reports.pictures import data_uri, png


@dataclass(frozen=True)
class View:
    """Where the eye is.

    Attributes:
        name: "from anterior".
        right, up: directions in LPS that run right and up in the picture; unit length, orthogonal.
    """

    name: str
    right: tuple[float, float, float]
    up: tuple[float, float, float]

    @property
    def toward_eye(self) -> np.ndarray:
        """Unit vector from the surface to the eye, LPS."""
        return np.cross(self.right, self.up)


#: Towards left (L), posterior (P) and superior (S) are x, y, z of LPS.
VIEWS = (
    View("from anterior", (1, 0, 0), (0, 0, 1)),
    View("from the left", (0, 1, 0), (0, 0, 1)),
    View("from posterior", (-1, 0, 0), (0, 0, 1)),
    View("from the right", (0, -1, 0), (0, 0, 1)),
)
#: Rays of light come from above the eye's left shoulder; what they miss is not quite dark.
_LIGHT, _AMBIENT = np.array([-0.35, 0.45, 0.82]), 0.5
_FINER = 2  # pixels are averaged from 2 x 2
_BACKGROUND = 255
_DENSITY = 1.3  # samples a pixel along a triangle's longest side: no pixel inside stays empty


def paint_surface(
    points: np.ndarray,
    triangles: np.ndarray,
    values: np.ndarray,
    colours,
    view: View,
    size: int = 320,
    radius_mm: float | None = None,
) -> np.ndarray:
    """The surface as a picture, seen in parallel projection, lit, on white.

    Args:
        points: (n, 3), LPS mm.
        triangles: (m, 3), indices of points; a closed surface, wound either way.
        values: (n,), one a point; interpolated in between.
        colours: function from values (k,) to red, green, blue (k, 3), 0 to 1.
        view: where it is seen from.
        size: of the picture, pixels.
        radius_mm: half of what the picture shows; None: the whole surface and a small border.

    Returns:
        (size, size, 3) uint8; all white where there is nothing.
    """
    fine = size * _FINER
    picture = np.full((fine * fine, 3), _BACKGROUND, np.float32)
    if len(triangles):
        points, triangles = np.asarray(points, np.float64), np.asarray(triangles)
        depth, front = np.full(fine * fine, -np.inf, np.float32), np.zeros((fine * fine, 2), np.float32)
        axes = np.array([view.right, view.up, view.toward_eye], float)
        seen = (points - (points.min(axis=0) + points.max(axis=0)) / 2) @ axes.T
        scale = (fine / 2 - _FINER) / (radius_mm or surface_radius_mm(points))
        xy = np.stack([fine / 2 + scale * seen[:, 0], fine / 2 - scale * seen[:, 1]], axis=1)
        outward = crossed(points, triangles)
        way = np.sign(np.einsum("ij,ij->", points[triangles[:, 0]] - points.mean(axis=0), outward)) or 1.0
        normals = way * normals_at_points(points, triangles)  # inwards where corners run clockwise seen from outside
        light = _AMBIENT + (1 - _AMBIENT) * np.clip(normals @ axes.T @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
        corners = np.column_stack([xy, seen[:, 2], values, light]).astype(np.float32)
        for samples in _samples(corners, triangles[way * outward @ axes[2] > 0]):  # of a closed surface half is hidden
            column, row = samples[:, 0].astype(np.int32), samples[:, 1].astype(np.int32)
            pixel = np.clip(row, 0, fine - 1) * fine + np.clip(column, 0, fine - 1)
            nearer = samples[:, 2] > depth[pixel]
            samples, pixel = samples[nearer], pixel[nearer]
            order = np.argsort(samples[:, 2])  # of several at one pixel the last written stays: the nearest
            depth[pixel[order]] = samples[order, 2]
            front[pixel[order]] = samples[order, 3:]
        hit = np.isfinite(depth)
        picture[hit] = 255 * np.asarray(colours(front[hit, 0])) * front[hit, 1:]
    picture = picture.reshape(size, _FINER, size, _FINER, 3).mean(axis=(1, 3))
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def surface_views(
    points: np.ndarray,
    triangles: np.ndarray,
    values: np.ndarray,
    colours,
    subject: str,
    views: Sequence[View] = VIEWS,
    size: int = 280,
    radius_mm: float | None = None,
) -> str:
    """HTML of a painted surface seen from all sides, at one scale; ``subject`` names it for those who can't see it."""
    radius_mm = radius_mm or surface_radius_mm(points)
    figures = []
    for view in views:
        picture = paint_surface(points, triangles, values, colours, view, size, radius_mm)
        name = escape(view.name)
        figures.append(
            f'<figure class="light"><img src="{data_uri(png(picture, optimize=False))}" width="{size}" '
            f'height="{size}" alt="{escape(subject)} {name}"/><figcaption>{name}</figcaption></figure>'
        )
    return f'<div class="views">{"".join(figures)}</div>'


def colour_scale(
    colours, ends: tuple[float, float], ticks: Sequence[float], label: str, notes: tuple[str, str] = ("", "")
) -> str:
    """A scale of colours as SVG.

    Args:
        colours: as in :func:`paint_surface`, of values in mm.
        ends: the scale's first and last value, mm.
        ticks: values that are written below.
        label: what the scale shows.
        notes: what its left and its right end mean.
    """
    left, width, top, height = 20, 400, 6, 16
    low, high = ends
    count = 150
    where = low + (np.arange(count) + 0.5) * (high - low) / count
    step = width / count
    parts = [
        f'<rect x="{left + n * step:.2f}" y="{top}" width="{step + 0.3:.2f}" height="{height}" fill="{colour}"/>'
        for n, colour in enumerate(map(css_colour, colours(where)))
    ]
    for value in ticks:
        x = left + width * (value - low) / (high - low)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{top + height + 15}" text-anchor="middle">{value} mm</text>')
    parts.append(
        f'<text class="note" x="{left}" y="{top + height + 31}">{escape(notes[0])}</text>'
        f'<text class="note" x="{left + width}" y="{top + height + 31}" text-anchor="end">'
        f"{escape(notes[1])}</text>"
    )
    return (
        f'<svg class="chart legend" viewBox="0 0 440 58" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def css_colour(colour) -> str:
    """Red, green, blue, 0 to 1, as CSS."""
    return "#" + "".join(f"{round(255 * float(value)):02x}" for value in colour)


def surface_radius_mm(points: np.ndarray) -> float:
    """Half of the longest side of the surface's box and a small border: one scale for all views."""
    return 0.54 * float(np.ptp(points, axis=0).max()) + 0.5 if len(points) else 1.0


def _samples(corners: np.ndarray, triangles: np.ndarray):
    """Yields rows (x, y, depth, value, light) that cover all triangles at less than a pixel's distance, in portions."""
    pixels = corners[:, :2]
    longest = np.max(
        [
            np.linalg.norm(pixels[triangles[:, a]] - pixels[triangles[:, b]], axis=1)
            for a, b in ((0, 1), (1, 2), (2, 0))
        ],
        axis=0,
    )
    steps = np.ceil(_DENSITY * longest).astype(int).clip(1)
    for count in np.unique(steps):
        i, j = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
        keep = i + j <= count
        weights = (np.stack([i[keep], j[keep], count - i[keep] - j[keep]], axis=1) / count).astype(np.float32)
        chosen = triangles[steps == count]
        portion = max(1, 500_000 // len(weights))
        for start in range(0, len(chosen), portion):
            yield np.matmul(weights, corners[chosen[start : start + portion]]).reshape(-1, corners.shape[1])
