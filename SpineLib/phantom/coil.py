"""What surface coils do to an image: bright behind, dark in front and beyond the array's ends."""

from __future__ import annotations

import numpy as np

from SpineLib.phantom.fields import resize
from SpineLib.phantom.grid import Grid
from SpineLib.phantom.spine import Vertebra

#: Sensitivity is worked out on every fourth row and column.
_STRIDE = 4


def array_sensitivity(rng: np.random.Generator, grid: Grid, spine: list[Vertebra], shape) -> np.ndarray:
    """Sensitivity of an array of loops behind the back, as root of the sum of squares; about 1 at the column.

    A loop of radius r is taken to fall off as (1 + d^2 / r^2)^-1.5 with the distance d from its middle, as on its axis
    (Biot and Savart). The array may end within the image, and the scanner may have evened out a part of it.

    Args:
        rng: source of randomness.
        grid: of the drawing; ``shape``: (slices, rows, columns) of the image.
        spine: the column.

    Returns:
        Float32 of ``shape``.
    """
    x = np.linspace(grid.xs[0], grid.xs[-1], shape[0]).astype(np.float32)[:, None, None]
    z = np.linspace(grid.zs[0], grid.zs[-1], max(2, shape[1] // _STRIDE)).astype(np.float32)[None, :, None]
    y = np.linspace(grid.ys[0], grid.ys[-1], max(2, shape[2] // _STRIDE)).astype(np.float32)[None, None, :]
    body = np.mean([v.centre for v in spine if abs(v.centre[2]) < 150] or [spine[0].centre], axis=0)
    behind = body[1] + rng.uniform(65, 120)
    extent = float(grid.zs[0] - grid.zs[-1])
    top, bottom = (float(grid.zs[n]) + sign * rng.uniform(-0.12, 0.3) * extent for n, sign in ((0, 1), (-1, -1)))
    radius = rng.uniform(50, 110)
    places = np.arange(bottom, top + 1, rng.uniform(0.8, 1.5) * radius)
    square = np.zeros((shape[0], z.shape[1], y.shape[2]), np.float32)
    for place in places if len(places) else [0.5 * (top + bottom)]:
        gain = rng.uniform(0.7, 1.3)
        for side in (-1, 1):
            middle = body[0] + side * 0.6 * radius
            d2 = (x - np.float32(middle)) ** 2 + (y - np.float32(behind)) ** 2 + (z - np.float32(place)) ** 2
            square += np.float32(gain) * (1 + d2 / np.float32(radius**2)) ** -3
    near = np.abs(y[0, 0] - body[1]).argmin()
    sense = np.sqrt(square)
    sense /= float(np.median(sense[:, :, near]))
    sense = sense ** np.float32(rng.uniform(0.1, 0.8))
    if rng.random() < 0.3:  # beyond the homogeneous part of the magnet
        reach, soft = rng.uniform(0.38, 0.55) * extent, rng.uniform(6, 25)
        off = np.abs(z - np.float32(grid.zs.mean() + rng.normal(0, 0.05) * extent)) - np.float32(reach)
        sense = sense / (1 + np.exp(off / np.float32(soft)))
    return np.clip(resize(sense, shape), 0.03, 12.0)
