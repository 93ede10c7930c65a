"""The last step of a registration when both headers tell how far fat is displaced: only to which side is to be found.

The scan before is taken apart into bright fat and the rest, and put together again as the second scanner would show it,
with the fat where that one displaces it; mutual information with the scan after is then highest at the place of the
bone. Candidates: fat to either side before, and after, but not displaced in a scan whose header says that it was
suppressed. Without headers the displacement has to be fitted freely: ``registration_layers``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.region import Region, to_lps
from SpineLib.tasks.registration_layers import GRID_MM, SIGMA_MM, drawn, relative
from SpineLib.tasks.registration_refine import cut_patches, smoothed
from SpineLib.tasks.registration_search import binned, indices, rigid_matrix, rigid_parameters, soft_information
from SpineLib.volume.volume import Volume

#: Points and evaluations of the first look at each candidate, and of the fits of the best ones.
_LOOK, _FIT = (4000, 140), (9000, 240)
#: How many candidates are fitted to the end.
_FITTED = 2
_BINS = 24
#: Signal beyond this percentile of the patch is taken for fat. Of 10, 25, 35, 50 and 65 it told sides best.
_WATER = 50


@dataclass(frozen=True)
class ToldFit:
    """One candidate, fitted.

    Attributes:
        matrix: (4, 4), before to after, LPS mm: of water, and so of bone, tumour and necrosis.
        sides: +1 or -1: whether fat is displaced along the told axis of the scan before, and after, or against it; 0:
            fat is not displaced (suppressed).
        metric: mutual information (nats); comparable among the candidates.
    """

    matrix: np.ndarray
    sides: tuple[int, int]
    metric: float


def fit_told(before: Volume, after: Volume, region: Region, matrix: np.ndarray, margin_mm: float,
             progress: Progress = silent) -> tuple[list[ToldFit], list[ToldFit]]:
    """Fits that start at ``matrix`` (4, 4, before to after, LPS mm).

    Args:
        before, after: with their ``fat_shift``.

    Returns:
        The best candidates, the best first; and the best one fitted to two sets of points.

    Raises:
        Cancelled: by ``progress``.
    """
    fixed, moving = (smoothed(one, SIGMA_MM) for one in
                     cut_patches(before, after, region, matrix, margin_mm, relative, GRID_MM))
    index = drawn(fixed, region, margin_mm, 2 * _FIT[0])
    scene = _Scene.of(fixed, moving, region.centre)
    vectors = [volume.fat_shift.vector(volume.direction) for volume in (before, after)]
    looks, steps = [], [*product(*((0,) if volume.fat_shift.suppressed else (1, -1) for volume in (before, after)))]
    for number, sides in enumerate(steps):
        progress(0.5 * number / len(steps), "Looking to which side fat is displaced")
        looks.append(scene.fit(index[: _LOOK[0]], vectors, sides, matrix, 0.8, _LOOK[1]))
    looks.sort(key=lambda one: -one.metric)
    found = [scene.again(index[::2], vectors, one, part(progress, 0.5 + 0.17 * number, 0.67 + 0.17 * number))
             for number, one in enumerate(looks[:_FITTED])]
    found.sort(key=lambda one: -one.metric)
    return found, [found[0], scene.again(index[1::2], vectors, found[0], part(progress, 0.84, 1.0))]


@dataclass(frozen=True)
class _Scene:
    """Patches of both scans; ``bright``: the signal of the first one that may be fat; ``bins``: of the second one."""

    fixed: Volume
    bright: Volume
    bins: Volume
    centre: np.ndarray

    @classmethod
    def of(cls, fixed: Volume, moving: Volume, centre: np.ndarray) -> _Scene:
        # Under fat lies some water, as marrow is a mixture and cortex is thin, and it stays when fat is moved away.
        # When all signal was taken away there, dark rims were left that fitted the voids of wrong candidates.
        water = np.float32(np.percentile(fixed.array, _WATER))
        bright = np.maximum(fixed.array - water, 0)
        return cls(fixed, fixed.with_array(bright), moving.with_array(binned(moving.array, _BINS)), centre)

    def again(self, index: np.ndarray, vectors, start: ToldFit, progress: Progress) -> ToldFit:
        """A fit from where another one ended."""
        progress(0.0, "Fitting bone and marrow")
        return self.fit(index, vectors, start.sides, start.matrix, 0.0, _FIT[1], size=0.4)

    def fit(self, index: np.ndarray, vectors, sides: tuple[int, int], matrix: np.ndarray, held: float,
            evaluations: int, size: float = 1.0) -> ToldFit:
        """Fit a candidate.

        Args:
            index: (n, 3), (k, j, i) of the points in ``fixed``.
            vectors: the displacements told, before and after, LPS mm.
            matrix: where to start.
            held: 1: start where fat stays as it lies under ``matrix``, 0: where water does.
            size: of the first simplex.
        """
        from scipy.ndimage import map_coordinates
        from scipy.optimize import minimize

        points = to_lps(index, self.fixed)
        # How far fat lies from where it lay, in the space before; turns within a fit are too small to matter here.
        apart = matrix[:3, :3].T @ (sides[1] * vectors[1]) - sides[0] * vectors[0]
        here, bright = (volume.array[tuple(index.T)] for volume in (self.fixed, self.bright))
        fat = map_coordinates(self.bright.array, indices(self.bright, points - apart), order=1, mode="nearest")
        shown = binned(here - bright + fat, _BINS, np.percentile(self.fixed.array, [1, 99]))

        def cost(parameters: np.ndarray) -> float:
            movement = rigid_matrix(parameters, self.centre)
            seen = map_coordinates(self.bins.array, indices(self.bins, points @ movement[:3, :3].T + movement[:3, 3]),
                                   order=1, mode="nearest")
            return -soft_information(shown, seen, _BINS)

        start = rigid_parameters(matrix, self.centre)
        start[3:] -= held * (matrix[:3, :3] @ apart)
        simplex = np.vstack([start, start + size * np.diag([0.02, 0.02, 0.02, 0.5, 0.5, 0.5])])
        found = minimize(cost, start, method="Nelder-Mead",
                         options={"initial_simplex": simplex, "maxfev": evaluations, "xatol": 0.005, "fatol": 1e-6})
        return ToldFit(rigid_matrix(found.x, self.centre), sides, -float(found.fun))
