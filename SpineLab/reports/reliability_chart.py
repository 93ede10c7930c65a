"""A reliability plot as an SVG that stands alone."""

from __future__ import annotations

from html import escape

from SpineLab.evaluation.calibration import Reliability

_LEFT, _TOP, _SIDE = 62, 40, 360
_COLOUR = "#0072b2"


def reliability_chart(title: str, result: Reliability) -> str:
    """Share of lesion against mean probability, a dot a bin, its area its voxels; honest is the diagonal."""
    height, width = _TOP + _SIDE + 60, _LEFT + _SIDE + 30
    most = max(float(result.voxels.max(initial=1)), 1.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="14" font-weight="bold">{escape(title)}</text>',
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#444"/>',
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#999" stroke-dasharray="4"/>',
    ]
    for n in range(6):
        parts += [
            f'<text x="{_x(n / 5)}" y="{_y(0) + 18}" text-anchor="middle">{n / 5:g}</text>',
            f'<text x="{_LEFT - 8}" y="{_y(n / 5) + 4}" text-anchor="end">{n / 5:g}</text>',
        ]
    dots = [
        (float(p), float(share), voxels)
        for p, share, voxels in zip(result.probability, result.share, result.voxels)
        if voxels
    ]
    points = " ".join(f"{_x(p):.1f},{_y(share):.1f}" for p, share, _ in dots)
    parts.append(f'<polyline points="{points}" fill="none" stroke="{_COLOUR}"/>')
    parts += [
        f'<circle cx="{_x(p):.1f}" cy="{_y(share):.1f}" r="{3 + 7 * (voxels / most) ** 0.5:.1f}" fill="{_COLOUR}" '
        'fill-opacity="0.6"/>'
        for p, share, voxels in dots
    ]
    parts += [
        f'<text x="{_x(0.5)}" y="{_y(0) + 40}" text-anchor="middle">mean probability</text>',
        f'<text transform="translate(18 {_y(0.5)}) rotate(-90)" text-anchor="middle">share that is lesion</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(value: float) -> float:
    return _LEFT + value * _SIDE


def _y(value: float) -> float:
    return _TOP + (1 - value) * _SIDE
