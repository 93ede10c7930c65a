"""Free-response ROC: sensitivity against false positives, by slices as in Wang et al. (2017) or by lesions in 3-D.

Everything here is numpy on centres of gravity and scores; how regions come out of a likelihood map is the detector's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

#: A mark hits a lesion when their centres of gravity are at most this far apart (Wang et al. 2017, section 3.3).
RADIUS_MM = 20.0
#: Samples of the bootstrap (Wang et al. 2017, section 3.3).
SAMPLES = 20_000
#: False positives a case up to which two curves are compared (Wang et al. 2017, section 4).
RANGE = 0.5
#: Rows of bootstrap samples worked on at a time, to keep memory small.
_CHUNK = 2_000
#: Slack of comparisons between sums of fractions.
_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Marks:
    """What was marked, and what is there, in one slice (2-D) or one case (3-D).

    Attributes:
        positions: (m, d) centres of gravity of the marked regions, mm.
        scores: (m,) how sure each mark is; higher is surer.
        lesions: (n, d) centres of gravity of the reference lesions, mm.
    """

    positions: np.ndarray
    scores: np.ndarray
    lesions: np.ndarray

    def __post_init__(self):
        scores = np.asarray(self.scores, float).reshape(-1)
        positions, lesions = np.asarray(self.positions, float), np.asarray(self.lesions, float)
        dimensions = next((one.shape[1] for one in (positions, lesions) if one.ndim == 2 and one.shape[1]), 3)
        positions, lesions = positions.reshape(-1, dimensions), lesions.reshape(-1, dimensions)
        if len(positions) != len(scores):
            raise ValueError(f"{len(positions)} positions and {len(scores)} scores")
        if not (np.isfinite(scores).all() and np.isfinite(positions).all() and np.isfinite(lesions).all()):
            raise ValueError("positions and scores must be finite")
        for name, value in (("positions", positions), ("scores", scores), ("lesions", lesions)):
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class Tally:
    """What a case comes to at each of t thresholds.

    Attributes:
        found: (t,) lesions found; averaged over slices, the mean true-positive rate.
        lesions: how many there are; averaged over slices, 1, or 0 where no slice has one.
        false_positives: (t,) marks that hit no lesion; averaged over slices, their mean.
    """

    found: np.ndarray
    lesions: float
    false_positives: np.ndarray

    def to_dict(self) -> dict:
        """What JSON can hold; :meth:`from_dict` reads it."""
        return {"found": self.found.tolist(), "lesions": self.lesions, "false": self.false_positives.tolist()}

    @classmethod
    def from_dict(cls, kept: Mapping) -> Tally:
        return cls(np.array(kept["found"]), kept["lesions"], np.array(kept["false"]))


def hits(positions: np.ndarray, lesions: np.ndarray, radius_mm: float = RADIUS_MM) -> np.ndarray:
    """(m,) index of the nearest lesion within ``radius_mm`` of each mark, -1 where there is none."""
    if not len(positions) or not len(lesions):
        return np.full(len(positions), -1)
    distances = np.linalg.norm(positions[:, None] - lesions[None], axis=2)
    nearest = distances.argmin(axis=1)
    return np.where(distances[np.arange(len(positions)), nearest] <= radius_mm, nearest, -1)


def tally(marks: Marks, thresholds: np.ndarray, radius_mm: float = RADIUS_MM) -> Tally:
    """Count at each threshold the lesions hit by a mark of at least that score, and the marks that hit none.

    A further mark on a lesion that is found counts neither way, as in LUNA16 (Setio et al. 2017).
    """
    nearest = hits(marks.positions, marks.lesions, radius_mm)
    best = np.full(len(marks.lesions), -np.inf)
    np.maximum.at(best, nearest[nearest >= 0], marks.scores[nearest >= 0])
    false = marks.scores[nearest < 0]
    thresholds = np.asarray(thresholds, float)
    hit = best[best > -np.inf]
    return Tally(
        (hit[:, None] >= thresholds).sum(axis=0).astype(float),
        float(len(best)),
        (false[:, None] >= thresholds).sum(axis=0).astype(float),
    )


def tally_each(marks: Sequence[Marks], radius_mm: float = RADIUS_MM) -> Tally:
    """As :func:`tally`, of marks that were made anew at each threshold; scores do not matter here.

    Regions of a thresholded map grow and merge as the threshold falls, so their centres move.
    """
    counted = [tally(one, np.array([-np.inf]), radius_mm) for one in marks]
    return Tally(
        np.array([one.found[0] for one in counted]),
        counted[0].lesions,
        np.array([one.false_positives[0] for one in counted]),
    )


def average_slices(slices: Sequence[Tally]) -> Tally:
    """One case from its slices (Wang et al. 2017, section 3.3): rates are averaged over the slices of its series.

    The true-positive rate of a slice without lesion does not exist, so it is averaged over those that have one; false
    positives are averaged over all slices. "False positives a case" are then the mean over a case's slices, much
    fewer than their sum, which :func:`froc_of_cases` counts.
    """
    rates = [one.found / one.lesions for one in slices if one.lesions]
    false = np.mean([one.false_positives for one in slices], axis=0)
    return Tally(np.mean(rates, axis=0) if rates else np.zeros_like(false), float(bool(rates)), false)


class Froc:
    """An FROC curve that remembers its cases, so that it can be resampled.

    Args:
        thresholds: (t,) decreasing.
        cases: a :class:`Tally` of t thresholds for each case.

    Attributes:
        thresholds: (t + 1,); the first is infinite: nothing marked.
        sensitivity, false_positives: (t + 1,), of all lesions, a case.
    """

    def __init__(self, thresholds: np.ndarray, cases: Sequence[Tally]):
        thresholds = np.asarray(thresholds, float)
        if not cases or not any(one.lesions for one in cases):
            raise ValueError("an FROC curve needs at least one case with a lesion")
        if any(one.found.shape != thresholds.shape or one.false_positives.shape != thresholds.shape for one in cases):
            raise ValueError("a case was not counted at every threshold")
        if (np.diff(thresholds) >= 0).any():
            raise ValueError("the thresholds must decrease")
        self.thresholds = np.r_[np.inf, thresholds]
        self._found = np.pad(np.stack([one.found for one in cases]), ((0, 0), (1, 0)))
        self._false = np.pad(np.stack([one.false_positives for one in cases]), ((0, 0), (1, 0)))
        self._lesions = np.array([one.lesions for one in cases], float)
        self.sensitivity, self.false_positives = (one[0] for one in self.resampled(np.ones((1, len(cases)))))

    @property
    def cases(self) -> int:
        """How many cases."""
        return len(self._lesions)

    @property
    def tallies(self) -> list[Tally]:
        """Of each case, as they were given: to join curves of several folds."""
        rows = zip(self._found, self._lesions, self._false)
        return [Tally(found[1:], float(lesions), false[1:]) for found, lesions, false in rows]

    def resampled(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sensitivity and false positives a case, each (b, t + 1), with case c counted ``weights[b, c]`` times."""
        return (
            weights @ self._found / (weights @ self._lesions)[:, None],
            weights @ self._false / weights.sum(axis=1)[:, None],
        )

    def sensitivity_at(self, false_positives: float) -> float:
        """See :func:`sensitivity_at`."""
        return float(sensitivity_at(false_positives)(self.sensitivity[None], self.false_positives[None])[0])

    def threshold_at(self, false_positives: float) -> float:
        """The highest threshold with :meth:`sensitivity_at` so many false positives; infinite: nothing marked."""
        allowed = self.false_positives <= false_positives + _SLACK
        return float(self.thresholds[np.where(allowed, self.sensitivity, -1).argmax()])

    def false_positives_at(self, sensitivity: float) -> float:
        """See :func:`false_positives_at`."""
        return float(false_positives_at(sensitivity)(self.sensitivity[None], self.false_positives[None])[0])

    def mean_sensitivity(self, limit: float = RANGE) -> float:
        """See :func:`mean_sensitivity`."""
        return float(mean_sensitivity(limit)(self.sensitivity[None], self.false_positives[None])[0])


