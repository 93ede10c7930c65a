"""Slices side by side with outlines that can be switched on and off; a slider goes through the slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np

from SpineLib.geometry.orientation import canonical
from SpineLib.reports.pictures import data_uri, grey, grey_window, outline_path, png
from SpineLib.reports.slice_marks import PLANES, marks_svg, slice_place
from SpineLib.volume import Volume
from SpineLib.volume.triples import triple


@dataclass(frozen=True)
class Layer:
    """A mask drawn as an outline.

    Attributes:
        name: what the switch is called.
        mask: voxels that are not 0 belong to it; on the images' grid.
        colour: of the line, as CSS.
        dashed: whether the line is.
    """

    name: str
    mask: Volume
    colour: str
    dashed: bool = False


_SLICES = {
    "sagittal": "Sagittal slice, right to left",
    "axial": "Axial slice, from above to below",
    "coronal": "Coronal slice, front to back",
}


def in_plane(volume: Volume, plane: str = "sagittal") -> Volume:
    """The image as (slice, row, column): sagittal, anterior at the left; axial or coronal, seen from the feet or front.

    Only array and spacing are those of the plane; origin and direction stay the canonical image's.
    """
    turned = canonical(volume)[0]
    order = PLANES[plane]
    spacing = triple(turned.spacing[2 - axis] for axis in order[::-1])
    return replace(turned, array=turned.array.transpose(order), spacing=spacing)


def sagittal_index(reference: Volume, point_ras_mm: Sequence[float]) -> int:
    """The slice of the viewer, counted from the patient's right, that lies nearest to a point in RAS mm."""
    turned, _ = canonical(reference)
    lps = np.array([-point_ras_mm[0], -point_ras_mm[1], point_ras_mm[2], 1.0])
    slice_ = (np.linalg.inv(turned.ijk_to_lps) @ lps)[2]
    return int(np.clip(round(slice_), 0, turned.shape[0] - 1))


def slice_viewer(
    images: Mapping[str, Volume],
    layers: Sequence[Layer],
    start: int | None = None,
    *,
    blend: bool = False,
    around: int | None = None,
    key: str = "",
    plane: str = "sagittal",
    window: tuple[float, float] | None = None,
) -> str:
    """HTML of the viewer.

    Args:
        images: title to image; all on one grid, any axis order.
        layers: outlines drawn on every image.
        start: the slice shown first; without it the one with most of the layers' voxels.
        blend: whether the first two images are also shown in one another, to fade between them or as a checkerboard:
            this shows how well they are registered.
        around: how many slices beyond those of the layers are shown; without it all.
        key: tells this viewer from others of the page (letters, digits).
        plane: "sagittal" (anterior at the left), "axial" or "coronal" (the patient's right at the left).
        window: intensities shown black and white; without it those of :func:`grey_window`.

    Raises:
        ValueError: an image or mask lies on another grid than the first image.
    """
    first = next(iter(images.values()))
    for volume in [*images.values(), *(layer.mask for layer in layers)]:
        if not volume.same_grid(first):
            raise ValueError("images and masks of one viewer must lie on one grid")
    turned = {title: in_plane(volume, plane) for title, volume in images.items()}
    masks = [in_plane(layer.mask, plane).array != 0 for layer in layers]
    shown = next(iter(turned.values()))
    count = shown.shape[0]
    amount = sum((mask.sum(axis=(1, 2)) for mask in masks), np.zeros(count))
    if start is None:
        start = int(np.argmax(amount)) if amount.any() else count // 2
    lowest, highest = 0, count - 1
    if around is not None:
        with_layers = [start, *np.flatnonzero(amount).tolist()]
        lowest, highest = max(min(with_layers) - around, 0), min(max(with_layers) + around, count - 1)
    windows = {title: window or grey_window(volume.array) for title, volume in turned.items()}

    frames = []
    for n in range(lowest, highest + 1):
        paths = "".join(_path(layer, mask[n], k) for k, (layer, mask) in enumerate(zip(layers, masks)))
        place = slice_place(first, plane, n)
        views = "".join(
            f"<figure>{_picture(title, volume, n, windows[title], paths, plane)}{_caption(title, place)}</figure>"
            for title, volume in turned.items()
        )
        if blend:
            both = _blended(turned, n, windows, paths, key, plane)
            views += f"<figure>{both}{_caption('One in the other', place)}</figure>"
        frames.append(f'<div class="frame{" on" if n == start else ""}" data-slice="{n}">{views}</div>')
    switches = "".join(
        f'<label style="--line:{escape(layer.colour)}"><input type="checkbox" checked="" data-layer="{k}"/>'
        f'<span class="line{" dashed" if layer.dashed else ""}"></span>{escape(layer.name)}</label>'
        for k, layer in enumerate(layers)
    )
    if blend:
        one, other = list(images)[:2]
        switches += (
            f'<label class="slider">{escape(one)}<input type="range" min="0" max="100" value="50" class="fade" '
            f'aria-label="Fade"/>{escape(other)}</label>'
            '<label><input type="checkbox" class="checkerboard"/>Checkerboard</label>'
        )
    return (
        f'<div class="viewer"><div class="frames">{"".join(frames)}</div>'
        f'<div class="controls"><label class="slider">Slice <output>{start + 1}</output> of {count}'
        f'<input type="range" class="slice" min="{lowest}" max="{highest}" value="{start}" '
        f'aria-label="{_SLICES[plane]}"/>'
        "</label>"
        f"{switches}</div></div>"
    )


