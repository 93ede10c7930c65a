"""Means with confidence intervals by patient, and whether a paper's finding comes out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SAMPLES = 10_000


@dataclass(frozen=True)
class Spread:
    """Of one figure over patients: mean with its 95 % interval, standard deviation, median."""

    mean: float
    low: float
    high: float
    std: float
    median: float
    patients: int

    def to_dict(self) -> dict:
        return dict(vars(self))


@dataclass(frozen=True)
class Finding:
    """A statement of a paper, measured on this data.

    Attributes:
        statement: as the paper has it.
        published: its numbers.
        here: this data's, in words.
        verdict: "comes out again", "does not come out" or "undecided".
    """

    statement: str
    published: str
    here: str
    verdict: str


def spread(values: Sequence[float], seed: int = 1) -> Spread:
    """Of one value a patient; patients are drawn again with replacement. nan of none."""
    found = np.array([value for value in values if np.isfinite(value)], float)
    if not len(found):
        nan = float("nan")
        return Spread(nan, nan, nan, nan, nan, 0)
    means = found[np.random.default_rng(seed).integers(len(found), size=(SAMPLES, len(found)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Spread(float(found.mean()), float(low), float(high), float(found.std()), float(np.median(found)), len(found))


def difference(first: Mapping[str, float], second: Mapping[str, float], seed: int = 1) -> Spread:
    """Of two figures of the same patients, patient by patient: first less second."""
    both = [name for name in first if name in second]
    return spread([first[name] - second[name] for name in both], seed)


def better(statement: str, published: str, gap: Spread, unit: float = 100.0, sign: str = "%") -> Finding:
    """A finding that one is better than another, by their difference: the whole interval above 0, below, or neither."""
    verdict = "comes out again" if gap.low > 0 else "does not come out" if gap.high < 0 else "undecided"
    return _finding(statement, published, gap, verdict, unit, sign)


def alike(statement: str, published: str, gap: Spread, within: float = 0.05) -> Finding:
    """A finding that two are as good as each other: the whole interval within ``within``, beyond it, or neither."""
    inside, beyond = -within < gap.low and gap.high < within, gap.low > within or gap.high < -within
    verdict = "comes out again" if inside else "does not come out" if beyond else "undecided"
    return _finding(statement, published, gap, verdict, 100.0, "%")


def _finding(statement: str, published: str, gap: Spread, verdict: str, unit: float, sign: str) -> Finding:
    if not gap.patients:
        return Finding(statement, published, "not measured", "undecided")
    interval = f"95 % {unit * gap.low:+.1f} to {unit * gap.high:+.1f}, {gap.patients} patients"
    return Finding(statement, published, f"difference {unit * gap.mean:+.1f} {sign} ({interval})", verdict)