def froc_of_cases(cases: Sequence[Marks], radius_mm: float = RADIUS_MM) -> Froc:
    """Lesion-based curve over all thresholds: each lesion of the cohort counts once, whatever its number of slices.

    Args:
        cases: 3-D marks and lesions of each case.
    """
    thresholds = _thresholds(cases)
    return Froc(thresholds, [tally(one, thresholds, radius_mm) for one in cases])


def froc_of_slices(cases: Sequence[Sequence[Marks]], radius_mm: float = RADIUS_MM) -> Froc:
    """Case-based curve over all thresholds, averaged over each case's slices (:func:`average_slices`).

    Args:
        cases: for each case its slices' marks and lesions (2-D, in the slice's plane).
    """
    thresholds = _thresholds([one for slices in cases for one in slices])
    return Froc(thresholds, [average_slices([tally(one, thresholds, radius_mm) for one in slices]) for slices in cases])


#: Sensitivity (b, t) and false positives (b, t) of b curves to one figure each, (b,).
Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]


def sensitivity_at(rate: float) -> Statistic:
    """The highest sensitivity that costs at most ``rate`` false positives a case."""
    return lambda sensitivity, false: np.where(false <= rate + _SLACK, sensitivity, 0.0).max(axis=1)


def false_positives_at(wanted: float) -> Statistic:
    """The fewest false positives a case with a sensitivity of at least ``wanted``; infinite where it is not reached."""
    return lambda sensitivity, false: np.where(sensitivity >= wanted - _SLACK, false, np.inf).min(axis=1)


