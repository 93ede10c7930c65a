"""How a judge does on each CT when it has learned from the others alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLab.evaluation.ct_boxes import OVERLAP
from SpineLab.training.ct_regions.cases import RegionCase
from SpineLab.training.ct_regions.examples import Examples, joined
from SpineLab.training.ct_regions.fit import fitted
from SpineLib.networks.region_judge import RegionJudge
from SpineLib.progress import Progress, silent
from SpineLib.tasks.ct.expected import excess_of
from SpineLib.tasks.ct.lesion_regions import judged, lesion_masks
from SpineLib.tasks.ct.regions import regions_of

#: A box with so much of it in vertebrae is one of a vertebra.
_IN_VERTEBRAE = 0.3


@dataclass(frozen=True)
class LeftOut:
    """One CT.

    Attributes:
        name: of it.
        lesions: boxes in vertebrae.
        best: of each the probability of the likeliest lesion that finds it, 0 where none does.
        false: probabilities of the lesions that find none.
    """

    name: str
    lesions: int
    best: tuple[float, ...]
    false: tuple[float, ...]

    def to_dict(self) -> dict:
        """JSON-able."""
        return {"name": self.name, "lesions": self.lesions, "best": list(self.best), "false": list(self.false)}


def each_left_out(
    cases: Sequence[RegionCase], examples: Sequence[Examples], lowest: float, progress: Progress = silent
) -> list[LeftOut]:
    """Learn from all but one, and search that one.

    Args:
        cases: the CTs.
        examples: of each.
        lowest: probability from which lesions are looked at.
        progress: told before every CT; may raise ``Cancelled``.
    """
    results = []
    for number, case in enumerate(cases):
        progress(number / len(cases), f"Without {case.name}")
        judge = fitted(joined([one for one in examples if one.name != case.name]))
        results.append(searched(case, judge, lowest))
    return results


def searched(case: RegionCase, judge: RegionJudge, lowest: float) -> LeftOut:
    """Lesions found in a case; one finds a box as :mod:`SpineLab.evaluation.ct_boxes` counts."""
    regions = regions_of(excess_of(case.image, case.numbers, case.vertebrae))
    boxes = [box for box in case.boxes if _share_in(case.numbers, box) >= _IN_VERTEBRAE]
    best, false = [0.0] * len(boxes), []
    for mask, probability in lesion_masks(regions, judged(regions, judge), lowest, case.numbers):
        place = ndimage.find_objects((mask > 0).astype(np.uint8))[0]
        low = np.array([side.start - 0.5 for side in place])
        high = np.array([side.stop - 0.5 for side in place])
        hits = [number for number, box in enumerate(boxes) if _finds(low, high, box)]
        for number in hits:
            best[number] = max(best[number], round(probability, 4))
        if not hits:
            false.append(round(probability, 4))
    return LeftOut(case.name, len(boxes), tuple(best), tuple(sorted(false, reverse=True)))


def _finds(low: np.ndarray, high: np.ndarray, box: np.ndarray) -> bool:
    first, last = box
    shared = float(np.clip(np.minimum(high, last) - np.maximum(low, first), 0, None).prod())
    both = float((high - low).prod() + (last - first).prod()) - shared
    middle = (low + high) / 2
    return bool(shared >= OVERLAP * both or ((middle >= first) & (middle <= last)).all())


def _share_in(numbers: np.ndarray, box: np.ndarray) -> float:
    inside = numbers[tuple(slice(max(0, round(a)), max(0, round(b)) + 1) for a, b in zip(*box))] > 0
    return float(inside.mean()) if inside.size else 0.0
