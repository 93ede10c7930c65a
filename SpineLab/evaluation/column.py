"""The column on real MR beside bodies that somebody labelled: Dice of each body, and whether its level is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from SpineLib.tasks.column.mr import MrColumn
from SpineLib.tasks.column.parts import BODY, SACRUM
from SpineLib.volume.levels import DOWNWARDS, level_name
from SpineLib.volume.volume import Volume


@dataclass(frozen=True)
class BodyScore:
    """One labelled body.

    Attributes:
        level: what it is.
        said: what it was called; "" where nothing was found.
        dice: of the body.
    """

    level: str
    said: str
    dice: float

    @property
    def right(self) -> bool:
        """Whether it was found under its own name."""
        return self.said == self.level


def score_bodies(found: MrColumn, labels: Volume, lowest: str = "L5") -> tuple[list[BodyScore], float | None]:
    """Scores from caudal to cranial, and the share of a labelled S1 that was taken for the sacrum.

    Args:
        found: the column of a scan.
        labels: bodies on the scan's grid, 1 is the most caudal, the others follow upwards.
        lowest: level of number 1, "L5" or "S1", which is not scored as a body.
    """
    parts, named = found.column.partmap().array, found.vertebrae.array
    levels = [level_name(n) for n in reversed(DOWNWARDS[:-1])]
    order: Sequence[str] = [*(["S1"] if lowest == "S1" else []), *levels]
    names = dict(zip(found.column.levels.numbers, found.column.levels.names))
    scores, sacrum = [], None
    for number in range(1, int(labels.array.max(initial=0)) + 1):
        truth = labels.array == number
        if order[number - 1] == "S1":
            sacrum = float((parts[truth] == SACRUM).mean())
            continue
        there, counts = np.unique(named[truth & (parts == BODY)], return_counts=True)
        counts[there == 0] = 0
        if not counts.size or not counts.max():
            scores.append(BodyScore(order[number - 1], "", 0.0))
            continue
        best = int(there[counts.argmax()])
        own = (named == best) & (parts == BODY)
        dice = 2 * float((own & truth).sum()) / float(own.sum() + truth.sum())
        scores.append(BodyScore(order[number - 1], names.get(best, level_name(best)), dice))
    return scores, sacrum
