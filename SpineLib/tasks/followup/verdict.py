"""Whether an ablation covered the metastasis: the rule, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from SpineLib.metrics.ablation import TOLERANCE_MM

#: Why nothing can be told, not even whether there was a treatment.
UNTRUSTED = "The registration of the two images is not to be trusted."
NOT_SHOWN = "The image after does not show the metastasis whole, so it cannot be told whether it was treated."

COMPLETE, COVERED, INCOMPLETE, NOT_TO_BE_TOLD = "complete", "covered", "incomplete", "not to be told"
#: What people read of an outcome.
TITLES = {
    COMPLETE: "Complete ablation",
    COVERED: "Covered, margin too small",
    INCOMPLETE: "Incomplete ablation",
    NOT_TO_BE_TOLD: "Not to be told",
}


@dataclass(frozen=True)
class Verdict:
    """What is to be said about the ablation.

    Attributes:
        outcome: "complete", "covered" (without the required margin), "incomplete" or "not to be told".
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
class Shortfall:
    """Shares (0 to 1) of the metastasis's surface, by area, whose margin is smaller than a wanted one.

    Attributes:
        surely: by more than the registration error.
        maybe: or may be, within that error.
    """

    surely: float
    maybe: float


@dataclass(frozen=True)
class Evidence:
    """What the rule looks at.

    Attributes:
        uncovered: of the surface that lies outside the necrosis (wanted margin: 0 mm, or the required one if that is
            less).
        short: of the surface that lacks the required margin.
        pieces: (volume ml, depth mm) of each piece of the metastasis outside the necrosis, large enough to matter and
            within the image with the necrosis.
        unseen_ml: volume of the metastasis that the image with the necrosis does not show.
        error_mm: of the registration.
    """

    uncovered: Shortfall
    short: Shortfall
    pieces: Sequence[tuple[float, float]]
    unseen_ml: float
    error_mm: float


def judge(
    evidence: Evidence | None,
    required_mm: float,
    tolerated_share: float,
    smallest_ml: float,
    trusted: bool = True,
    shown: bool = True,
) -> Verdict:
    """Apply the rule.

    Technical success of an ablation is that it covers the tumour completely, with the margin that was planned (Ahmed et
    al. 2014, Radiology 273(1):241-260: standardization of terminology and reporting criteria of image-guided tumor
    ablation). So what is covered without the required margin is told apart from what is not covered.

    Args:
        evidence: None when there is no necrosis at all.
        required_mm: margin that has to be reached.
        tolerated_share: of the surface that may lack it: masks are never exact to the last voxel.
        smallest_ml: volume from which an untreated piece matters.
        trusted: whether the registration is to be trusted.
        shown: whether the image after shows the place of the metastasis; it counts where there is no necrosis.
    """
    text = rule(required_mm, tolerated_share, smallest_ml, evidence.error_mm if evidence else 0.0)
    if not trusted:
        return Verdict(NOT_TO_BE_TOLD, text, (UNTRUSTED,))
    if evidence is None and not shown:
        return Verdict(NOT_TO_BE_TOLD, text, (NOT_SHOWN,))
    if evidence is None:
        return Verdict(INCOMPLETE, text, ("There is no necrosis: the metastasis was not treated, or not there.",))
    error = evidence.error_mm
    beyond = f" by more than the registration error ({error:.1f} mm)" if error else ""
    covered_mm = min(required_mm, 0.0)
    left = []
    if evidence.uncovered.surely > tolerated_share:
        where = "lies outside the necrosis" if covered_mm == 0 else f"has less than {covered_mm:g} mm of margin"
        left.append(f"{_percent(evidence.uncovered.surely)} of the metastasis's surface {where}{beyond}.")
    deep = [(volume, depth) for volume, depth in evidence.pieces if depth > error + TOLERANCE_MM]
    if deep:
        volume, depth = max(deep)
        left.append(
            f"{'A piece' if len(deep) == 1 else f'The largest of {len(deep)} pieces'} of {volume:.2f} ml lies "
            f"outside the necrosis, up to {depth:.1f} mm deep."
        )
    if evidence.unseen_ml >= smallest_ml and not deep:
        unseen = f"{evidence.unseen_ml:.2f} ml of the metastasis lie outside the image with the necrosis."
        return Verdict(NOT_TO_BE_TOLD, text, (unseen,))
    if left:
        return Verdict(INCOMPLETE, text, tuple(left))
    doubts = []
    if evidence.uncovered.maybe > tolerated_share:
        doubts.append(
            f"{_percent(evidence.uncovered.maybe)} of the metastasis's surface may lie outside the necrosis: its "
            f"margin there is smaller than the registration error ({error:.1f} mm)."
        )
    if evidence.pieces:
        volume, depth = max(evidence.pieces)
        doubts.append(
            f"A piece of {volume:.2f} ml lies outside the necrosis, no deeper ({depth:.1f} mm) than the "
            f"registration error ({error:.1f} mm)."
        )
    if doubts:
        return Verdict(NOT_TO_BE_TOLD, text, tuple(doubts))
    taken_off = f", with the registration error of {error:.1f} mm taken off" if error else ""
    if evidence.short.maybe > tolerated_share:
        covered = f"The necrosis covers the metastasis{taken_off}"
        if evidence.short.surely > tolerated_share:
            lacks = (
                f"{_percent(evidence.short.surely)} of its surface has less than {required_mm:g} mm of margin{beyond}"
            )
        else:
            lacks = (
                f"on {_percent(evidence.short.maybe)} of its surface the registration error decides whether the margin "
                f"reaches {required_mm:g} mm"
            )
        return Verdict(COVERED, text, (f"{covered}, but {lacks}.",))
    reached = (
        f"The margin is at least {required_mm:g} mm on {_percent(1 - evidence.short.maybe)} of the metastasis's "
        f"surface{taken_off}, and no piece that matters lies outside the necrosis."
    )
    return Verdict(COMPLETE, text, (reached,))


def rule(required_mm: float, tolerated_share: float, smallest_ml: float, error_mm: float) -> str:
    """The rule in words."""
    surface = f"all of the metastasis's surface but {_percent(tolerated_share)}"
    error = f", with the registration error ({error_mm:.1f} mm) taken off" if error_mm else ""
    covered = f"Covered: the same with 0 mm in place of {required_mm:g} mm. " if required_mm > 0 else ""
    outside = "outside the necrosis" if required_mm >= 0 else f"more than {-required_mm:g} mm outside it"
    deeper = " by more than that error, or such a piece is deeper" if error_mm else ", or such a piece is there"
    return (
        f"Complete: the margin is at least {required_mm:g} mm on {surface}{error}, and no piece of "
        f"{smallest_ml:.3g} ml or more lies outside the necrosis. {covered}Incomplete: more of the surface lies "
        f"{outside}{deeper}. Not to be told: anything between, a registration that is not to be trusted, or a "
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
