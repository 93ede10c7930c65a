"""Whether a registration is to be trusted, in numbers and sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

#: Limits beyond which a registration is not trusted.
LEAST_OVERLAP = 0.6
LEAST_METRIC = 0.12
MOST_SPREAD_MM = 1.5
MOST_RIVAL = 0.92
MOST_BEND_MM = 9.0
MOST_ERROR_MM = 3.0
_DOUBTFUL_METRIC, _DOUBTFUL_RIVAL = 0.3, 0.8
#: What chemical shift leaves, in voxels (root mean square), by what is known of it; factor from there to nine of ten.
_SHIFT = {"told": 0.4, "fitted": 0.8, "ignored": 1.4}
_NINE_OF_TEN = 1.75


def record_of(transform: str | Path) -> Path:
    """Where what is known of a registration lies beside its transform's file: of the same name, ending ".json"."""
    return Path(transform).with_suffix(".json")


@dataclass(frozen=True)
class RegistrationQuality:
    """How good a registration is.

    Attributes:
        metric: mutual information (nats) of both scans within the region and its margin; 0: independent.
        rival: fit of the best other place, at least a third of a vertebra away, relative to this one's; near 1 and
            above the position may be a vertebra off.
        overlap: share (0 to 1) of the region and its margin that the scan after shows.
        spread_mm: distance between the ends of several starts, of fits to different points, and of fits with fat to
            other sides that are as good, at the corners of the region.
        bend_mm: how far the fit of the region alone moved its corners away from the fit of the spine around it.
        error_mm: estimated target registration error in the treated vertebra, mm: see :func:`estimated_error_mm`.
        trusted: no reason against it.
        reasons: sentences; empty when trusted.
    """

    metric: float
    rival: float
    overlap: float
    spread_mm: float
    bend_mm: float
    error_mm: float
    trusted: bool
    reasons: tuple[str, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Whether the fit is poor enough to look for a reason, such as a flipped scan."""
        return self.metric < _DOUBTFUL_METRIC or self.rival > _DOUBTFUL_RIVAL

    def to_dict(self) -> dict:
        """The JSON form."""
        return asdict(self) | {"reasons": list(self.reasons)}

    @classmethod
    def from_dict(cls, values: Mapping) -> RegistrationQuality:
        """The inverse of :meth:`to_dict`."""
        return cls(**(dict(values) | {"reasons": tuple(values["reasons"])}))


def judge(
    *,
    metric: float,
    rival: float,
    overlap: float,
    spread_mm: float,
    bend_mm: float,
    voxel_mm: float,
    fat: str,
    flipped: str | None = None,
) -> RegistrationQuality:
    """Quality of the measured values; see :class:`RegistrationQuality`.

    Args:
        voxel_mm: spacing within the slices, mean of both scans.
        fat: its displacement was "told" by both headers, "fitted", or "ignored".
        flipped: how the scan after has to be flipped to fit better, e.g. "upside down"; None when it need not.
    """
    error = estimated_error_mm(spread_mm, voxel_mm, fat)
    reasons = []
    if flipped:
        reasons.append(f"The scan after fits better {flipped}: export both scans again, or choose another one.")
    if overlap < LEAST_OVERLAP:
        reasons.append(f"The scan after shows only {100 * overlap:.0f} % of the region around the metastasis.")
    if metric < LEAST_METRIC:
        reasons.append("The images share too little in this region: they may show another place or patient.")
    if rival > MOST_RIVAL:
        reasons.append("The best position is hardly better than one up to a vertebra away: check the level.")
    if spread_mm > MOST_SPREAD_MM:
        reasons.append(f"Several starts ended {spread_mm:.1f} mm apart.")
    if bend_mm > MOST_BEND_MM:
        reasons.append(f"The vertebra moved {bend_mm:.0f} mm against the spine around it, more than spines bend.")
    if not reasons and error > MOST_ERROR_MM:
        reasons.append(f"The estimated error is {error:.1f} mm.")
    return RegistrationQuality(metric, rival, overlap, spread_mm, bend_mm, error, not reasons, tuple(reasons))


def estimated_error_mm(spread_mm: float, voxel_mm: float, fat: str) -> float:
    """The error that nine of ten registrations stay below, mm, in the treated vertebra (mean over its voxels).

    What remains is nearly all chemical shift, which is measured in voxels, and chance, which the spread shows:
    ``k * hypot(0.2, a * voxel_mm, 0.8 * spread_mm)``. The factors were fitted to simulated pairs (T1 and
    contrast-enhanced T1, voxels of 0.5 to 1.2 mm): 50 for fat "fitted" and "ignored", where the chemical shift counts
    whole; 20 for fat "told". Of fits without headers two in ten exceed it, some by far.
    """
    return _NINE_OF_TEN * math.hypot(0.2, _SHIFT[fat] * voxel_mm, 0.8 * spread_mm)
