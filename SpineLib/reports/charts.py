"""Charts as inline SVG: means with their spread, one under the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np


def round_ticks(low: float, high: float, about: int = 4) -> np.ndarray:
    """Round values, 1, 2 or 5 times a power of ten apart and about so many steps, from at most ``low`` to at least
    ``high``."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / about
    unit = 10.0 ** np.floor(np.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= 0.999 * rough)
    return step * np.arange(np.floor(low / step + 1e-6), np.ceil(high / step - 1e-6) + 1)


@dataclass(frozen=True)
class Interval:
    """One line of the chart.

    Attributes:
        label: what it is.
        mean: the value, in the chart's unit; NaN shows as a dash.
        std: half the length of its whisker, or none.
        own: whether it is this project's figure (filled) or one to compare with (hollow).
        note: small print under the label ("simulated", "40 patients").
    """

    label: str
    mean: float
    std: float | None = None
    own: bool = False
    note: str = ""


def interval_chart(intervals: Sequence[Interval], unit: str = "%", low: float = 0.0, high: float = 100.0) -> str:
    """SVG of dots with whiskers of one standard deviation, cut at ``low`` and ``high``.

    Each label stands above its dot, so that it never runs into the chart, and that is readable on a telephone.
    """
    left, right, row, top = 10, 262, 52, 6
    height = top + row * len(intervals) + 30

    def x(value: float) -> float:
        return left + (right - left) * (min(max(value, low), high) - low) / (high - low)

    parts = []
    for tick in range(6):
        value = low + (high - low) * tick / 5
        at = f"{x(value):.1f}"
        parts.append(
            f'<line class="grid" x1="{at}" x2="{at}" y1="{top}" y2="{height - 24}"/>'
            f'<text class="tick" x="{at}" y="{height - 6}" text-anchor="middle">{value:g}{escape(unit)}</text>'
        )
    for n, interval in enumerate(intervals):
        y = top + row * (n + 0.68)
        note = f'<tspan class="note" dx="6">{escape(interval.note)}</tspan>' if interval.note else ""
        parts.append(f'<text class="label" x="0" y="{y - 16:.1f}">{escape(interval.label)}{note}</text>')
        parts.append(f'<text class="value" x="{right + 14}" y="{y + 4:.1f}">{_shown(interval, unit)}</text>')
        if math.isnan(interval.mean):
            continue
        if interval.std:
            ends = x(interval.mean - interval.std), x(interval.mean + interval.std)
            parts.append(f'<line class="whisker" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        kind = "own" if interval.own else "other"
        parts.append(f'<circle class="{kind}" cx="{x(interval.mean):.1f}" cy="{y:.1f}" r="6.5"/>')
    return f'<svg class="chart" viewBox="0 0 360 {height:g}" role="img">{"".join(parts)}</svg>'


def _shown(interval: Interval, unit: str) -> str:
    if math.isnan(interval.mean):
        return "–"
    spread = f" ± {interval.std:.1f}" if interval.std else ""
    return f"{interval.mean:.1f}{spread} {escape(unit)}"
