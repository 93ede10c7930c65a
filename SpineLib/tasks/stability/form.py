"""What a reader said of a lesion's stability: the answers of SINS, Bilsky's grade, and whether they were confirmed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from SpineLib.errors import SpineError
from SpineLib.metrics.spine_scores import BILSKY, SINS, sins_class, sins_total
from SpineLib.tasks.stability.canal import BESIDE

#: Segment tag that holds a form as JSON.
STABILITY = "SpineOncology.Stability"


@dataclass(frozen=True)
class StabilityForm:
    """Of one lesion; proposals are only answers that nobody has changed yet.

    Attributes:
        sins: component's key to option's key; what is missing was not answered.
        bilsky: grade, or "".
        confirmed: the reader stands by it: only then a report holds it.
        distances: what was measured, by name ("lesion", "necrosis"): see
            :class:`SpineLib.tasks.stability.canal.CanalDistance`.
    """

    sins: Mapping[str, str] = field(default_factory=dict)
    bilsky: str = ""
    confirmed: bool = False
    distances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self):
        for key, option in self.sins.items():
            if key not in SINS or (option and SINS[key].option(option) is None):
                known = ", ".join(one.key for one in SINS[key].options) if key in SINS else ", ".join(SINS)
                raise SpineError(f"SINS has no '{option if key in SINS else key}' there; choose one of {known}.")
        if self.bilsky and self.bilsky not in BILSKY:
            raise SpineError(f"There is no Bilsky grade '{self.bilsky}'; choose one of {', '.join(BILSKY)}.")

    @property
    def total(self) -> int | None:
        """Points of SINS; None while an answer is missing."""
        return sins_total(self.sins)

    def lines(self) -> list[str]:
        """What a report says, a sentence each; nothing before it was confirmed."""
        if not self.confirmed:
            return []
        found = []
        if self.total is not None:
            found.append(f"SINS {self.total} of 18: {sins_class(self.total)}.")
            parts = ((one.label, one.option(self.sins[key])) for key, one in SINS.items())
            found.append(
                "; ".join(f"{name}: {option.label} ({option.points})" for name, option in parts if option) + "."
            )
        if self.bilsky:
            found.append(f"Bilsky grade {self.bilsky}: {BILSKY[self.bilsky]}.")
        return found + self.distance_lines()

    def distance_lines(self) -> list[str]:
        """What was measured, a sentence each."""
        return [distance_words(name, one) for name, one in self.distances.items()]

    def text(self) -> str:
        """As JSON in one line, for a segment's tag."""
        return json.dumps(asdict(self), sort_keys=True).replace("|", "\\u007c")

    @classmethod
    def from_text(cls, text: str) -> StabilityForm:
        """The inverse of :meth:`text`; an empty form of what can't be read."""
        try:
            values = json.loads(text or "{}")
            return cls(**{key: values[key] for key in ("sins", "bilsky", "confirmed", "distances") if key in values})
        except (ValueError, TypeError, SpineError):
            return cls()


def distance_words(name: str, distance: Mapping[str, Any]) -> str:
    """ "Lesion to spinal canal: 4.2 mm ± 1.8 mm."; no figure where the registration is not to be trusted."""
    if not distance.get("trusted", True):
        return f"{name.capitalize()} to spinal canal: not to be told; the registration is not to be trusted."
    apart, more = distance["distance_mm"], ""
    error = "" if distance.get("error_mm") is None else f" ± {distance['error_mm']:.1f} mm"
    if by := distance.get("canal_by", ""):
        more = f" (canal found by '{by}', not by a person)"
    if distance.get("beside", 1.0) < BESIDE:
        more += "; the canal is not marked all along it, so that it may be nearer"
    if apart >= 0 and not distance.get("inside_ml"):
        return f"{name.capitalize()} to spinal canal: {apart + 0.0:.1f} mm{error}{more}."  # no -0
    ml, share = distance["inside_ml"], 100 * distance["occupied_share"]
    return (
        f"{name.capitalize()} reaches {0.0 - apart:.1f} mm{error} into the spinal canal ({ml:.2f} ml, "
        f"up to {share:.0f} % of its cross-section){more}."
    )
