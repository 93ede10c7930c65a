"""Whether an ablation covered the metastasis: the rule, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from SpineLib.metrics.ablation import TOLERANCE_MM

COMPLETE, INCOMPLETE, NOT_TO_BE_TOLD = "complete", "incomplete", "not to be told"


@dataclass(frozen=True)
class Verdict:
    """What is to be said about the ablation.

    Attributes:
        outcome: "complete", "incomplete" or "not to be told".
        rule: in words, with the numbers that were applied.
        reasons: sentences; what the outcome rests on.
    """

    outcome: str
    rule: str
    reasons: tuple[str, ...]

    def to_dict(self) -> dict:
        """The JSON form."""
        return asdict(self) | {"reasons": list(self.reasons)}


@dataclass(frozen=True)
class Evidence:
    """What the rule looks at; share is a part (0 to 1) of the metastasis's surface by area, u the registration error.

    Attributes:
        short_at_best: share that lacks the required margin even when the error is in favour (margin + u).
        short_at_worst: share that may lack it (margin - u).
        pieces: (volume ml, depth mm) of each piece of the metastasis outside the necrosis, large enough to matter and
            within the image with the necrosis.
        unseen_ml: volume of the metastasis that the image with the necrosis does not show.
        error_mm: u.
    """

    short_at_best: float
    short_at_worst: float
    pieces: Sequence[tuple[float, float]]
    unseen_ml: float
    error_mm: float


def judge(
    evidence: Evidence | None, required_mm: float, tolerated_share: float, smallest_ml: float, trusted: bool = True
) -> Verdict:
    """Apply the rule.

    "Covered completely" is how technical success of an ablation is defined (Ahmed et al. 2014, Radiology 273(1):
    standardization of terminology and reporting criteria of image-guided tumor ablation): a margin of 0 mm or more
    everywhere; who wants a safety margin requires more.

    Args:
        evidence: None when there is no necrosis at all.
        required_mm: margin that has to be reached.
        tolerated_share: of the surface that may lack it: masks are never exact to the last voxel.
        smallest_ml: volume from which an untreated piece matters.
        trusted: whether the registration is to be trusted.
    """
    text = rule(required_mm, tolerated_share, smallest_ml, evidence.error_mm if evidence else 0.0)
    if evidence is None:
        return Verdict(INCOMPLETE, text, ("There is no necrosis: the metastasis was not treated, or not there.",))
    if not trusted:
        return Verdict(NOT_TO_BE_TOLD, text, ("The registration of the two images is not to be trusted.",))
    error = evidence.error_mm
    short = []
    if evidence.short_at_best > tolerated_share:
        favour = f", even with an error of {error:.1f} mm in favour" if error else ""
        short.append(
            f"{_percent(evidence.short_at_best)} of the metastasis's surface has less than {required_mm:g} mm "
            f"of margin{favour}."
        )
    deep = [(volume, depth) for volume, depth in evidence.pieces if depth > error + TOLERANCE_MM]
    if deep:
        volume, depth = max(deep)
        short.append(
            f"{'A piece' if len(deep) == 1 else f'The largest of {len(deep)} pieces'} of {volume:.2f} ml lies "
            f"outside the necrosis, up to {depth:.1f} mm deep."
        )
    if evidence.unseen_ml >= smallest_ml and not deep:
        unseen = f"{evidence.unseen_ml:.2f} ml of the metastasis lie outside the image with the necrosis."
        return Verdict(NOT_TO_BE_TOLD, text, (unseen,))
    if short:
        return Verdict(INCOMPLETE, text, tuple(short))
    doubts = []
    if evidence.short_at_worst > tolerated_share:
        doubts.append(
            f"{_percent(evidence.short_at_worst)} of the metastasis's surface may have less than "
            f"{required_mm:g} mm of margin: the registration error of {error:.1f} mm decides."
        )
    if evidence.pieces:
        volume, depth = max(evidence.pieces)
        doubts.append(
            f"A piece of {volume:.2f} ml lies outside the necrosis, no deeper ({depth:.1f} mm) than the "
            f"registration error ({error:.1f} mm)."
        )
    if doubts:
        return Verdict(NOT_TO_BE_TOLD, text, tuple(doubts))
    against = f", even with an error of {error:.1f} mm against it" if error else ""
    reached = (
        f"The margin is at least {required_mm:g} mm on {_percent(1 - evidence.short_at_worst)} of the "
        f"metastasis's surface{against}, and no piece that matters lies outside the necrosis."
    )
    return Verdict(COMPLETE, text, (reached,))


def rule(required_mm: float, tolerated_share: float, smallest_ml: float, error_mm: float) -> str:
    """The rule in words."""
    surface = f"all of the metastasis's surface but {_percent(tolerated_share)}"
    return (
        f"Complete: the margin is at least {required_mm:g} mm on {surface}, with the registration error "
        f"({error_mm:.1f} mm) taken off, and no piece of {smallest_ml:.3g} ml or more lies outside the necrosis. "
        f"Incomplete: the margin does not reach {required_mm:g} mm there even with the error added, or such a piece is "
        "deeper than the error. Not to be told: anything between, a registration that is not to be trusted, or a "
        "metastasis that the image with the necrosis does not show whole."
    )


def _percent(share: float) -> str:
    """Never "0 %" or "100 %" of what is neither."""
    percent = 100 * share
    digits = 0 if percent in (0, 100) or 1 <= percent <= 99 else 1
    text = f"{percent:.{digits}f}"
    if text == "0.0" and percent > 0:
        return "less than 0.1 %"
    if text == "100.0" and percent < 100:
        return "more than 99.9 %"
    return f"{float(text):g} %"
