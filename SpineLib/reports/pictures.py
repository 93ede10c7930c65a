"""Slices as PNG bytes and outlines as SVG paths: small, sharp at any size, inline in a page."""

from __future__ import annotations

import base64

import numpy as np


def grey_window(array: np.ndarray, low: float = 0.5, high: float = 95.0) -> tuple[float, float]:
    """Intensities shown black and white: percentiles of what is not background (values above the minimum).

    Surface coils make the fat of the back far brighter than the spine: the upper twentieth may saturate.
    """
    values = array[np.isfinite(array)]
    inside = values[values > values.min()] if values.size else values
    if inside.size == 0:
        return 0.0, 1.0
    black, white = np.percentile(inside, [low, high])
    return float(black), float(white) if white > black else float(black) + 1.0


def grey(picture: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Intensities, any shape, as uint8 grey values of the window."""
    black, white = window
    scaled = (np.nan_to_num(picture.astype(np.float32)) - black) * (255.0 / (white - black))
    return np.clip(scaled + 0.5, 0, 255).astype(np.uint8)


def png(picture: np.ndarray, optimize: bool = True) -> bytes:
    """A PNG file of uint8 grey values (rows, columns) or colours (rows, columns, 3).

    ``optimize`` looks for the smallest file, which takes long for shaded colours.
    """
    import imageio.v3  # Comes with scikit-image.

    return imageio.v3.imwrite("<bytes>", picture, extension=".png", optimize=optimize)


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """The file's content as an address, for a page without other files."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def outline_path(mask: np.ndarray) -> str:
    """The outline of a 2-D mask as the ``d`` of an SVG path, in pixels from the picture's upper left corner.

    Holes and separate parts are subpaths of their own; an empty mask gives an empty string.
    """
    from skimage.measure import approximate_polygon, find_contours

    if not mask.any():
        return ""
    parts = []
    for contour in find_contours(np.pad(mask, 1).astype(np.float32), 0.5):
        points = approximate_polygon(contour, 0.2) - 0.5  # padded by one, pixel centres at half
        steps = "L".join(f"{x:.1f} {y:.1f}" for y, x in points[:-1])
        parts.append(f"M{steps}Z")
    return "".join(parts)
