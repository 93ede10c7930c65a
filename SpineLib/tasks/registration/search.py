"""Where the region of one scan lies in another: candidates by search through places and turns, coarse to fine.

Neighbouring vertebrae look alike, so the best fit of a small region may be one level off. The search therefore looks
at a long piece of the spine first, on a dense grid of places, and keeps all places that fit: the winner and its rivals.
Mutual information of Mattes et al. (IEEE TMI 2003;22:120): joint histogram of sampled points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from SpineLib.progress import Progress, part, silent
from SpineLib.volume.places import to_index
from SpineLib.volume.volume import Volume

#: Places that are tried: along left-right, front-back and the body's axis (mm), and turns in the sagittal plane.
REACH_MM = (8.0, 24.0, 42.0)
STEP_MM = (8.0, 8.0, 6.0)
TURNS_DEGREES = (-8.0, 0.0, 8.0)
#: Candidates are at least this far apart.
APART_MM = 11.0
#: Fits are alike from this share of the better one on; then so many places are followed for so many evaluations.
_ALIKE, _MANY, _CLIMB = 0.8, 30, 70
#: Between equally good fits the smaller movement is likelier: the fit is worth nothing at these sizes of a movement.
_FAR_MM, _FAR_RADIANS = 150.0, 0.9


def rigid_matrix(parameters: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The 4 x 4 matrix of a rotation vector (radians) about ``centre`` (LPS mm) followed by a shift (mm)."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(parameters[:3]).as_matrix()
    matrix[:3, 3] = np.asarray(parameters[3:]) + centre - matrix[:3, :3] @ centre
    return matrix


def rigid_parameters(matrix: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The inverse of :func:`rigid_matrix`."""
    turn = Rotation.from_matrix(matrix[:3, :3])
    return np.r_[turn.as_rotvec(), matrix[:3, :3] @ centre + matrix[:3, 3] - centre]


def middle(matrices: list[np.ndarray], centre: np.ndarray) -> np.ndarray:
    """Mean of rigid matrices that are near each other."""
    return rigid_matrix(np.mean([rigid_parameters(one, centre) for one in matrices], axis=0), centre)


def distance(one: np.ndarray, other: np.ndarray, points: np.ndarray) -> float:
    """Mean distance of points moved by two matrices, mm."""
    difference = one - other
    return float(np.linalg.norm(points @ difference[:3, :3].T + difference[:3, 3], axis=1).mean())


@dataclass(frozen=True)
class Candidate:
    """A place where the region may lie: before-to-after matrix (4, 4), LPS mm, and its fit (higher is better)."""

    matrix: np.ndarray
    fit: float


class JointHistogram:
    """Mutual information (Mattes') of fixed values and of a moving image at places that change.

    Args:
        values: (n,), of the fixed image at the points.
        moving: the moving image's array (k, j, i).
        bins: a side of the histogram.
    """

    def __init__(self, values: np.ndarray, moving: np.ndarray, bins: int = 16):
        self._rows = np.rint(binned(values, bins)).astype(np.int64) * bins
        self._moving = binned(moving, bins)
        self._bins = bins

    def inside(self, index: np.ndarray) -> np.ndarray:
        """Which places (3, n) (k, j, i) lie within the moving image."""
        return np.all((index > -0.5) & (index < np.array(self._moving.shape)[:, None] - 0.5), axis=0)

    def information(self, index: np.ndarray, chosen: np.ndarray | slice = slice(None)) -> float:
        """In nats; ``index`` (3, n): the place of each point, of which ``chosen`` take part."""
        value = ndimage.map_coordinates(self._moving, index[:, chosen], order=1, mode="nearest")
        lower = value.astype(np.int64)
        upper_weight = value - lower
        row = self._rows[chosen]
        joint = np.bincount(row + lower, 1 - upper_weight, self._bins**2)
        joint += np.bincount(row + np.minimum(lower + 1, self._bins - 1), upper_weight, self._bins**2)
        return mutual_information(joint.reshape(self._bins, self._bins))


def soft_information(one: np.ndarray, other: np.ndarray, bins: int) -> float:
    """Mutual information (nats) of two sets of values given as bins of :func:`binned`, each shared out between the two
    bins next to it, so that it changes smoothly with both."""
    lower = [np.minimum(values.astype(np.int64), bins - 2) for values in (one, other)]
    row, column = one - lower[0], other - lower[1]
    cell = lower[0] * bins + lower[1]
    joint = np.zeros(bins**2)
    for down, weight_down in ((0, 1 - row), (bins, row)):
        for right, weight in ((0, 1 - column), (1, column)):
            joint += np.bincount(cell + down + right, weight_down * weight, bins**2)
    return mutual_information(joint.reshape(bins, bins))


