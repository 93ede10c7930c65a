"""Regions of vertebrae that are denser or less dense than expected, and what tells lesions among them.

Thresholds from low to high give regions within regions; each is described by the same few numbers, and a classifier
says which is a lesion. Of a region and those within it the likeliest are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.progress import Progress, silent
from SpineLib.tasks.ct.expected import Excess

#: Regions are what differs by more than each of these, HU.
_LEVELS = (35.0, 60.0, 85.0, 120.0, 170.0)
#: Smaller ones are noise, voxels of 1 mm; the surface itself is not looked at, mm.
_LEAST_VOXELS, SURFACE_MM = 40, 2.0
#: So many of its voxels show how far a region differs at most.
_TOP = 30
#: The features "density", "contrast", HU, and "score" are in these.
_DENSITY_HU, _CONTRAST_HU, _SCORE = 400.0, 100.0, 3.0
#: So near a region the other kind makes it mixed, mm.
_BESIDE = 3
FEATURES = (
    "volume", "contrast", "top contrast", "contrast against noise", "depth", "deep share", "score", "density",
    "from the body", "filling", "least side", "other kind beside", "noise", "dense", "shallow share",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Region:
    """One region.

    Attributes:
        dense: denser than expected, or else less dense.
        box: around it.
        inside: bool, on the box.
        level: number of its threshold.
        within: the number, in the list, of the region of the threshold below that it lies in; -1 of the first.
        features: float32, :data:`FEATURES`.
    """

    dense: bool
    box: tuple[slice, slice, slice]
    inside: np.ndarray
    level: int
    within: int
    features: np.ndarray

    def label_in(self, labels: np.ndarray) -> int:
        """Of the whole region, which lies in one label of an array on its grid."""
        return int(labels[self.box][self.inside][0])

    @property
    def density(self) -> float:
        """Mean of it, HU."""
        return float(self.features[FEATURES.index("density")]) * _DENSITY_HU

    @property
    def score(self) -> float:
        """Its mean density against bone at the same depth of the same vertebra, robust deviations, to 9."""
        return float(self.features[FEATURES.index("score")]) * _SCORE

    @property
    def contrast(self) -> float:
        """How far it differs from what was expected, mean, HU."""
        return float(self.features[FEATURES.index("contrast")]) * _CONTRAST_HU


def regions_of(excess: Excess, progress: Progress = silent) -> list[Region]:
    """All regions, those of a lower threshold first."""
    found: list[Region] = []
    allowed = excess.depth > SURFACE_MM  # NaN is not
    opposite = {
        True: np.nan_to_num(excess.lytic, nan=-1e3) > _LEVELS[0],
        False: np.nan_to_num(excess.dense, nan=-1e3) > _LEVELS[0],
    }
    for dense, values in ((True, excess.dense), (False, excess.lytic)):
        clean = np.where(allowed, np.nan_to_num(values, nan=-1e3), -1e3)
        owner = np.full(clean.shape, -1, np.int32)
        for level, threshold in enumerate(_LEVELS):
            progress((level + (0 if dense else len(_LEVELS))) / (2 * len(_LEVELS)), "Collecting what differs")
            pieces, _ = ndimage.label(clean > threshold)
            above = owner.copy()
            for number, box in enumerate(ndimage.find_objects(pieces), start=1):
                inside = pieces[box] == number
                if np.count_nonzero(inside) < _LEAST_VOXELS:
                    continue
                within = int(above[box][inside][0])
                owner[box][inside] = len(found)
                features = _features(excess, clean, opposite[dense], dense, box, inside)
                found.append(Region(dense, box, inside, level, within, features))
    return found


def _features(
    excess: Excess, values: np.ndarray, opposite: np.ndarray, dense: bool, box: tuple[slice, ...], inside: np.ndarray
) -> np.ndarray:
    own = values[box][inside]
    count, noise = len(own), float(np.mean(excess.noise[box][inside]))
    depth = excess.depth[box][inside]
    wide = tuple(slice(max(0, side.start - _BESIDE), side.stop + _BESIDE) for side in box)
    around = np.zeros(opposite[wide].shape, bool)
    around[tuple(slice(s.start - w.start, s.start - w.start + n) for s, w, n in zip(box, wide, inside.shape))] = inside
    around = ndimage.binary_dilation(around, iterations=_BESIDE)
    sides = np.sort([side.stop - side.start for side in box])
    return np.array(
        [
            np.log(count / 100.0),
            own.mean() / _CONTRAST_HU,
            np.sort(own)[-_TOP:].mean() / 100.0,
            np.log1p(own.mean() / max(noise, 5.0)),
            depth.mean() / 3.0,
            np.mean(depth > 4.0),
            np.clip(excess.score[box][inside].mean() / _SCORE, -3, 3),
            excess.smooth[box][inside].mean() / _DENSITY_HU,
            np.minimum(excess.core[box][inside].mean(), 30.0) / 10.0,
            count / float(np.prod(sides)),
            np.log(sides[0]),
            np.log1p(np.count_nonzero(opposite[wide] & around) / count),
            noise / 50.0,
            float(dense),
            np.mean(depth < 2.5),
        ],
        np.float32,
    )


def kept(regions: Sequence[Region], probabilities: Sequence[float]) -> list[int]:
    """Numbers of the regions that are likelier than every one they lie in and every one that lies in them."""
    best_below = list(probabilities)
    for number in range(len(regions) - 1, -1, -1):
        parent = regions[number].within
        if parent >= 0:
            best_below[parent] = max(best_below[parent], best_below[number])
    chosen, taken = [], set()
    for number, one in enumerate(regions):
        if one.within in taken:
            taken.add(number)
        elif probabilities[number] >= best_below[number]:
            chosen.append(number)
            taken.add(number)
    return chosen