def mean_sensitivity(limit: float = RANGE) -> Statistic:
    """Mean sensitivity over 0 to ``limit`` false positives a case: the area under that part, divided by ``limit``.

    At each rate the sensitivity is :func:`sensitivity_at` it: a step function, without interpolation.
    """

    def area(sensitivity: np.ndarray, false: np.ndarray) -> np.ndarray:
        if (np.diff(false, axis=1) < 0).any():  # maps thresholded anew: regions merge, so false positives may drop
            order = np.argsort(false, axis=1, kind="stable")
            false, sensitivity = (np.take_along_axis(one, order, axis=1) for one in (false, sensitivity))
        ends = np.minimum(np.c_[false[:, 1:], np.full(len(false), limit)], limit)
        return (np.maximum.accumulate(sensitivity, axis=1) * (ends - np.minimum(false, limit))).sum(axis=1) / limit

    return area


@dataclass(frozen=True)
class Estimate:
    """A figure of one method with the bootstrap's 95 % interval over cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A figure of two methods on the same cases.

    Attributes:
        first, second: the figures with their intervals.
        p: two-sided, that both are equally good; from the bootstrap's share of samples in which the order is reversed.
        samples: bootstrap samples.
    """

    first: Estimate
    second: Estimate
    p: float
    samples: int


def estimate(froc: Froc, statistic: Statistic, *, samples: int = SAMPLES, seed: int = 1) -> Estimate:
    """A figure with its interval, cases resampled with replacement."""
    return _estimate(froc, statistic, _resample(_weights(froc.cases, samples, seed), [froc], statistic)[0])


def compare(first: Froc, second: Froc, statistic: Statistic, *, samples: int = SAMPLES, seed: int = 1) -> Comparison:
    """Compare two methods that saw the same cases in the same order: both are taken on the same resamples.

    Raises:
        ValueError: the numbers of cases differ.
    """
    if first.cases != second.cases:
        raise ValueError(f"{first.cases} and {second.cases} cases: a paired comparison needs the same ones")
    one, two = _resample(_weights(first.cases, samples, seed), [first, second], statistic)
    reached = min(np.count_nonzero(one <= two), np.count_nonzero(one >= two))
    # The observed order counts as one sample, so that a finite bootstrap never says zero (Davison and Hinkley 1997).
    p = min(1.0, 2 * (1 + reached) / (1 + len(one)))
    return Comparison(_estimate(first, statistic, one), _estimate(second, statistic, two), p, len(one))


def _thresholds(units: Sequence[Marks]) -> np.ndarray:
    return np.unique(np.concatenate([np.zeros(0), *(one.scores for one in units)]))[::-1]


def _weights(cases: int, samples: int, seed: int) -> np.ndarray:
    """(samples, cases): how often each case was drawn."""
    return np.random.default_rng(seed).multinomial(cases, np.full(cases, 1 / cases), samples).astype(float)


def _resample(weights: np.ndarray, frocs: list[Froc], statistic: Statistic) -> list[np.ndarray]:
    """The figure of each curve in each sample; samples without a lesion, of which there is no figure, are left out."""
    for froc in frocs:
        weights = weights[weights @ froc._lesions > 0]
    chunks = [weights[start : start + _CHUNK] for start in range(0, len(weights), _CHUNK)]
    return [np.concatenate([statistic(*froc.resampled(chunk)) for chunk in chunks]) for froc in frocs]


def _estimate(froc: Froc, statistic: Statistic, figures: np.ndarray) -> Estimate:
    value = float(statistic(froc.sensitivity[None], froc.false_positives[None])[0])
    low, high = np.quantile(figures, (0.025, 0.975), method="nearest")  # a figure may be infinite: no interpolation
    return Estimate(value, float(low), float(high))
