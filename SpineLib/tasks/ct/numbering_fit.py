"""How well a label map fits a numbering: in its order along the spine, and as far apart as its levels are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from SpineLib.volume.numberings import MRSPINESEG, ORDER, SPACING_MM, SPIDER, SPINEPS, VERSE_NUMBERING, Numbering

#: No vertebra is higher than this (mm; of thoracic ones the spinous process hangs down); a sacrum is.
TALLEST_MM = 100.0
#: Fewer voxels (ml) are a fragment, whose place says little.
FRAGMENT_ML = 0.5
#: How far a distance may differ from the others of its column, as a factor; organs taken for vertebrae differ more.
_UNEVEN = 2.2
#: How much people's sizes, and the distances within one spine, differ (standard deviations of logarithms).
_SIZES, _DISTANCES = 0.12, 0.1
#: Of at least so many vertebrae this share must stand in order; the others are counted.
_ENOUGH, _IN_ORDER = 4, 0.8


@dataclass(frozen=True, eq=False)
class Label:
    """One label of a map.

    Attributes:
        number: as in the map.
        centre: of its voxels, (3,) LPS mm; None: not known.
        volume_ml, height_mm: of its voxels (along the patient's axis); None: not known.
    """

    number: int
    centre: np.ndarray | None = None
    volume_ml: float | None = None
    height_mm: float | None = None

    @property
    def tall(self) -> bool:
        """Whether it is higher than any vertebra."""
        return self.height_mm is not None and self.height_mm > TALLEST_MM

    @property
    def fragment(self) -> bool:
        """Whether it is too small to be a vertebra."""
        return self.volume_ml is not None and self.volume_ml < FRAGMENT_ML


@dataclass(frozen=True, eq=False)
class Fit:
    """A numbering that a map may follow.

    Attributes:
        numbering: the one.
        kept: labels of vertebrae, from cranial to caudal.
        misplaced: labels of vertebrae that stand out of this order.
        others: labels of other things.
    """

    numbering: Numbering
    kept: list[Label]
    misplaced: list[Label]
    others: list[Label]

    @classmethod
    def of(cls, numbering: Numbering, labels: list[Label], strict: bool, foreign: bool = False) -> Fit | None:
        """None where the map does not follow it.

        Args:
            numbering: the one to try.
            labels: all of the map.
            strict: whether all vertebrae must stand in order, not most of them.
            foreign: whether it is no matter that there are labels which the numbering does not know.
        """
        vertebrae = [one for one in labels if one.number in numbering.levels]
        others = [one for one in labels if one.number not in numbering.levels]
        unknown = any(one.number not in numbering.others for one in others)
        if not vertebrae or (unknown and not foreign and (strict or numbering is not VERSE_NUMBERING)):
            return None
        if any(one.tall and numbering.levels[one.number] != "S" for one in vertebrae):
            return None
        places = {one.number: ORDER.index(numbering.levels[one.number]) for one in vertebrae}
        vertebrae.sort(key=lambda one: places[one.number])
        kept = _in_order(vertebrae, places)
        misplaced = [one for one in vertebrae if one not in kept]
        if misplaced and (strict or len(kept) < max(_ENOUGH, _IN_ORDER * len(vertebrae))):
            return None
        if unknown and not foreign and len(kept) < _ENOUGH - 1:
            return None
        return cls(numbering, kept, misplaced, others)

    @cached_property
    def names(self) -> list[str]:
        """Levels of the vertebrae kept."""
        return [self.numbering.levels[one.number] for one in self.kept]

    @cached_property
    def shares(self) -> np.ndarray:
        """Of each two neighbours above the sacrum: their distance as a share of the usual one."""
        kept = [
            (one.centre, name)
            for one, name in zip(self.kept, self.names)
            if one.centre is not None and name in SPACING_MM and not one.fragment
        ]
        order = [name for name in ORDER if name not in ("T13", "L6") or name in self.names]
        found = []
        for (above, upper), (below, lower) in pairwise(kept):
            usual = sum(SPACING_MM[name] for name in order[order.index(upper) : order.index(lower)])
            if usual:
                found.append(float(np.linalg.norm(np.subtract(above, below))) / usual)
        return np.array(found)

    @property
    def share(self) -> float | None:
        """The middle one of the shares; None without any."""
        return float(np.median(self.shares)) if len(self.shares) else None

    @property
    def misfit(self) -> float | None:
        """How far the distances are from the usual ones: of all of them (people differ), and of each from the others.

        A sum of squares in standard deviations; None without any.
        """
        if not len(self.shares):
            return None
        logs = np.log(self.shares)
        middle = float(np.median(logs))
        return float((middle / _SIZES) ** 2 + (((logs - middle) / _DISTANCES) ** 2).sum())

    @property
    def even(self) -> bool:
        """Whether all distances can be those of one column."""
        shares, middle = self.shares, self.share
        if middle is None:
            return True
        return 0.25 < middle < 3.0 and bool((np.maximum(shares / middle, middle / shares) <= _UNEVEN).all())

    @property
    def has_its_marks(self) -> bool:
        """Whether what tells a numbering of its own is there: the discs of SPINEPS, SPIDER and MRSpineSeg."""
        return bool(self.others) or self.numbering not in (SPINEPS, SPIDER, MRSPINESEG)


def _in_order(vertebrae: list[Label], places: dict[int, int]) -> list[Label]:
    """The most of them that lie one below the other; those of unknown place and fragments are kept too."""
    sure = [one for one in vertebrae if one.centre is not None and not one.fragment]
    chains: list[list[int]] = []
    for n, one in enumerate(sure):
        longest: list[int] = []
        for m, above in enumerate(sure[:n]):
            lower = _up(one) < _up(above) or places[one.number] == places[above.number]
            if lower and len(chains[m]) > len(longest):
                longest = chains[m]
        chains.append([*longest, n])
    kept = {sure[n].number for n in max(chains, key=len, default=[])}
    return [one for one in vertebrae if one.number in kept or one not in sure]


def _up(label: Label) -> float:
    return 0.0 if label.centre is None else float(label.centre[2])
