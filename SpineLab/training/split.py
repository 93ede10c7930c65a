"""Who is trained on, who chooses the best weights, and who is held out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

import numpy as np

from SpineLib.errors import SpineError

_Unit = TypeVar("_Unit")


def split(
    units: Sequence[_Unit],
    random: tuple[int, int],
    chosen: Callable[[int], int],
    *,
    folds: int = 0,
    fold: int = 0,
    what: str = "case",
) -> tuple[list[_Unit], list[_Unit], list[_Unit]]:
    """Units to train on, to choose the best weights by, and to test on, in their order; each is in one of them.

    The same for the same units, settings and random numbers.

    Args:
        units: cases, patients or vertebrae: what must lie on one side as a whole.
        random: seed of the training, and a number of the task's own.
        chosen: given how many units are left beside those of the fold, how many of these choose the weights; at least
            one is left to train on.
        folds, fold: units of ``fold`` (from 0) are held out for the test; 0 folds is none.
        what: a unit's name, for the error.

    Raises:
        SpineError: there are too few units.
    """
    if len(units) < max(2, folds):
        raise SpineError(
            f"{len(units)} {what}s are too few for {folds} folds; give more of them or fewer folds."
            if folds
            else f"One {what} is too few to train on and to choose the weights by; give more of them."
        )
    order = [int(n) for n in np.random.default_rng(random).permutation(len(units))]
    held = order[fold::folds] if folds else []
    rest = [n for n in order if n not in set(held)]
    number = min(chosen(len(rest)), len(rest) - 1)
    training, choosing, testing = ([units[n] for n in sorted(group)] for group in (rest[number:], rest[:number], held))
    return training, choosing, testing


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_NamedUnit = TypeVar("_NamedUnit", bound=_Named)


def apart(cases: Sequence[_NamedUnit], held_out: Collection[str]) -> tuple[list[_NamedUnit], list[_NamedUnit]]:
    """Cases to train on, and those of the names that somebody else held out.

    Raises:
        SpineError: a name is no case's, or no case is left to train on.
    """
    unknown = sorted(set(held_out) - {case.name for case in cases})
    if unknown:
        raise SpineError(f"'{unknown[0]}' is to be held out and is no case of the data; check the names.")
    training = [case for case in cases if case.name not in held_out]
    if not training:
        raise SpineError("All cases are held out, so that none is left to train on; give more cases.")
    return training, [case for case in cases if case.name in held_out]


def share_of(share: float, most: int = 0) -> Callable[[int], int]:
    """For :func:`split`: a share of the units, at least one and, unless it is 0, at most ``most``."""

    def chosen(rest: int) -> int:
        number = min(max(1, round(share * rest)), rest - 1)
        return min(number, most) if most else number

    return chosen
