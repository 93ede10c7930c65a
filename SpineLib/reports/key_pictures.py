"""The slices that show most of a lesion as pictures with everything drawn into them, for archives that take no page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from SpineLib import NOTICE
from SpineLib.reports.pictures import grey, grey_window
from SpineLib.reports.slice_marks import EDGES, bar_mm, slice_place
from SpineLib.reports.viewer import Layer, cut_around, in_plane
from SpineLib.volume import Volume

_INK, _GROUND, _GAP, _LINE = (233, 241, 245), (5, 9, 12), 6, 26


@dataclass(frozen=True, eq=False)
class KeyPicture:
    """A picture.

    Attributes:
        title: what it shows ("Lesion 1"); nothing of the patient.
        pixels: (rows, columns, 3), uint8.
        plane: "sagittal", "axial" or "coronal".
    """

    title: str
    pixels: np.ndarray
    plane: str


def key_picture(
    title: str,
    pictures: Sequence[tuple[str, Volume, Sequence[Layer]]],
    around: Volume,
    *,
    plane: str = "sagittal",
    border_mm: float = 30.0,
    height: int = 480,
) -> KeyPicture | None:
    """Images side by side around a mask, in the slice that shows most of it: outlines, scale bar, edges and place.

    Args:
        title: plain text, above.
        pictures: title, image and outlines; all on one grid.
        around: mask, not 0 inside, on that grid.
        plane: of the slices.
        border_mm: shown on all sides of the mask.
        height: of each image, pixels.

    Returns:
        The picture; None when the mask is empty.
    """
    mask = in_plane(around, plane)
    if not mask.array.any():
        return None
    n, box = cut_around(mask, border_mm)
    place = slice_place(around, plane, n)
    panels = [_panel(name, image, layers, n, box, plane, place, height) for name, image, layers in pictures]
    columns = sum(panel.width for panel in panels) + _GAP * (len(panels) - 1)
    whole = Image.new("RGB", (columns, panels[0].height + 2 * _LINE), _GROUND)
    draw = ImageDraw.Draw(whole)
    x = 0
    for panel in panels:
        whole.paste(panel, (x, _LINE))
        x += panel.width + _GAP
    _write(draw, (8, 5), title, 15)
    _write(draw, (8, whole.height - _LINE + 5), f"SpineOncology. {NOTICE}.", 12)
    return KeyPicture(title, np.asarray(whole), plane)


def _panel(
    name: str,
    image: Volume,
    layers: Sequence[Layer],
    n: int,
    box: tuple[slice, slice],
    plane: str,
    place: str,
    height: int,
) -> Image.Image:
    turned = in_plane(image, plane)
    x_mm, y_mm, _ = turned.spacing
    cut = turned.array[n][box]
    scale = height / (cut.shape[0] * y_mm)  # pixels a mm
    size = max(round(cut.shape[1] * x_mm * scale), 1), height
    picture = Image.fromarray(grey(cut, grey_window(turned.array))).resize(size, Image.Resampling.BICUBIC)
    panel = Image.new("RGB", (size[0], height + _LINE), _GROUND)
    panel.paste(picture.convert("RGB"), (0, 0))
    draw = ImageDraw.Draw(panel)
    for layer in layers:
        _outline(draw, in_plane(layer.mask, plane).array[n][box] != 0, (x_mm * scale, y_mm * scale), layer)
    _marks(draw, size, scale, plane)
    _write(draw, (8, height + 5), f"{name}, {place}", 13)
    return panel


def _outline(draw: ImageDraw.ImageDraw, mask: np.ndarray, pixel: tuple[float, float], layer: Layer) -> None:
    from skimage.measure import find_contours

    if not mask.any():
        return
    for contour in find_contours(np.pad(mask, 1).astype(np.float32), 0.5):
        points = (contour[:, ::-1] - 0.5) * pixel  # padded by one, pixel centres at half
        colour = ImageColor.getrgb(layer.colour)
        if not layer.dashed:
            draw.line([tuple(point) for point in points], fill=colour, width=2)
            continue
        along = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
        for start in np.arange(0, along[-1], 14.0):
            steps = np.linspace(start, min(start + 8.0, along[-1]), 5)
            dash = np.stack([np.interp(steps, along, points[:, axis]) for axis in (0, 1)], axis=1)
            draw.line([tuple(point) for point in dash], fill=colour, width=2)


def _marks(draw: ImageDraw.ImageDraw, size: tuple[int, int], scale: float, plane: str) -> None:
    width, height = size
    left, right, top, bottom = EDGES[plane]
    for letter, place, anchor in (
        (left, (6, height / 2), "lm"),
        (right, (width - 6, height / 2), "rm"),
        (top, (width / 2, 6), "mt"),
        (bottom, (width / 2, height - 6), "mb"),
    ):
        _write(draw, place, letter, 18, anchor)
    length = bar_mm(width / scale)
    end, y = width - 12, height - 14
    draw.line([(end - length * scale, y), (end, y)], fill=(0, 0, 0), width=5)
    draw.line([(end - length * scale, y), (end, y)], fill=_INK, width=3)
    _write(draw, (end, y - 6), f"{length} mm", 14, "rb")


def _write(draw: ImageDraw.ImageDraw, place, text: str, size: int, anchor: str = "la") -> None:
    font = ImageFont.load_default(size)
    draw.text(place, text, fill=_INK, font=font, anchor=anchor, stroke_width=1, stroke_fill=(0, 0, 0))
