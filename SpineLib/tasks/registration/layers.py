"""The last step of a registration: fat and water as two layers, for scanners displace fat.

Fat resonates 3.4 ppm lower than water and appears displaced along the frequency direction, by one or two voxels, in
every scan its own way (chemical shift of the first kind). On T1 nearly every edge of a vertebra is an edge of its fatty
marrow, so a fit of the image alone follows the fat and misses the bone by as much. Here the scan before is read as two
layers that move alike but for one displacement of the fat within the slices: eight parameters, fitted by mutual
information. Fat is told from water by brightness, which suits T1 with or without contrast medium. Where headers tell
the displacement, ``told`` does better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.registration.refine import cut_patches, smoothed
from SpineLib.tasks.registration.region import Region
from SpineLib.tasks.registration.search import JointHistogram, rigid_matrix, rigid_parameters
from SpineLib.volume.places import to_index, to_lps
from SpineLib.volume.volume import Volume

#: Grid (mm), smoothing (mm), points of each fit and evaluations of each round.
GRID_MM, SIGMA_MM, _POINTS, _EVALUATIONS = 0.8, 0.4, 9000, 300
_BINS = 24
#: Signal is measured in means of its surroundings of this size (mm).
_SURROUNDINGS_MM = 25.0
#: Softness of the border between fat and water, as a share of the brightness there: marrow is a mixture. Of 0.5, 0.8
#: and 1.2 this left the least error on simulated pairs.
_SOFTNESS = 0.8


@dataclass(frozen=True)
class LayerFit:
    """One fit.

    Attributes:
        matrix: (4, 4), before to after, LPS mm: of water, and so of bone, tumour and necrosis.
        fat_mm: displacement of fat against water in the scan after less that in the scan before, along the columns and
            rows of the scan after, mm.
        metric: mutual information (nats).
    """

    matrix: np.ndarray
    fat_mm: np.ndarray
    metric: float


def fit_layers(
    before: Volume,
    after: Volume,
    region: Region,
    matrix: np.ndarray,
    margin_mm: float,
    progress: Progress = silent,
    count: int = 2,
) -> list[LayerFit]:
    """Fits that start at ``matrix`` (4, 4, before to after, LPS mm), each to other points.

    Raises:
        Cancelled: by ``progress``.
    """
    fixed, moving = (
        smoothed(one, SIGMA_MM) for one in cut_patches(before, after, region, matrix, margin_mm, relative, GRID_MM)
    )
    index = drawn(fixed, region, margin_mm, _POINTS * count)
    fat = _fat(fixed.array[tuple(index.T)])
    return [
        _fit(
            fixed,
            moving,
            index[number::count],
            fat[number::count],
            after.direction[:, :2],
            region.centre,
            matrix,
            part(progress, number / count, (number + 1) / count),
        )
        for number in range(count)
    ]


def drawn(volume: Volume, region: Region, margin_mm: float, count: int) -> np.ndarray:
    """At most ``count`` voxels (n, 3) (k, j, i) within the margin around the region, drawn at random, always alike."""
    chosen = np.random.default_rng(0).permutation(volume.array.size)[: 4 * count]
    index = np.stack(np.unravel_index(chosen, volume.shape), -1)
    return index[np.isfinite(region.distance(to_lps(index, volume), margin_mm))][:count]


def relative(volume: Volume) -> Volume:
    """Float32 image in means of its surroundings: coils shade an image, and their shade stays where it is."""
    mean = smoothed(volume.with_array(volume.array.astype(np.float32)), _SURROUNDINGS_MM).array
    return volume.with_array(volume.array / (mean + max(0.1 * float(mean.mean()), 1e-6)))


def _fat(values: np.ndarray) -> np.ndarray:
    """Share of fat (0 to 1) by brightness, around Otsu's threshold."""
    from skimage.filters import threshold_otsu

    middle = max(float(threshold_otsu(values)), 1e-6)
    return expit((values - middle) / (_SOFTNESS * middle))


def _fit(
    fixed: Volume,
    moving: Volume,
    index: np.ndarray,
    fat: np.ndarray,
    plane: np.ndarray,
    centre: np.ndarray,
    matrix: np.ndarray,
    progress: Progress,
) -> LayerFit:
    """``index`` (n, 3): the points' (k, j, i) in ``fixed``; ``plane`` (3, 2): along which fat may be displaced."""
    points = to_lps(index, fixed)
    histogram = JointHistogram(fixed.array[tuple(index.T)], moving.array, _BINS)

    def cost(parameters: np.ndarray) -> float:
        movement = rigid_matrix(parameters[:6], centre)
        moved = points @ movement[:3, :3].T + movement[:3, 3] + fat[:, None] * (plane @ parameters[6:])
        return -histogram.information(to_index(moved, moving).T)

    best = np.r_[rigid_parameters(matrix, centre), 0, 0]
    directions = np.diag([0.02, 0.02, 0.02, 0.5, 0.5, 0.5, 1.0, 1.0])
    directions[6:, 3:6] = -0.8 * plane.T  # fat that stays in place while water moves the other way
    calls = 0

    def tell(_):
        nonlocal calls
        calls += 1
        progress(min(calls / (2 * _EVALUATIONS), 1.0), "Fitting bone and marrow")

    for size in (1.0, 0.5):
        simplex = np.vstack([best, best + size * directions])
        found = minimize(
            cost,
            best,
            method="Nelder-Mead",
            callback=tell,
            options={"initial_simplex": simplex, "maxfev": _EVALUATIONS, "xatol": 0.005, "fatol": 1e-6},
        )
        best = found.x
    return LayerFit(rigid_matrix(best[:6], centre), best[6:], -float(found.fun))