def close_ups(
    pictures: Sequence[tuple[str, Volume, Sequence[Layer]]],
    around: Volume,
    border_mm: float = 18.0,
    plane: str = "sagittal",
    window: tuple[float, float] | None = None,
) -> str:
    """HTML of pictures side by side, cut out around a mask, in the slice that shows most of it.

    Args:
        pictures: title, image, and the outlines drawn on it; all on one grid.
        around: mask, not 0 inside, on that grid.
        border_mm: shown on all sides of the mask; "" when the mask is empty.
        plane, window: as in :func:`slice_viewer`.
    """
    mask = in_plane(around, plane)
    if not mask.array.any():
        return ""
    n, box = cut_around(mask, border_mm)
    figures, place = [], slice_place(around, plane, n)
    for title, image, layers in pictures:
        turned = in_plane(image, plane)
        shown = window or grey_window(turned.array)
        cut = replace(turned, array=turned.array[:, *box])
        paths = "".join(
            _path(layer, in_plane(layer.mask, plane).array[n][box] != 0, k) for k, layer in enumerate(layers)
        )
        figures.append(f"<figure>{_picture(title, cut, n, shown, paths, plane)}{_caption(title, place)}</figure>")
    return f'<div class="closeups">{"".join(figures)}</div>'


def cut_around(mask: Volume, border_mm: float) -> tuple[int, tuple[slice, slice]]:
    """Of a mask as :func:`in_plane` gives it, which holds something: the slice that shows most of it, and the rows and
    columns around all of it with a border."""
    n = int(np.argmax(np.count_nonzero(mask.array, axis=(1, 2))))
    box = []
    for axis, spacing in ((1, mask.spacing[1]), (2, mask.spacing[0])):
        where = np.flatnonzero(mask.array.any(axis=(0, 3 - axis)))
        border = round(border_mm / spacing)
        box.append(slice(max(int(where[0]) - border, 0), int(where[-1]) + border + 1))
    return n, (box[0], box[1])


def _picture(title: str, volume: Volume, n: int, window: tuple[float, float], paths: str, plane: str) -> str:
    return _svg(volume, f"{title}, slice {n + 1}", _image(volume, n, window) + paths, plane)


def _caption(title: str, place: str) -> str:
    return f"<figcaption>{escape(title)} <span>{place}</span></figcaption>"


def _blended(
    turned: Mapping[str, Volume], n: int, windows: Mapping[str, tuple[float, float]], paths: str, key: str, plane: str
) -> str:
    """The first two images, the second half transparent; the page's script changes its opacity or cuts out squares."""
    (one, below), (other, above) = list(turned.items())[:2]
    _, rows, columns = above.shape
    x_mm, y_mm, _ = above.spacing
    side = max(columns * x_mm, rows * y_mm) / 12  # of a square, mm
    wide, tall = side / x_mm, side / y_mm
    pattern = (
        f'<defs><pattern id="squares{key}-{n}" width="{2 * wide:.2f}" height="{2 * tall:.2f}" '
        f'patternUnits="userSpaceOnUse"><path d="M0 0h{wide:.2f}v{tall:.2f}h-{wide:.2f}zM{wide:.2f} '
        f'{tall:.2f}h{wide:.2f}v{tall:.2f}h-{wide:.2f}z" style="fill:#fff;stroke:none"/></pattern>'
        f'<mask id="checker{key}-{n}" maskUnits="userSpaceOnUse" x="0" y="0" width="{columns}" height="{rows}">'
        f'<rect width="{columns}" height="{rows}" fill="url(#squares{key}-{n})"/></mask></defs>'
    )
    pictures = (
        _image(below, n, windows[one])
        + f'<g class="top" data-mask="checker{key}-{n}" style="opacity:0.5">{_image(above, n, windows[other])}</g>'
    )
    return _svg(above, f"{one} and {other}, slice {n + 1}", pattern + pictures + paths, plane)


def _image(volume: Volume, n: int, window: tuple[float, float]) -> str:
    _, rows, columns = volume.shape
    address = data_uri(png(grey(volume.array[n], window)))
    return f'<image href="{address}" width="{columns}" height="{rows}" preserveAspectRatio="none"/>'


def _svg(volume: Volume, label: str, content: str, plane: str) -> str:
    """A slice's frame in millimetres, so that neither its shape nor its scale bar depends on the page; what is drawn in
    pixels (picture and outlines) is scaled into it."""
    _, rows, columns = volume.shape
    x_mm, y_mm, _ = volume.spacing
    width, height = columns * x_mm, rows * y_mm
    return (
        f'<svg viewBox="0 0 {width:.3f} {height:.3f}" role="img" aria-label="{escape(label)}">'
        f'<g transform="scale({x_mm:.6g} {y_mm:.6g})">{content}</g>{marks_svg(width, height, plane)}</svg>'
    )


def _path(layer: Layer, mask: np.ndarray, k: int) -> str:
    d = outline_path(mask)
    if not d:
        return ""
    dashes = ' stroke-dasharray="5 3"' if layer.dashed else ""
    return f'<path class="layer-{k}" d="{d}" stroke="{escape(layer.colour)}"{dashes}/>'
