"""Which numbering a label map follows: told by the order of its numbers along the spine and by its other labels.

Numbers alone do not tell: 27 is L5 of TotalSegmentator 2 and T8 of its version 1, T7 of TotalSpineSeg and nothing of
VerSe. A numbering is taken when its numbers stand along the spine in its order, when it knows every other label of the
map, and when no other numbering explains as many labels; of several, the more usual one is taken only where vertebrae
lie as far apart as its levels do. Everything else is counted: "vertebra 3" is never called by a level.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.tasks.ct.numbering_fit import Fit, Label
from SpineLib.volume.levels import FIRST_COUNTED, VERSE_NUMBERS, level_name
from SpineLib.volume.numberings import (
    JOINED,
    NUMBERINGS,
    SPACING_MM,
    SPINEPS,
    SUBREGIONS,
    TOTAL_2,
    TOTAL_MR,
    VERSE_NUMBERING,
    Numbering,
)
from SpineLib.words import counted

#: Vertebrae of the neck have less (ml, the middle one of them; 12 to 18 in the label maps that this was made from), and
#: numbers from C1 or C2 on lie no farther apart than this (a share): else they are a count from above.
_LARGEST_CERVICAL_ML, _FARTHEST_CERVICAL = 20.0, 1.15
#: A sacrum has more than so many times the volume of the vertebrae above it.
_SACRUM_TIMES = 1.5
#: Distances, as share of the usual ones: beyond this a level's neighbours do not lie. Tall adults have 1.15.
_LEAST, _MOST = 0.55, 1.22
#: The more usual numbering may fit the distances by so much worse (:attr:`Fit.misfit`).
_BENEFIT = 0.3
_NO_LEVELS = "One number marks several vertebrae; none of them has a level."
#: Fewer organs than this may stand like vertebrae of another numbering.
_FEW_ORGANS = 3
#: More vertebrae than this nobody has, their parts included; more labels no map of anatomy has.
_MOST_VERTEBRAE, _MOST_LABELS = 40, 300


@dataclass(frozen=True)
class Levels:
    """What the numbers of a map mean.

    Attributes:
        numbers: own number to VerSe's, or to one from :data:`~SpineLib.volume.levels.FIRST_COUNTED` on where only the
            vertebra is known and not its level.
        left_out: own numbers that are no vertebrae.
        notes: sentences for the user.
    """

    numbers: dict[int, int]
    left_out: tuple[int, ...] = ()
    notes: list[str] = field(default_factory=list)


def recognise(labels: Sequence[Label], asked: Sequence[Numbering] | None = None) -> Levels:
    """What the numbers of a label map mean.

    Args:
        labels: all of the map, 0 left out.
        asked: one of these numberings it is (:func:`~SpineLib.volume.numberings.asked_numberings`); None: tell it.

    Raises:
        SpineError: the numbering that was asked for does not fit, or there are far too many labels.
    """
    labels = sorted(labels, key=lambda one: one.number)
    if not labels:
        return Levels({})
    if len(labels) > _MOST_LABELS:
        raise SpineError("The vertebrae file is no labelmap: it holds very many values; give a segmentation.")
    if asked is not None:
        return _as_asked(labels, asked)
    if joined := _joined(labels):
        return joined
    if all(one.number >= FIRST_COUNTED for one in labels) and labels[-1].number < 2 * FIRST_COUNTED:
        return Levels({one.number: one.number for one in labels})
    for strict in (True, False):
        fits = [fit for numbering in NUMBERINGS if (fit := Fit.of(numbering, labels, strict)) and fit.has_its_marks]
        fits = [fit for fit in fits if fit.even] or fits
        most = max(map(_explained, fits), default=0)
        best = [fit for fit in fits if _explained(fit) == most]
        if best:
            return _levels(best[0], best[1:]) if _settled(best[0], best[1:]) else _counted(labels, best)
    return _counted(labels, ())


def _as_asked(labels: list[Label], asked: Sequence[Numbering]) -> Levels:
    known = [one for one in asked if any(label.number in one.levels for label in labels)]
    fits = [fit for one in known if (fit := Fit.of(one, labels, strict=False, foreign=True))]
    if not fits:
        title = (known or asked)[0].title
        why = "their order along the spine contradicts it" if known else "none of the numbers is a vertebra there"
        raise SpineError(f"The vertebrae are not numbered as by {title}: {why}; choose another numbering (--numbers).")
    return _levels(max([fit for fit in fits if fit.even] or fits, key=lambda fit: len(fit.kept)))


def _joined(labels: list[Label]) -> Levels | None:
    """Of maps in which one number marks all vertebrae, or each number the same part of all of them."""
    present = {one.number for one in labels}
    tall = {one.number for one in labels if one.tall}
    for numbering in JOINED:
        marked = numbering.joined & present
        parts = len(marked) > 3 and Fit.of(TOTAL_2, labels, strict=True) is None
        certain = parts if numbering is SUBREGIONS else marked & tall
        if certain and present <= numbering.joined | numbering.levels.keys() | numbering.others:
            others = tuple(sorted(present & numbering.others))
            sacrum = {n: VERSE_NUMBERS[name] for n, name in numbering.levels.items() if n in present}
            return Levels(dict.fromkeys(marked, FIRST_COUNTED) | sacrum, others, [_NO_LEVELS, *_said(others)])
    if len(labels) == 1 and tall:
        return Levels(dict.fromkeys(tall, FIRST_COUNTED), (), [_NO_LEVELS])
    return None


def _explained(fit: Fit) -> int:
    """How many labels a fit makes a column of, less one or two that may be organs of TotalSegmentator 2.

    Its prostate (22) below its L5 (27) lies where version 1 has L1 below T8.
    """
    organs = sum(one.number in TOTAL_2.others for one in fit.kept)
    return len(fit.kept) - (organs if organs < _FEW_ORGANS else 0)


def _settled(fit: Fit, rivals: Sequence[Fit]) -> bool:
    """Whether a fit, the most usual of those that explain the map, is to be believed."""
    share, names = fit.share, fit.names
    rivals = [one for one in rivals if one.names != names]
    if not any(name in SPACING_MM for name in names):
        return False  # a sacrum alone
    if fit.numbering is TOTAL_MR:
        return _begins_with_a_sacrum(fit)
    if fit.numbering in (VERSE_NUMBERING, SPINEPS) and names[0][0] == "C":
        volumes = [one.volume_ml for one, name in zip(fit.kept, names) if name[0] == "C" and one.volume_ml]
        if volumes and float(np.median(volumes)) > _LARGEST_CERVICAL_ML:
            return False  # a count from above
        farthest = (
            _FARTHEST_CERVICAL if fit.kept[0].number <= 2 else _MOST
        )  # a count begins with 1, or SPINEPS's with 2
        if share is not None and not _LEAST <= share <= farthest:
            return False
    if fit.numbering is SPINEPS and fit.kept[0].number <= 2:
        return names[-2:] in (["L5", "S"], ["L6", "S"])  # counted, unless its labelling ended at the sacrum
    if len(fit.kept) == 1 and (rivals or fit.kept[0].number == 1):
        return fit.numbering is VERSE_NUMBERING and 2 <= fit.kept[0].number <= 24 and not fit.others
    if rivals and fit.numbering is TOTAL_2 and (share is None or not any(name[0] in "LS" for name in names)):
        return False  # between neck and loin the distances of the two versions' levels differ too little
    if share is None:
        return True
    measured = [rival.misfit for rival in rivals if rival.misfit is not None]
    return not measured or (_LEAST <= share <= _MOST and (fit.misfit or 0.0) <= min(measured) + _BENEFIT)


def _begins_with_a_sacrum(fit: Fit) -> bool:
    if fit.names[-1] != "S":
        return False
    sacrum, *others = [one.volume_ml or 0.0 for one in reversed(fit.kept)]
    return len(others) > 0 and sacrum > _SACRUM_TIMES * float(np.median(others[:3])) > 0


def _levels(fit: Fit, same: Sequence[Fit] = ()) -> Levels:
    """What a fit makes of the numbers; ``same``: others that make the same of it, perhaps."""
    names = fit.names
    numbers = {one.number: VERSE_NUMBERS["S" if name == "S1" else name] for one, name in zip(fit.kept, names)}
    odd = {one.number: FIRST_COUNTED - 1 + one.number for one in fit.misplaced}
    others = tuple(one.number for one in fit.others)
    first, notes = fit.kept[0].number, []
    if fit.numbering is not VERSE_NUMBERING:
        titles = [fit.numbering.title, *(other.numbering.title for other in same if other.names == names)]
        notes.append(f"The vertebrae are numbered as by {' or '.join(titles)}; they were taken as {', '.join(names)}.")
    elif len(fit.kept) == 1:
        notes.append(
            f"One vertebra alone does not tell how it is numbered; {first} was taken as VerSe's {names[0]}. Choose the "
            "numbering (--numbers) if it is another one."
        )
    elif first <= 2:
        notes.append(
            f"The numbers were taken as VerSe's, {names[0]} to {names[-1]}. Choose the numbering (--numbers "
            "from-above:LEVEL) if they only count."
        )
    if odd:
        called = ", ".join(level_name(number) for number in odd.values())
        notes.append(f"These lie out of order along the spine and have no level: {called}.")
    return Levels(numbers | odd, others, notes + _said(others))


def _counted(labels: list[Label], fits: Sequence[Fit]) -> Levels:
    """Vertebrae by their own numbers, without a level."""
    each = [{one.number for one in (*fit.kept, *fit.misplaced)} for fit in fits] or [{one.number for one in labels}]
    known = set.intersection(*each)
    doubtful = sorted(set.union(*each) - known) if known else []
    vertebrae = [one for one in labels if one.number in (known or set.union(*each))]
    others = tuple(one.number for one in labels if one not in vertebrae)
    if len(vertebrae) > _MOST_VERTEBRAE:
        raise SpineError(
            f"The vertebrae file holds {len(vertebrae)} labels by no numbering of vertebrae that is known; give a "
            "labelmap of the vertebrae alone, or choose the numbering (--numbers)."
        )
    if vertebrae[-1].number < FIRST_COUNTED:
        numbers = {one.number: FIRST_COUNTED - 1 + one.number for one in vertebrae}
    else:
        from_above = sorted(vertebrae, key=lambda one: 0.0 if one.centre is None else -float(one.centre[2]))
        numbers = {one.number: FIRST_COUNTED + n for n, one in enumerate(from_above)}
    could_be = list(dict.fromkeys(f"{', '.join(fit.names)} by {fit.numbering.title}" for fit in fits))
    why = f" ({', or '.join(could_be[:3])})" if could_be else ""
    called = [f"'{level_name(number)}'" for number in numbers.values()]
    called = called if len(called) < 3 else [called[0], f"{called[1]} and so on"]
    notes = [
        f"Nothing tells for certain how the vertebrae are numbered{why}: they are called {', '.join(called)}. To give "
        "them their levels, choose the numbering (--numbers, from-below:L5 for example), or name the segments."
    ]
    if doubtful:
        notes.append(f"Whether {', '.join(map(str, doubtful))} are vertebrae depends on that; they were left out.")
    return Levels(numbers, others, notes + _said([number for number in others if number not in doubtful]))


def _said(others: Collection[int]) -> list[str]:
    if not others:
        return []
    shown = ", ".join(map(str, list(others)[:8])) + (", ..." if len(others) > 8 else "")
    if len(others) == 1:
        return [f"The label {shown} is no vertebra and was left out."]
    are = "is no vertebra and was" if len(others) == 1 else "are no vertebrae and were"
    return [f"{counted(len(others), 'label')} ({shown}) {are} left out."]
