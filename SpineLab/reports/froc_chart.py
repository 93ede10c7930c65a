"""FROC curves as an SVG that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

#: Told apart also without colour vision (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_WIDTH, _LEFT, _TOP, _SIDE = 620, 62, 40, 360


@dataclass(frozen=True)
class Curve:
    """One method's curve.

    Attributes:
        label: in the legend; it says what data it was measured on.
        false_positives: a case, any order.
        sensitivity: 0 to 1, at each of them.
    """

    label: str
    false_positives: Sequence[float]
    sensitivity: Sequence[float]


@dataclass(frozen=True)
class Point:
    """A published operating point, drawn hollow in the colour of the curve with that number, or grey."""

    label: str
    false_positives: float
    sensitivity: float
    curve: int | None = None


def froc_chart(title: str, curves: Sequence[Curve], points: Sequence[Point] = (), limit: float = 1.0) -> str:
    """Sensitivity against false positives a case: steps, as nothing lies between thresholds.

    The axis runs from 0 to ``limit``, or to a round number before it beyond which no curve rises and no point lies.
    """
    limit = _axis_end(curves, points, limit)
    height = _TOP + _SIDE + 52 + 18 * (len(curves) + len(points)) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="14" font-weight="bold">{escape(title)}</text>',
        *_axes(limit),
    ]
    legend = _TOP + _SIDE + 56
    for number, curve in enumerate(curves):
        colour, y = _COLOURS[number % len(_COLOURS)], legend + 18 * number
        parts += [
            f'<polyline class="curve" fill="none" stroke="{colour}" stroke-width="2.2" '
            f'points="{_steps(curve, limit)}"/>',
            f'<line x1="{_LEFT}" x2="{_LEFT + 24}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2.2"/>',
            f'<text x="{_LEFT + 32}" y="{y + 4}">{escape(curve.label)}</text>',
        ]
    for number, point in enumerate(points, start=len(curves)):
        colour = "#666" if point.curve is None else _COLOURS[point.curve % len(_COLOURS)]
        ring = f'r="5" fill="#fff" stroke="{colour}" stroke-width="2"/>'
        y = legend + 18 * number
        if point.false_positives <= limit:
            x, at = _place(point.false_positives, point.sensitivity, limit)
            parts.append(f'<circle class="published" cx="{x:.1f}" cy="{at:.1f}" {ring}')
        parts += [
            f'<circle cx="{_LEFT + 12}" cy="{y}" {ring}',
            f'<text x="{_LEFT + 32}" y="{y + 4}">{escape(point.label)}</text>',
        ]
    return "".join(parts) + "</svg>\n"


def _axis_end(curves: Sequence[Curve], points: Sequence[Point], limit: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that holds all there is to see, or ``limit`` if that is less."""
    reached = [point.false_positives for point in points if point.false_positives <= limit]
    for curve in curves:
        false, found = np.asarray(curve.false_positives, float), np.asarray(curve.sensitivity, float)
        inside = false <= limit
        if inside.any():
            reached.append(float(false[inside & (found >= found[inside].max())].min()))
    most = max(reached, default=limit)
    steps = (factor * 10.0**power for power in range(-3, 4) for factor in (1, 2, 5))
    return min(next(step for step in steps if step >= most), limit)


def _axes(limit: float) -> list[str]:
    right, bottom = _WIDTH - 24, _TOP + _SIDE
    parts = []
    for tick in np.linspace(0, 1, 6):
        x, y = _place(tick * limit, tick, limit)
        parts += [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" stroke="#ddd"/>',
            f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{tick * limit:.3g}</text>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{100 * tick:.0f} %</text>',
        ]
    middle = (_LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{bottom + 34}" text-anchor="middle">False positives a case</text>')
    turn = f"translate(16 {(_TOP + bottom) / 2}) rotate(-90)"
    parts.append(f'<text transform="{turn}" text-anchor="middle">Sensitivity</text>')
    return parts


def _place(false_positives: float, sensitivity: float, limit: float) -> tuple[float, float]:
    return _LEFT + (_WIDTH - 24 - _LEFT) * false_positives / limit, _TOP + _SIDE * (1 - sensitivity)


def _steps(curve: Curve, limit: float) -> str:
    """The best sensitivity at up to each number of false positives, from 0 to ``limit``."""
    order = np.argsort(curve.false_positives, kind="stable")
    false = np.asarray(curve.false_positives, float)[order]
    best = np.maximum.accumulate(np.asarray(curve.sensitivity, float)[order])
    places, level = [_place(0.0, 0.0, limit)], 0.0
    for x, y in zip(false, best, strict=True):
        if x > limit:
            break
        if y > level:
            places += [_place(x, level, limit), _place(x, y, limit)]
            level = y
    places.append(_place(limit, level, limit))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
