"""The last step of a registration when both headers tell how far fat is displaced: only to which side is to be found.

The scan before is taken apart into bright fat and the rest, and put together again as the second scanner would show it,
with the fat where that one displaces it; mutual information with the scan after is then highest at the place of the
bone. Candidates: fat to either side before, and after, but not displaced in a scan whose header says that it was
suppressed. Without headers the displacement has to be fitted freely: ``layers``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.optimize import minimize

from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.registration.layers import GRID_MM, SIGMA_MM, drawn, relative
from SpineLib.tasks.registration.refine import cut_patches, smoothed
from SpineLib.tasks.registration.region import Region
from SpineLib.tasks.registration.search import binned, rigid_matrix, rigid_parameters, soft_information
from SpineLib.volume.places import to_index, to_lps
from SpineLib.volume.told import fat_shift_of
from SpineLib.volume.volume import Volume

#: Points of the first look at each candidate, evaluations of its shift alone, then of shift and turn; points and
#: evaluations of the fits of the best candidates, how many these are, and points by which the best one is chosen.
_LOOK, _LOOKS, _FIT, _FITTED, _CHOSEN = 4000, (50, 170), (9000, 200), 3, 45000
_BINS = 24
#: First steps: turns (radians) and shifts (mm).
_STEPS = np.diag([0.02, 0.02, 0.02, 0.5, 0.5, 0.5])
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


def fit_told(
    before: Volume, after: Volume, region: Region, matrix: np.ndarray, margin_mm: float, progress: Progress = silent
) -> tuple[list[ToldFit], list[ToldFit]]:
    """Fits that start at ``matrix`` (4, 4, before to after, LPS mm).

    Args:
        before, after: of both the header tells the displacement of fat.

    Returns:
        The best candidates, the best first; and the best one fitted to two sets of points.

    Raises:
        Cancelled: by ``progress``.
    """
    fixed, moving = (
        smoothed(one, SIGMA_MM) for one in cut_patches(before, after, region, matrix, margin_mm, relative, GRID_MM)
    )
    index = drawn(fixed, region, margin_mm, _CHOSEN)
    scene = _Scene.of(fixed, moving, region.centre)
    shifts = [shift for shift in map(fat_shift_of, (before, after)) if shift is not None]
    vectors = [np.array(shift.vector_mm) for shift in shifts]
    ways = [(0,) if shift.suppressed else (1, -1) for shift in shifts]
    looks, steps = [], [*product(ways[0], ways[1])]
    for number, sides in enumerate(steps):
        progress(0.5 * number / len(steps), "Looking to which side fat is displaced")
        looks.append(scene.look(index[:_LOOK], vectors, sides, matrix))
    looks.sort(key=lambda one: -one.metric)
    first, second = index[: _FIT[0]], index[_FIT[0] : 2 * _FIT[0]]
    fitted = [
        scene.again(first, vectors, one, part(progress, 0.5 + 0.12 * number, 0.62 + 0.12 * number))
        for number, one in enumerate(looks[:_FITTED])
    ]
    # Of a fit's own points chance decides more than the side does.
    found = sorted(
        (replace(one, metric=scene.metric(index, vectors, one)) for one in fitted), key=lambda one: -one.metric
    )
    return found, [found[0], scene.again(second, vectors, found[0], part(progress, 0.86, 1.0))]


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

    def look(self, index: np.ndarray, vectors, sides: tuple[int, int], matrix: np.ndarray) -> ToldFit:
        """A rough fit: first of the shift, from where fat nearly stays as it lies under ``matrix``, then of all."""
        apart = self.apart(vectors, sides, matrix)
        start = rigid_parameters(matrix, self.centre)
        start[3:] -= 0.8 * (matrix[:3, :3] @ apart)
        shifted = self.fit(index, apart, sides, start, _STEPS[3:], _LOOKS[0])
        return self.fit(index, apart, sides, rigid_parameters(shifted.matrix, self.centre), _STEPS, _LOOKS[1])

    def again(self, index: np.ndarray, vectors, rough: ToldFit, progress: Progress) -> ToldFit:
        """A fit from where another one ended."""
        progress(0.0, "Fitting bone and marrow")
        return self.fit(
            index,
            self.apart(vectors, rough.sides, rough.matrix),
            rough.sides,
            rigid_parameters(rough.matrix, self.centre),
            0.4 * _STEPS,
            _FIT[1],
        )

    @staticmethod
    def apart(vectors, sides: tuple[int, int], matrix: np.ndarray) -> np.ndarray:
        """How far (LPS mm, in the space before) fat lies after from where it lay before, as ``matrix`` turns."""
        return matrix[:3, :3].T @ (sides[1] * vectors[1]) - sides[0] * vectors[0]

    def fit(
        self,
        index: np.ndarray,
        apart: np.ndarray,
        sides: tuple[int, int],
        start: np.ndarray,
        steps: np.ndarray,
        evaluations: int,
    ) -> ToldFit:
        """Fit a candidate.

        Args:
            index: (n, 3), (k, j, i) of the points in ``fixed``.
            apart: the displacement of fat; turns within a fit are too small to matter for it.
            start: six parameters of :func:`rigid_matrix`.
            steps: (m, 6), the movements that are tried.
        """
        information = self._information(index, apart)

        def cost(amounts: np.ndarray) -> float:
            return -information(rigid_matrix(start + amounts @ steps, self.centre))

        simplex = np.vstack([np.zeros(len(steps)), np.eye(len(steps))])
        found = minimize(
            cost,
            simplex[0],
            method="Nelder-Mead",
            options={"initial_simplex": simplex, "maxfev": evaluations, "xatol": 0.01, "fatol": 1e-6},
        )
        return ToldFit(rigid_matrix(start + found.x @ steps, self.centre), sides, -float(found.fun))

    def metric(self, index: np.ndarray, vectors, fitted: ToldFit) -> float:
        """Mutual information (nats) over more points, where a candidate was fitted."""
        return self._information(index, self.apart(vectors, fitted.sides, fitted.matrix))(fitted.matrix)

    def _information(self, index: np.ndarray, apart: np.ndarray) -> Callable[[np.ndarray], float]:
        """Mutual information as a function of a movement, with the fat displaced by ``apart``."""
        points = to_lps(index, self.fixed)
        here, bright = (volume.array[tuple(index.T)] for volume in (self.fixed, self.bright))
        fat = map_coordinates(self.bright.array, to_index(points - apart, self.bright).T, order=1, mode="nearest")
        shown = binned(here - bright + fat, _BINS, np.percentile(self.fixed.array, [1, 99]))

        def information(movement: np.ndarray) -> float:
            moved = to_index(points @ movement[:3, :3].T + movement[:3, 3], self.bins).T
            seen = map_coordinates(self.bins.array, moved, order=1, mode="nearest")
            return soft_information(shown, seen, _BINS)

        return information
