"""How much denser or less dense than expected the bone of each vertebra is.

Expected is what the other side and the neighbouring vertebrae show within a millimetre of the same place, or within
half a slice where that is more, so that neither outlines that do not fit to a voxel nor what a thick slice blurs
counts; of three counterparts or more, one may be ill itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from SpineLib.progress import Progress, silent
from SpineLib.tasks.ct.counterparts import Compared

#: Densities are smoothed, and looked for around the same place at least, by so much, voxels of 1 mm.
_SMOOTH, _SLACK = 1.2, 1
#: Marrow lies deeper than this, voxels; fewer voxels of it say nothing of its density.
_MARROW_DEPTH, _LEAST_MARROW = 3.0, 100
#: What a vertebra is at the other place, as a share of the voxels around.
_BONE = 0.5
_STEPS = (0.0, 1.5, 2.5, 3.5, 5.0, 7.0, np.inf)
#: A vertebra's marrow varies at least by this, HU.
_LEAST_SPREAD = 25.0


@dataclass(frozen=True, eq=False)
class Excess:
    """On the grid of the labels; float32 (z, y, x), HU where not said otherwise, NaN where nothing can be said.

    Attributes:
        dense: denser than any counterpart but one.
        lytic: less dense than any counterpart but one.
        score: density against bone at the same depth of the same vertebra, in its robust deviations.
        smooth: the densities that were compared.
        depth, core: mm from the surface and from the thickest part.
        noise: of the difference from the expected density in the vertebra's marrow, a robust deviation.
        lacking: numbers of vertebrae that nothing could be compared with.
    """

    dense: np.ndarray
    lytic: np.ndarray
    score: np.ndarray
    smooth: np.ndarray
    depth: np.ndarray
    core: np.ndarray
    noise: np.ndarray
    lacking: list[int]


def excess_of(
    image: np.ndarray,
    labels: np.ndarray,
    vertebrae: Sequence[Compared],
    progress: Progress = silent,
    slices: Sequence[float] = (1.0, 1.0, 1.0),
) -> Excess:
    """Compare all vertebrae with their counterparts.

    Args:
        image: float32 (z, y, x), HU, voxels of about 1 mm.
        labels: of the vertebrae, on the same grid.
        vertebrae: of :func:`SpineLib.tasks.ct.counterparts.compared_vertebrae`.
        progress: told after every vertebra; may raise ``Cancelled``.
        slices: sides of the CT's own voxels along (z, y, x), in voxels of ``image``.
    """
    progress(0.0, "Smoothing the CT")
    smooth = ndimage.gaussian_filter(image, _SMOOTH)
    around = [2 * max(_SLACK, math.ceil(round(side / 2, 3))) + 1 for side in slices]
    progress(0.0, "Looking around each place")
    highest = ndimage.maximum_filter(smooth, around)
    progress(0.0, "Looking around each place")
    lowest = ndimage.minimum_filter(smooth, around)
    bone = ndimage.gaussian_filter((labels > 0).astype(np.float32), 1.0)
    maps = [np.full(image.shape, np.nan, np.float32) for _ in range(6)]
    dense, lytic, score, depth, core, noise = maps
    lacking = []
    for number, one in enumerate(vertebrae):
        progress(number / len(vertebrae), f"Comparing the bone of vertebra {number + 1} of {len(vertebrae)}")
        here, marrow = smooth[one.index], one.depth > _MARROW_DEPTH
        depth[one.index], core[one.index], score[one.index] = one.depth, one.core, _score(here, one.depth)
        over, under, differences = [], [], []
        for other in one.counterparts:
            there = other.inside & (at(bone, other.places) > _BONE)
            plain = here - at(smooth, other.places)
            level = 0.0
            if not other.mirror and np.count_nonzero(there & marrow) >= _LEAST_MARROW:
                level = float(np.median(plain[there & marrow]))
            over.append(np.where(there, here - at(highest, other.places) - level, np.nan))
            under.append(np.where(there, at(lowest, other.places) + level - here, np.nan))
            differences.append(np.where(there, plain - level, np.nan))
        if not over:
            lacking.append(one.number)
            continue
        dense[one.index], lytic[one.index] = all_but_one(over), all_but_one(under)
        noise[one.index] = _deviation(_middle(differences)[marrow])
    return Excess(dense, lytic, score, smooth, depth, core, noise, lacking)


def _score(values: np.ndarray, depth: np.ndarray) -> np.ndarray:
    score = np.zeros(len(values), np.float32)
    for low, high in pairwise(_STEPS):
        shell = (depth > low) & (depth <= high)
        if np.count_nonzero(shell) >= _LEAST_MARROW // 2:
            middle = np.median(values[shell])
            score[shell] = (values[shell] - middle) / max(_LEAST_SPREAD, _deviation(values[shell]))
    return score


def _deviation(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return 1.48 * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


def all_but_one(values: Sequence[np.ndarray]) -> np.ndarray:
    """Of three or more the second least, of fewer the least; NaN where there is none."""
    ordered = np.sort(np.stack(values), axis=0)  # NaN last
    second = np.isfinite(ordered[2]) if len(ordered) > 2 else np.zeros(ordered.shape[1], bool)
    return np.where(second, ordered[min(1, len(ordered) - 1)], ordered[0])


def _middle(values: Sequence[np.ndarray]) -> np.ndarray:
    """The median of those that are known, without a warning where none is."""
    ordered = np.sort(np.stack(values), axis=0)
    known = np.isfinite(ordered).sum(axis=0)
    low, high = np.maximum(known - 1, 0) // 2, known // 2
    pick = np.minimum(high, np.maximum(known - 1, 0))
    return (np.take_along_axis(ordered, low[None], 0)[0] + np.take_along_axis(ordered, pick[None], 0)[0]) / 2


def at(array: np.ndarray, places: np.ndarray) -> np.ndarray:
    return ndimage.map_coordinates(array, places, order=1, mode="nearest")
