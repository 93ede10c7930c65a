"""Who is trained on and who is held out: groups with their share of small and large lesions."""

from __future__ import annotations

import numpy as np

from SpineLab.training.segmentation.config import SliceValidation
from SpineLab.training.segmentation.dataset import PreparedCase
from SpineLib.errors import SpineError


def split_cases(
    cases: list[PreparedCase], settings: SliceValidation, seed: int
) -> tuple[list[PreparedCase], list[PreparedCase]]:
    """Training and held-out cases, disjoint; the same for the same cases, settings and seed.

    With folds, every case is held out in exactly one of them (Hille et al. have 8 folds of five patients each).

    Raises:
        SpineError: there are too few cases.
    """
    groups = folds(cases, settings.folds, seed) if settings.folds else None
    if groups is None:
        count = min(settings.cases, len(cases) // 2)
        groups = folds(cases, max(1, round(len(cases) / count)), seed) if count else [[]]
        held = groups[0][:count]
    else:
        held = groups[settings.fold]
    names = {case.name for case in held}
    training = [case for case in cases if case.name not in names]
    if not training:
        raise SpineError(f"{len(cases)} cases are too few to hold some out and train on the others; give more cases.")
    return training, held


def folds(cases: list[PreparedCase], count: int, seed: int) -> list[list[PreparedCase]]:
    """Disjoint groups of nearly one size, stratified by lesion volume: each has its share of small and large ones.

    Raises:
        SpineError: there are fewer cases than folds.
    """
    if len(cases) < count:
        raise SpineError(f"{count} folds need at least {count} cases and there are {len(cases)}; take fewer folds.")
    volumes = {case.name: np.count_nonzero(case.lesions) * float(np.prod(case.spacing)) for case in cases}
    ranked = sorted(cases, key=lambda case: (volumes[case.name], case.name))
    rng = np.random.default_rng([seed, 20])
    groups: list[list[PreparedCase]] = [[] for _ in range(count)]
    for start in range(0, len(ranked), count):
        for group, case in zip(rng.permutation(count), ranked[start : start + count]):
            groups[group].append(case)
    return groups
