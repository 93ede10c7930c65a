"""The margin of an ablation as colours, a legend and a histogram: orange to brown where tumour sticks out.

Below 0 orange to brown, above 0 pale yellow to blue: readers who do not tell red from green tell these apart, and of
two colours of one side the one further from 0 is the darker.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from SpineLib.reports.charts import round_ticks
from SpineLib.reports.surface import VIEWS, colour_scale, css_colour, surface_views

#: Margin in mm and the colour there; between them it runs evenly, at 0 it jumps: the sign must be seen at a glance.
NEGATIVE = ((-10.0, (0.24, 0.06, 0.02)), (-5.0, (0.55, 0.16, 0.02)), (0.0, (0.90, 0.42, 0.05)))
POSITIVE = ((0.0, (0.99, 0.95, 0.70)), (5.0, (0.34, 0.71, 0.91)), (10.0, (0.02, 0.30, 0.58)))
_LOWEST, _HIGHEST = -5.0, POSITIVE[-1][0]
#: Scales and ticks run in such steps.
_STEP_MM = 5.0


def margin_colours(margin_mm: np.ndarray) -> np.ndarray:
    """Red, green, blue (n, 3), 0 to 1, of margins (n,) in mm; beyond -10 and 10 mm the colour stays."""
    margin_mm = np.asarray(margin_mm, float)

    def run(stops):
        places, colours = zip(*stops)
        return np.stack([np.interp(margin_mm, places, channel) for channel in zip(*colours)], axis=-1)

    return np.where((margin_mm < 0)[..., None], run(NEGATIVE), run(POSITIVE))


def margin_views(points: np.ndarray, triangles: np.ndarray, margin_mm: np.ndarray, views=VIEWS, size: int = 280) -> str:
    """HTML of the surface (points (n, 3) LPS mm, margin (n,) mm) seen from all sides, at one scale, with a legend."""
    surface = surface_views(points, triangles, margin_mm, margin_colours, "Surface of the metastasis", views, size)
    return surface + legend(*scale_ends(margin_mm))


def scale_ends(margin_mm: np.ndarray) -> tuple[float, float]:
    """Ends of a scale that reaches all margins, mm: -5 and 10, or further ones in steps of 5."""
    known = np.asarray(margin_mm, float)[np.isfinite(margin_mm)]
    if not len(known):
        return _LOWEST, _HIGHEST
    low, high = _STEP_MM * np.floor(known.min() / _STEP_MM), _STEP_MM * np.ceil(known.max() / _STEP_MM)
    return min(float(low), _LOWEST), max(float(high), _HIGHEST)


def legend(low: float = _LOWEST, high: float = _HIGHEST) -> str:
    """The scale of colours as SVG, from ``low`` to ``high`` mm."""
    step = _STEP_MM * max(1, round((high - low) / _STEP_MM / 7))
    ticks = [int(one) for one in np.arange(step * np.ceil(low / step), high + 0.1, step)]
    return colour_scale(
        margin_colours,
        (low, high),
        ticks,
        "Colours of the margin",
        ("tumour outside the necrosis", "necrosis beyond the tumour"),
    )


def histogram_chart(
    edges: np.ndarray, shares: np.ndarray, uncertainty_mm: float | None = None, marks: Sequence[float] = (0.0, 5.0)
) -> str:
    """SVG of the share of the metastasis's surface at each margin.

    Args:
        edges, shares: (n + 1,) mm and (n,) 0 to 1, as :func:`SpineLib.tasks.followup.margin.margin_histogram` gives
            them.
        uncertainty_mm: registration error; a band of that half width around the first mark is drawn, where it decides.
        marks: margins with a line.
    """
    step = edges[1] - edges[0]
    below = int(np.ceil((edges[0] - (min(marks) - step)) / step).clip(0))  # the marks lie within the chart
    above = int(np.ceil((max(marks) + step - edges[-1]) / step).clip(0))
    edges = edges[0] + step * np.arange(-below, len(edges) + above)
    shares = 100 * np.pad(shares, (below, above))
    left, width, top, height = 40, 310, 12, 150
    most = max(float(shares.max()), 1.0) * 1.08

    def x(value: float) -> float:
        return left + width * (value - edges[0]) / (edges[-1] - edges[0])

    parts = []
    for tick in (one for one in round_ticks(0.0, most) if one <= most):
        y = top + height * (1 - tick / most)
        parts.append(
            f'<line class="grid" x1="{left}" x2="{left + width}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}%</text>'
        )
    if uncertainty_mm:
        band = x(max(marks[0] - uncertainty_mm, edges[0])), x(min(marks[0] + uncertainty_mm, edges[-1]))
        parts.append(
            f'<rect class="band" x="{band[0]:.1f}" y="{top}" width="{band[1] - band[0]:.1f}" height="{height}"/>'
        )
    for share, start, end in zip(shares, edges[:-1], edges[1:]):
        tall = height * share / most
        colour = css_colour(margin_colours(np.array([(start + end) / 2]))[0])
        parts.append(
            f'<rect x="{x(start) + 1:.1f}" y="{top + height - tall:.1f}" width="{x(end) - x(start) - 2:.1f}" '
            f'height="{tall:.1f}" fill="{colour}"><title>{start:g} to {end:g} mm: {share:.1f} % of the '
            "surface</title></rect>"
        )
    for value in marks:
        parts.append(f'<line class="mark" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{top}" y2="{top + height}"/>')
    every = max(1, round(len(edges) / 9))
    zero = int(np.argmin(np.abs(edges)))
    for n in range(zero % every, len(edges), every):
        parts.append(
            f'<text class="tick" x="{x(edges[n]):.1f}" y="{top + height + 16}" text-anchor="middle">{edges[n]:g}</text>'
        )
    parts.append(
        f'<text class="note" x="{left + width / 2}" y="{top + height + 34}" text-anchor="middle">'
        "signed margin in mm; share of the surface</text>"
    )
    return (
        f'<svg class="chart" viewBox="0 0 360 {top + height + 42}" role="img" '
        f'aria-label="Histogram of the margin">{"".join(parts)}</svg>'
    )
