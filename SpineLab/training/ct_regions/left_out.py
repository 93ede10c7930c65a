"""How a judge does on each CT when it has learned from the others alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from SpineLab.evaluation.ct_boxes import BoxResult, matched
from SpineLab.training.ct_regions.cases import RegionCase
from SpineLab.training.ct_regions.examples import Examples, joined
from SpineLab.training.ct_regions.fit import fitted
from SpineLib.networks.region_judge import RegionJudge
from SpineLib.progress import Progress, silent
from SpineLib.tasks.ct.expected import excess_of
from SpineLib.tasks.ct.lesion_regions import marks_of

#: A box with so much of it in vertebrae is one of a vertebra.
_IN_VERTEBRAE = 0.3


def each_left_out(
    cases: Sequence[RegionCase], examples: Sequence[Examples], lowest: float, progress: Progress = silent
) -> list[BoxResult]:
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


def searched(case: RegionCase, judge: RegionJudge, lowest: float) -> BoxResult:
    """Which of the boxes in vertebrae were found, and the lesions that find none, the likeliest first."""
    excess = excess_of(case.image, case.numbers, case.vertebrae, slices=case.slices)
    boxes = np.array([box for box in case.boxes if _share_in(case.numbers, box) >= _IN_VERTEBRAE])
    found = []
    for mask, probability in marks_of(excess, case.numbers, case.vertebrae, judge, lowest).found:
        place = ndimage.find_objects((mask > 0).astype(np.uint8))[0]
        low = np.array([side.start - 0.5 for side in place])
        high = np.array([side.stop - 0.5 for side in place])
        found.append((low, high, round(probability, 4)))
    result = matched(case.name, boxes, found)
    return replace(result, false=tuple(sorted(result.false, reverse=True)))


def _share_in(numbers: np.ndarray, box: np.ndarray) -> float:
    inside = numbers[tuple(slice(max(0, round(a)), max(0, round(b)) + 1) for a, b in zip(*box))] > 0
    return float(inside.mean()) if inside.size else 0.0
