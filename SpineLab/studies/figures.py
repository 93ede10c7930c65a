"""Figures of a study's page, as SVG inside it: boxes, curves, and slices with contours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from SpineLib.reports.charts import round_ticks
from SpineLib.reports.pictures import data_uri, grey, grey_window, outline_path, png

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
TRUTH, FOUND = "#2ca02c", "#1f77b4"


def box_plot(groups: Mapping[str, Sequence[float]], title: str, low: float = 0.0, high: float = 1.0) -> str:
    """Boxes of the 25th to 75th percentile with the median; whiskers reach the last value within 1.5 box heights.

    Args:
        groups: values by name, between ``low`` and ``high``, shown in per cent.
        title: above it.
    """
    step, top, side = 78, 34, 220
    width, height = 60 + step * len(groups), top + side + 46

    def y(value: float) -> float:
        return top + side * (1 - (value - low) / (high - low))

    parts = [f'<text x="8" y="20" font-weight="bold">{escape(title)}</text>']
    for tick in np.linspace(low, high, 6):
        parts.append(
            f'<line x1="52" x2="{width - 6}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#ddd"/>'
            f'<text x="46" y="{y(tick) + 4:.1f}" text-anchor="end">{100 * tick:.0f} %</text>'
        )
    for number, (name, values) in enumerate(groups.items()):
        x = 60 + step * (number + 0.5)
        parts.append(f'<text x="{x}" y="{height - 18}" text-anchor="middle">{escape(name)}</text>')
        found = np.array([value for value in values if np.isfinite(value)], float)
        if not len(found):
            continue
        first, median, third = np.quantile(found, (0.25, 0.5, 0.75))
        reach = 1.5 * (third - first)
        ends = found[found >= first - reach].min(), found[found <= third + reach].max()
        parts.append(
            f'<line x1="{x}" x2="{x}" y1="{y(ends[0]):.1f}" y2="{y(ends[1]):.1f}" stroke="#333"/>'
            f'<rect class="box" x="{x - 17}" width="34" y="{y(third):.1f}" height="{max(y(first) - y(third), 1):.1f}" '
            f'fill="{_COLOURS[number % 6]}" fill-opacity="0.45" stroke="#333"/>'
            f'<line x1="{x - 17}" x2="{x + 17}" y1="{y(median):.1f}" y2="{y(median):.1f}" stroke="#000"/>'
        )
        for value in found[(found < ends[0]) | (found > ends[1])]:
            parts.append(f'<circle cx="{x}" cy="{y(value):.1f}" r="2.5" fill="none" stroke="#333"/>')
    return _svg(width, height, parts)


def curves(lines: Mapping[str, Sequence[tuple[float, float]]], title: str, across: str) -> str:
    """Lines of (x, y) points, of any range; one colour a name."""
    points = [point for line in lines.values() for point in line if np.isfinite(point).all()]
    if not points:
        return f"<p>{escape(title)}: nothing was measured.</p>"
    xs, ys = zip(*points)
    up, right = round_ticks(min(ys), max(ys)), round_ticks(0.0, max(xs))
    low, high, last = up[0], up[-1], right[-1]
    width, height, left, top, side = 560, 330 + 18 * len(lines), 66, 34, 230

    def x(value: float) -> float:
        return left + (width - left - 20) * value / last

    def y(value: float) -> float:
        return top + side * (1 - (value - low) / (high - low))

    parts = [f'<text x="8" y="20" font-weight="bold">{escape(title)}</text>']
    for tick in up:
        parts.append(
            f'<line x1="{left}" x2="{width - 20}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#ddd"/>'
            f'<text x="{left - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:.5g}</text>'
        )
    for tick in right:
        parts.append(f'<text x="{x(tick):.1f}" y="{top + side + 16}" text-anchor="middle">{tick:.5g}</text>')
    parts.append(f'<text x="{width / 2}" y="{top + side + 34}" text-anchor="middle">{escape(across)}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour, at = _COLOURS[number % 6], top + side + 54 + 18 * number
        shown = " ".join(f"{x(point[0]):.1f},{y(point[1]):.1f}" for point in line if np.isfinite(point).all())
        parts.append(
            f'<polyline class="curve" fill="none" stroke="{colour}" stroke-width="2" points="{shown}"/>'
            f'<line x1="{left}" x2="{left + 24}" y1="{at}" y2="{at}" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{left + 32}" y="{at + 4}">{escape(name)}</text>'
        )
    return _svg(width, height, parts)


def contours(image: np.ndarray, truth: np.ndarray, found: np.ndarray, pixel: tuple[float, float], text: str) -> str:
    """A slice with the true contour (green) and the found one (blue), and a line below.

    Args:
        image, truth, found: (rows, columns).
        pixel: mm of a row and a column.
        text: below it, e.g. the Dice.
    """
    return _slice(grey(image, grey_window(image)), {TRUTH: truth, FOUND: found}, pixel, text)


def overlay(image: np.ndarray, likelihood: np.ndarray, truth: np.ndarray, pixel: tuple[float, float], text: str) -> str:
    """A slice under its likelihood of lesion (the more orange, the likelier) with the true contour (green).

    Args:
        image, likelihood (0 to 1), truth: (rows, columns).
        pixel: mm of a row and a column.
        text: below it.
    """
    opaque = 0.85 * np.clip(likelihood, 0, 1)[..., None]
    colour = grey(image, grey_window(image))[..., None] * (1 - opaque) + np.array([230.0, 120.0, 0.0]) * opaque
    return _slice(np.clip(colour + 0.5, 0, 255).astype(np.uint8), {TRUTH: truth}, pixel, text)


def _slice(shown: np.ndarray, outlines: Mapping[str, np.ndarray], pixel: tuple[float, float], text: str) -> str:
    rows, columns = shown.shape[:2]
    picture, tall = data_uri(png(shown)), rows * pixel[0] / pixel[1]
    lines = "".join(
        f'<path d="{outline_path(mask > 0)}" fill="none" stroke="{colour}" stroke-width="1.2" '
        'vector-effect="non-scaling-stroke"/>'
        for colour, mask in outlines.items()
        if np.any(mask)
    )
    return (
        f'<figure style="display:inline-block;margin:4px"><svg viewBox="0 0 {columns} {rows}" '
        f'preserveAspectRatio="none" width="210" height="{210 * tall / columns:.0f}" role="img">'
        f'<image href="{picture}" width="{columns}" height="{rows}" preserveAspectRatio="none"/>{lines}</svg>'
        f"<figcaption>{escape(text)}</figcaption></figure>"
    )


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>'
    )
