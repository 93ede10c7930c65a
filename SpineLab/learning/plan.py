"""Who is learned from, who is held back, and what the outcome can promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from SpineLib.cohort.corrections import Correction

#: Fewer persons than this: nobody can be held back.
FEWEST = 3
#: From so many on, a fifth is held back from the very model that is offered; before, folds take turns.
MANY = 16


@dataclass(frozen=True)
class Part:
    """One training.

    Attributes:
        name: of its folder; "all" is the model that is offered.
        training, held_out: patients.
        share: of the time.
    """

    name: str
    training: tuple[str, ...]
    held_out: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class Plan:
    """The trainings, the one of the model that is offered last, and a sentence on what can be promised."""

    parts: tuple[Part, ...]
    promise: str


def plan(corrections: Sequence[Correction], seed: int = 0) -> Plan:
    """The trainings for these patients; several studies of one person stay on one side. The same for the same input.

    With fewer than :data:`FEWEST` persons nobody is held back. With fewer than :data:`MANY` each person is judged by a
    model that did not learn from them, in three folds, and the model offered learns from all; with more, a fifth is
    held back from the model that is offered.
    """
    persons = sorted({one.person for one in corrections})
    order = [persons[n] for n in np.random.default_rng([seed, 22]).permutation(len(persons))]
    count = len(persons)

    def of(chosen: Sequence[str], others: bool = False) -> tuple[str, ...]:
        return tuple(one.patient for one in corrections if (one.person in chosen) != others)

    if count < FEWEST:
        who = "one patient" if count == 1 else f"{count} patients"
        return Plan(
            (Part("all", of(order), (), 1.0),),
            f"With {who} none can be held back: nobody can say whether the new model does better on your next patient. "
            "Only what it loses on simulated patients is measured; from three patients on both are.",
        )
    if count < MANY:
        folds = [order[start::3] for start in range(3)]
        parts = [Part(f"fold-{n}", of(fold, others=True), of(fold), 1 / 6) for n, fold in enumerate(folds)]
        return Plan(
            (*parts, Part("all", of(order), (), 0.5)),
            f"Each of the {count} patients was judged by a model that had not learned from them (three folds, each "
            f"trained for a third of the time); the model offered has learned from all. {count} patients are few: "
            "read the figures as a direction, not as a value.",
        )
    held = order[: count // 5]
    return Plan(
        (Part("all", of(held, others=True), of(held), 1.0),),
        f"{len(held)} of {count} patients were held back; the model offered has not learned from them.",
    )
