"""A sharper boundary of a detected region: morphological geodesic active contours on each sagittal slice.

Wang et al. (2017, section 5.2) name an active contour that starts from what the detector found as the step to take,
since its regions are larger than the lesions. The contour is that of Marquez-Neila, Baumela and Alvarez (2014) in
scikit-image.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from time import perf_counter

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.geometry.orientation import Orientation
from SpineLib.geometry.resample import along, linear, positions
from SpineLib.progress import Progress, silent
from SpineLib.settings import Settings
from SpineLib.tasks.provenance import provenance
from SpineLib.volume.volume import Volume

_LIBRARIES = ("numpy", "scipy", "scikit-image")
#: Edges farther from the region than this cannot draw the contour, so what lies beyond is not looked at.
_AROUND_MM = 15.0


@dataclass(frozen=True)
class RefineSettings(Settings):
    """Of the contour; measured on simulated STIR, where they raised the Dice of regions 4 mm too large from 57 to 82 %.

    Attributes:
        spacing_mm: pixel on which the contour moves; one iteration moves it by at most one pixel.
        iterations: steps of the contour; even, for scikit-image takes turns between two smoothings from call to call.
        core: the contour starts from where a slice's region is at least this share of its depth deep, 0 to 1.
        balloon: 1 lets it grow where there is no edge, -1 shrink, 0 keeps it where it is.
        smoothing: smoothing steps an iteration.
        sigma_mm, alpha: of the edge image, 1 / sqrt(1 + alpha |gradient of Gaussian|).
        stop: share of the pixels around that count as edge for the balloon.
        reach_mm: how far the contour may leave the region.
    """

    spacing_mm: float = 1.0
    iterations: int = 16
    core: float = 0.4
    balloon: int = 0
    smoothing: int = 1
    sigma_mm: float = 1.5
    alpha: float = 300.0
    stop: float = 0.5
    reach_mm: float = 3.0

    def __post_init__(self):
        if not (
            0.2 <= self.spacing_mm <= 5
            and 2 <= self.iterations <= 500
            and self.iterations % 2 == 0
            and 0 < self.core <= 1
            and self.balloon in (-1, 0, 1)
            and 0 <= self.smoothing <= 10
            and self.sigma_mm > 0
            and self.alpha > 0
            and 0 < self.stop < 1
            and 0 <= self.reach_mm <= _AROUND_MM
        ):
            raise SpineError("A setting of the boundary's refinement is out of its range; leave it at its default.")


@dataclass(frozen=True, eq=False)
class Refined:
    """Attributes:
    mask: uint8 on the image's own grid.
    provenance: JSON-able.
    notes: sentences the user should read.
    """

    mask: Volume
    provenance: dict
    notes: list[str]


def refine(
    image: Volume, region: Volume, settings: RefineSettings = RefineSettings(), progress: Progress = silent
) -> Refined:
    """Fit the boundary of ``region`` to the edges of ``image``, slice by slice (slices are thick, contours in plane).

    Args:
        image: the sequence that shows the lesion, any axis order.
        region: on the same grid, not 0 inside.

    Raises:
        SpineError: the region is empty or on another grid, or nothing is left of it.
        Cancelled: by ``progress``.
    """
    started = perf_counter()
    if not image.same_grid(region):
        raise SpineError("The region lies on another grid than the image: detect again on this image.")
    orientation = Orientation.of(image)
    grey, inside = orientation.apply(np.asarray(image.array)), orientation.apply(np.asarray(region.array) > 0)
    if not inside.any():
        raise SpineError("The region is empty: choose another candidate, or lower the threshold.")
    step = [image.spacing[2 - axis] for axis in orientation.axes[1:]]
    around = int(np.ceil(_AROUND_MM / step[0])), int(np.ceil(_AROUND_MM / step[1]))
    result = np.zeros(inside.shape, np.uint8)
    numbers = np.flatnonzero(inside.any(axis=(1, 2)))
    low, high = np.percentile(grey[numbers], (1, 99.5))
    for done, number in enumerate(numbers):
        progress(done / len(numbers), f"Slice {done + 1} of {len(numbers)}")
        box = _box(inside[number], around)
        part = np.clip((grey[number][box].astype(np.float32) - low) / max(high - low, 1e-6), 0, 1)
        result[number][box] = _contour(part, inside[number][box], step, settings)
    mask = image.with_array(np.ascontiguousarray(orientation.undo(result)), "refined")
    if not mask.array.any():
        raise SpineError("No edge holds the contour, so nothing is left of the region: draw it in the Segment Editor.")
    notes = []
    if mask.array.sum() > 1.5 * inside.sum():
        notes.append("The refined boundary encloses much more than the region it started from; look at it closely.")
    progress(1.0, "Done")
    made = provenance(
        "refine",
        started,
        asdict(settings),
        libraries=_LIBRARIES,
        reference=image.name,
        method="morphological geodesic active contour, by sagittal slice",
    )
    return Refined(mask, made, notes)


def _box(inside: np.ndarray, around: tuple[int, int]) -> tuple[slice, slice]:
    places = [np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0)]
    rows, columns = (
        slice(max(0, int(place[0]) - more), int(place[-1]) + 1 + more)
        for place, more in zip(places, around, strict=True)
    )
    return rows, columns


def _contour(grey: np.ndarray, region: np.ndarray, step: list[float], settings: RefineSettings) -> np.ndarray:
    """The mask (rows, columns) of one slice."""
    from skimage.segmentation import (
        inverse_gaussian_gradient,
        morphological_geodesic_active_contour,
    )

    size = [max(round(count * one / settings.spacing_mm), 3) for count, one in zip(grey.shape, step, strict=True)]
    ratios = [settings.spacing_mm / one for one in step]
    there = [
        linear(count, positions(count, target, ratio))
        for count, target, ratio in zip(grey.shape, size, ratios, strict=True)
    ]
    back = [
        linear(target, positions(target, count, 1 / ratio))
        for count, target, ratio in zip(grey.shape, size, ratios, strict=True)
    ]
    image = _resample(grey, there)
    fine = _resample(region.astype(np.float32), there) > 0.5
    if not fine.any():
        return region.astype(np.uint8)  # smaller than a pixel of the contour: there is nothing to move
    depth = ndimage.distance_transform_edt(np.pad(fine, 1))[1:-1, 1:-1]
    edges = inverse_gaussian_gradient(image.astype(float), settings.alpha, settings.sigma_mm / settings.spacing_mm)
    contour = morphological_geodesic_active_contour(
        edges,
        settings.iterations,
        (depth >= settings.core * depth.max()).astype(np.int8),
        smoothing=settings.smoothing,
        threshold=float(np.quantile(edges, settings.stop)),
        balloon=settings.balloon,
    )
    reached = ndimage.distance_transform_edt(~fine) * settings.spacing_mm <= settings.reach_mm
    return (_resample(((contour > 0) & reached).astype(np.float32), back) > 0.5).astype(np.uint8)


def _resample(array: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
    return along(along(array[None].astype(np.float32), matrices[0], 1), matrices[1], 2)[0]