class Fit:
    """How well two scans agree over points of the first, as a function of a rigid movement: mutual information,
    weighted by the share of points within the second scan (a small overlap would otherwise win by chance) and by the
    movement's size.

    Args:
        before, after: scans, prepared (smoothed, locally normalised).
        points: (n, 3), LPS mm, in the scan before.
        centre: of rotation, LPS mm.
    """

    def __init__(self, before: Volume, after: Volume, points: np.ndarray, centre: np.ndarray):
        values = ndimage.map_coordinates(before.array, to_index(points, before).T, order=1, mode="nearest")
        self._histogram = JointHistogram(values, after.array)
        self._after, self._points, self._centre = after, points, centre

    def share(self, parameters: np.ndarray) -> float:
        """Share of the points that lie within the scan after (0 to 1)."""
        return float(self._histogram.inside(self._moved(parameters)).mean())

    def __call__(self, parameters: np.ndarray) -> float:
        index = self._moved(parameters)
        inside = self._histogram.inside(index)
        share = inside.mean()
        if share < 0.5:
            return 0.0
        shift, turn = float(np.linalg.norm(parameters[3:])), float(np.linalg.norm(parameters[:3]))
        likely = max(0.0, 1 - (shift / _FAR_MM) ** 2) * max(0.0, 1 - (turn / _FAR_RADIANS) ** 2)
        return self._histogram.information(index, inside) * share * likely

    def _moved(self, parameters: np.ndarray) -> np.ndarray:
        matrix = rigid_matrix(parameters, self._centre)
        return to_index(self._points @ matrix[:3, :3].T + matrix[:3, 3], self._after).T


def mutual_information(joint: np.ndarray) -> float:
    """Of a joint histogram, in nats."""
    joint = joint / joint.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    filled = joint > 0
    return float((joint[filled] * np.log(joint[filled] / product[filled])).sum())


def search(coarse: Fit, fine: Fit, centre: np.ndarray, progress: Progress = silent, count: int = 5) -> list[Candidate]:
    """The best places of a grid of movements, each polished on its own; the best first.

    Where two places fit alike, the grid may have missed a narrow peak (a turn about another axis, little contrast), and
    many more of its places are followed uphill.
    """
    tried = []
    ticks = [np.arange(-reach, reach + 0.1, step) for reach, step in zip(REACH_MM, STEP_MM)]
    for number, turn in enumerate(np.radians(TURNS_DEGREES)):
        progress(0.5 * number / len(TURNS_DEGREES), "Searching for the place")
        for shift in np.stack(np.meshgrid(*ticks, indexing="ij"), -1).reshape(-1, 3):
            parameters = np.array([turn, 0, 0, *shift])
            tried.append((coarse(parameters), parameters))
    found = polished(fine, _apart_from_each_other(tried, count, APART_MM), centre, part(progress, 0.5, 0.8))
    if len(found) > 1 and found[1].fit > _ALIKE * found[0].fit:
        starts = _apart_from_each_other(tried, _MANY, APART_MM / 2)
        climbed = polished(coarse, starts, centre, part(progress, 0.8, 0.9), evaluations=_CLIMB)
        tops = [(one.fit, rigid_parameters(one.matrix, centre)) for one in climbed]
        starts = _apart_from_each_other(tops, count, APART_MM)
        found = sorted([*found, *polished(fine, starts, centre, part(progress, 0.9, 1.0))], key=lambda one: -one.fit)
    return found


def _apart_from_each_other(tried: list[tuple[float, np.ndarray]], count: int, apart_mm: float) -> list[np.ndarray]:
    """The movements of the best fits, as many as wanted, each so far away from the better ones."""
    chosen: list[np.ndarray] = []
    for _, parameters in sorted(tried, key=lambda one: -one[0]):
        if len(chosen) < count and all(_apart(parameters, other) > apart_mm for other in chosen):
            chosen.append(parameters)
    return chosen


def polished(
    fit: Fit,
    starts: list[np.ndarray],
    centre: np.ndarray,
    progress: Progress = silent,
    size_mm: float = 5.0,
    evaluations: int = 250,
) -> list[Candidate]:
    """Each start moved to the best place near it by a downhill simplex; the best first."""
    found = []
    for number, start in enumerate(starts):
        progress(number / len(starts), "Fitting the places found")
        simplex = np.vstack([start, start + np.diag([0.05, 0.05, 0.05, 1, 1, 1]) * size_mm])
        best = minimize(
            lambda p: -fit(p),
            start,
            method="Nelder-Mead",
            options={"initial_simplex": simplex, "maxfev": evaluations, "xatol": 0.02, "fatol": 1e-4},
        )
        found.append(Candidate(rigid_matrix(best.x, centre), -float(best.fun)))
    return sorted(found, key=lambda one: -one.fit)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """Distance of two movements, mm: a turn by 8 degrees counts as much as 12 mm (a point 85 mm off the centre)."""
    return float(np.hypot(np.linalg.norm(one[3:] - other[3:]), 85 * np.linalg.norm(one[:3] - other[:3])))


def binned(values: np.ndarray, bins: int, limits: np.ndarray | None = None) -> np.ndarray:
    """Values as bins (0 to bins - 1), fractions between them; what lies beyond ``limits`` (None: the lowest and highest
    hundredth) in the outer ones."""
    low, high = np.percentile(values, [1, 99]) if limits is None else limits
    return np.clip((values - low) / max(high - low, 1e-6) * (bins - 1), 0, bins - 1).astype(np.float32)
