"""The margin of an ablation as colours, a legend and a histogram: red where tumour sticks out of the necrosis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from SpineLib.reports.surface import VIEWS, colour_scale, css_colour, surface_views

#: Margin in mm and the colour there; between them it runs evenly, at 0 it jumps: the sign must be seen at a glance.
NEGATIVE = ((-5.0, (0.47, 0.05, 0.12)), (0.0, (0.91, 0.33, 0.27)))
POSITIVE = ((0.0, (0.98, 0.86, 0.42)), (5.0, (0.32, 0.72, 0.53)), (10.0, (0.16, 0.43, 0.60)))
_LOWEST, _HIGHEST = NEGATIVE[0][0], POSITIVE[-1][0]


def margin_colours(margin_mm: np.ndarray) -> np.ndarray:
    """Red, green, blue (n, 3), 0 to 1, of margins (n,) in mm; beyond -5 and 10 mm the colour stays."""
    margin_mm = np.asarray(margin_mm, float)

    def run(stops):
        places, colours = zip(*stops)
        return np.stack([np.interp(margin_mm, places, channel) for channel in zip(*colours)], axis=-1)

    return np.where((margin_mm < 0)[..., None], run(NEGATIVE), run(POSITIVE))


def margin_views(points: np.ndarray, triangles: np.ndarray, margin_mm: np.ndarray, views=VIEWS, size: int = 280) -> str:
    """HTML of the surface (points (n, 3) LPS mm, margin (n,) mm) seen from all sides, at one scale, with a legend."""
    surface = surface_views(points, triangles, margin_mm, margin_colours, "Surface of the metastasis", views, size)
    return surface + legend()


def legend() -> str:
    """The scale of colours as SVG."""
    return colour_scale(
        margin_colours,
        (_LOWEST, _HIGHEST),
        (-5, 0, 5, 10),
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
    left, width, top, height = 44, 480, 12, 170
    most = max(float(shares.max()), 1.0) * 1.08

    def x(value: float) -> float:
        return left + width * (value - edges[0]) / (edges[-1] - edges[0])

    parts = []
    for tick in _ticks(most):
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
    every = max(1, round(len(edges) / 14))
    zero = int(np.argmin(np.abs(edges)))
    for n in range(zero % every, len(edges), every):
        parts.append(
            f'<text class="tick" x="{x(edges[n]):.1f}" y="{top + height + 16}" text-anchor="middle">{edges[n]:g}</text>'
        )
    parts.append(
        f'<text class="note" x="{left + width / 2}" y="{top + height + 34}" text-anchor="middle">'
        "signed margin, mm (share of the metastasis's surface)</text>"
    )
    return (
        f'<svg class="chart" viewBox="0 0 550 {top + height + 42}" role="img" '
        f'aria-label="Histogram of the margin">{"".join(parts)}</svg>'
    )


def _ticks(most: float) -> np.ndarray:
    """Round values from 0 to ``most``, about four of them."""
    rough = most / 4
    unit = 10.0 ** np.floor(np.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return np.arange(0, most + 1e-9, step)
