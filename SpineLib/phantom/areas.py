"""How large a metastasis is in the slices that show it, and metastases that are as large as wanted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from SpineLib.phantom.grid import Grid
from SpineLib.phantom.lesions import Inclusion

#: How far a metastasis may be from the area it is drawn for, and how often it is drawn larger or smaller.
_TOLERANCE, _TRIES = 0.1, 5
_LARGEST_STEP = 2.0


def slice_areas_cm2(item: Inclusion, grid: Grid, rows: slice) -> np.ndarray:
    """Area of a metastasis in each sagittal slice of the image, cm2, as its truth will show it.

    Args:
        item: a metastasis.
        grid: the drawing's; a voxel of the image belongs to the lesion when half of its sub-slices do.
        rows: the grid's rows that the image shows.
    """
    assert item.inside is not None
    q = grid.oversampling
    fine = np.zeros((grid.shape[0],) + item.inside.shape[1:], bool)
    fine[item.box[0]] = item.inside
    seen = np.arange(grid.shape[1])[item.box[1]]
    fine = fine[:, (seen >= rows.start) & (seen < rows.stop)]
    slices = fine.reshape((-1, q) + fine.shape[1:]).sum(axis=1, dtype=np.uint8) * 2 > q
    return slices.sum(axis=(1, 2)) * (grid.step[1] * grid.step[2] / 100)


def draw_area_cm2(rng: np.random.Generator, least: float, mean: float, most: float) -> float:
    """An area of a triangular distribution, which has this mean and no other parameter."""
    return float(rng.triangular(least, 3 * mean - least - most, most))


def is_mean_of(least: float, mean: float, most: float) -> bool:
    """Whether a triangular distribution from ``least`` to ``most`` can have this mean."""
    return least <= 3 * mean - least - most <= most


def draw_of_area(
    rng: np.random.Generator,
    draw: Callable[[float], Inclusion | None],
    area_of: Callable[[Inclusion], float],
    wanted_cm2: float,
) -> Inclusion | None:
    """A metastasis of about ``wanted_cm2``: one draw, repeated with a larger or smaller radius.

    Args:
        rng: what ``draw`` draws from; set back before each repetition.
        draw: draws a metastasis whose radius is multiplied by its argument; None where nothing is left of it.
        area_of: its area, cm2.
        wanted_cm2: met to a tenth.

    Returns:
        The metastasis, or None where the vertebra is too small for it.
    """
    state, enlarged = rng.bit_generator.state, 1.0
    for _ in range(_TRIES):
        rng.bit_generator.state = state
        item = draw(enlarged)
        area = area_of(item) if item is not None else 0.0
        if abs(area - wanted_cm2) <= _TOLERANCE * wanted_cm2:
            return item
        change = np.sqrt(wanted_cm2 / area) if area else _LARGEST_STEP
        enlarged *= float(np.clip(change, 1 / _LARGEST_STEP, _LARGEST_STEP))
    return None
