"""What the scans that a model was made with look like to it, so that it can tell when one is unlike them.

A network is as sure of what it marks on a scan of another kind as on one of its own. What it sees on the way is not
alike, though: the distance of a scan's mean features from those of the training, whitened by their covariance
(Mahalanobis), tells such scans (Lee et al., A simple unified framework for detecting out-of-distribution samples and
adversarial attacks, NeurIPS 2018, also for joining levels), and tells where a segmentation fails in silence (González
et al., Distance-based detection of out-of-distribution silent failures for Covid-19 lung lesion segmentation, Medical
Image Analysis 2022). Of few scans a covariance is known in its largest directions alone; the rest is measured by its
mean variance (Moghaddam and Pentland, Probabilistic visual learning for object representation, 1997).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError

#: Levels of a network that are looked at, -1 the deepest: fine ones change with noise, deep ones with what is seen.
LEVELS = (0, 2, -1)
#: Directions that are told apart.
_DIRECTIONS = 24
#: Added to the deviation of each feature, as features have it that hardly change.
_FLOOR = 1e-3
#: Of whitened features less is rounding, as files keep them.
_LEAST_VARIANCE, _LEAST_REST = 1e-3, 1e-2
#: Usual distances are 1; where there are no more features than directions, nothing but rounding is left of them.
_LEAST_LIMIT = 0.5
#: Of a hundred scans of the training so many are below the limit.
_BELOW = 99
#: Parts that scans are divided into, each measured by what is fitted to the others.
_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Spread:
    """Of one level's features over the slices of a training; all float32.

    Attributes:
        mean, deviation: (c,), of each feature.
        directions: (k, c), orthonormal, of the features whitened so.
        variances: (k,), along them.
        rest: (1,), mean squared length of what they leave.
    """

    mean: np.ndarray
    deviation: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    rest: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Spread:
        """Fitted to the slices (n, c) of a training."""
        mean, deviation = rows.mean(0), rows.std(0) + _FLOOR
        white = (rows - mean) / deviation
        _, singular, directions = np.linalg.svd(white, full_matrices=False)
        count = min(_DIRECTIONS, len(singular))
        directions = directions[:count]
        left = white - (white @ directions.T) @ directions
        rest = np.maximum([(left**2).sum(1).mean()], _LEAST_REST)
        variances = np.maximum(singular[:count] ** 2 / len(rows), _LEAST_VARIANCE)
        values = (mean, deviation, directions, variances, rest)
        return cls(*(np.ascontiguousarray(value, np.float32) for value in values))

    def distances(self, rows: np.ndarray) -> tuple[float, float]:
        """Of a scan's slices (n, c), medians along the directions and of the rest; 1 is usual."""
        white = (rows - self.mean) / self.deviation
        along = white @ self.directions.T
        left = white - along @ self.directions
        inside = np.sqrt((along**2 / self.variances).mean(1))
        outside = np.sqrt((left**2).sum(1) / self.rest)
        return float(np.median(inside)), float(np.median(outside))


@dataclass(frozen=True, eq=False)
class Likeness:
    """How far a scan's features are from those of a model's training.

    Attributes:
        levels: one for each of :data:`LEVELS`.
        limits: float32 (levels, 2): what both distances of each level are divided by.
    """

    levels: tuple[Spread, ...]
    limits: np.ndarray

    def unlikeness(self, levels: Sequence[np.ndarray]) -> float:
        """How unlike the training a scan is: the largest distance; above 1 is what one scan in a hundred of it reaches.

        Args:
            levels: features (n, c) of the scan's slices.
        """
        return float((_distances(self.levels, levels) / self.limits).max())


def fitted(scans: Sequence[Sequence[np.ndarray]]) -> tuple[Likeness, np.ndarray]:
    """A likeness fitted to scans of a training, and the unlikeness of each where it was not fitted to it.

    Args:
        scans: of each its features (n, c) by level. They are divided in five; the limit is the 99th percentile of what
            each fifth has with the likeness of the others.

    Raises:
        SpineError: there are fewer scans than twenty.
    """
    if len(scans) < 4 * _FOLDS:
        raise SpineError(f"There are {len(scans)} scans; a likeness is fitted to {4 * _FOLDS} or more.")
    apart = np.zeros((len(scans), len(scans[0]), 2))
    for fold in range(_FOLDS):
        spreads = _spreads([scan for number, scan in enumerate(scans) if number % _FOLDS != fold])
        for number in range(fold, len(scans), _FOLDS):
            apart[number] = _distances(spreads, scans[number])
    limits = np.maximum(np.percentile(apart, _BELOW, axis=0), _LEAST_LIMIT)
    together = (apart / limits).max((1, 2))
    limits = (limits * np.percentile(together, _BELOW)).astype(np.float32)
    return Likeness(_spreads(scans), limits), (apart / limits).max((1, 2))


def to_bytes(likeness: Likeness) -> bytes:
    """As a safetensors file holds it."""
    from safetensors.numpy import save

    tensors = {"limits": likeness.limits}
    for number, level in enumerate(likeness.levels):
        # Half of the digits will do for what is measured in deviations.
        tensors |= {f"{number}.{one.name}": getattr(level, one.name).astype(np.float16) for one in fields(level)}
    return save(tensors)


def read_likeness(path: Path) -> Likeness:
    """Of a safetensors file.

    Raises:
        SpineError: it is none of a likeness.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found = {name: value.astype(np.float32) for name, value in load_file(path).items()}
        names = [one.name for one in fields(Spread)]
        levels = tuple(Spread(**{name: found[f"{n}.{name}"] for name in names}) for n in range(len(LEVELS)))
        sound = found["limits"].shape == (len(LEVELS), 2) and found["limits"].min() > 0
        for one in levels:
            count, size = one.directions.shape
            shapes = [value.shape for value in (one.mean, one.deviation, one.variances, one.rest)]
            sound = (
                sound
                and shapes == [(size,), (size,), (count,), (1,)]
                and all((value > 0).all() for value in (one.deviation, one.variances, one.rest))
            )
        if not sound or not all(np.isfinite(value).all() for value in found.values()):
            raise ValueError
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise SpineError(f"The model's {path.name} is not a valid one; get the model again.") from error
    return Likeness(levels, found["limits"])


def _spreads(scans: Sequence[Sequence[np.ndarray]]) -> tuple[Spread, ...]:
    return tuple(Spread.of(np.concatenate(rows)) for rows in zip(*scans))


def _distances(spreads: Sequence[Spread], levels: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([spread.distances(rows) for spread, rows in zip(spreads, levels, strict=True)])
