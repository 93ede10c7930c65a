"""Whether a registration is to be trusted, in numbers and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

#: Limits beyond which a registration is not trusted.
LEAST_OVERLAP = 0.6
LEAST_METRIC = 0.10
MOST_SPREAD_MM = 1.5
MOST_RIVAL = 0.93
MOST_BEND_MM = 9.0
MOST_ERROR_MM = 2.0
_DOUBTFUL_METRIC, _DOUBTFUL_RIVAL = 0.3, 0.8


@dataclass(frozen=True)
class RegistrationQuality:
    """How good a registration is.

    Attributes:
        metric: mutual information (nats) of both scans within the region and its margin; 0: independent.
        rival: fit of the best other place, at least a third of a vertebra away, relative to this one's (0 to 1); near 1
            the position may be a vertebra off.
        overlap: share (0 to 1) of the region and its margin that the scan after shows.
        spread_mm: mean distance between the ends of several starts at the corners of the region.
        bend_mm: how far the fit of the region alone moved its corners away from the fit of the spine around it.
        error_mm: estimated target registration error in the treated vertebra (root mean square), mm.
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


def judge(*, metric: float, rival: float, overlap: float, spread_mm: float, bend_mm: float,
          flipped: str | None = None) -> RegistrationQuality:
    """Quality of the measured values; see :class:`RegistrationQuality`.

    Args:
        flipped: how the scan after has to be flipped to fit better, e.g. "upside down"; None when it need not.
    """
    error = estimated_error_mm(metric, spread_mm)
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


def estimated_error_mm(metric: float, spread_mm: float) -> float:
    """Root mean square error to expect in the vertebra, mm."""
    return 0.6 + 0.5 * spread_mm + 0.05 / max(metric, 0.02)
