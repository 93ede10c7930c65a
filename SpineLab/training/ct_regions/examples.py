"""Regions with what is known of them: of CTs as they are, and of copies with lesions painted in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLab.training.ct_marks.painting import paint
from SpineLab.training.ct_regions.cases import RegionCase
from SpineLib.progress import Progress, silent
from SpineLib.tasks.ct.expected import excess_of
from SpineLib.tasks.ct.regions import SURFACE_MM, Region, regions_of

#: A region is a painted lesion from this intersection over union on, or where so much of it lies in one and covers so
#: much of that; it is none where less than the last share of it does. Between, nothing is learned from it.
_OVERLAP, _INSIDE, _COVERED, _OUTSIDE = 0.2, 0.6, 0.15, 0.05
#: The same of the box around a known lesion, which holds healthy bone, too.
_IN_BOX, _BESIDE_BOX = 0.4, 0.1
#: Around known lesions nothing is painted, voxels.
_AWAY = 6


@dataclass(frozen=True, eq=False)
class Examples:
    """Of one CT.

    Attributes:
        name: of it.
        features: float32 (n, features).
        lesion: bool (n,).
        weights: float32 (n,).
    """

    name: str
    features: np.ndarray
    lesion: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Weights:
    """What an example counts: all regions of a known lesion together, a healthy region of the CT as it is, and one of
    a painted copy; a painted lesion's region counts 1."""

    known: float = 8.0
    healthy: float = 2.0
    copied: float = 0.35


def examples_of(
    case: RegionCase,
    copies: int,
    rng: np.random.Generator,
    weights: Weights = Weights(),
    progress: Progress = silent,
) -> Examples:
    """All regions of a case and of its painted copies.

    Args:
        case: the CT.
        copies: how many.
        rng: of what is painted.
        weights: of the examples.
        progress: told after every copy; may raise ``Cancelled``.
    """
    hosts = np.isin(case.numbers, [one.number for one in case.vertebrae if one.counterparts])
    free = hosts & ~_in_boxes(case, _AWAY)
    known = _in_boxes(case, 0)
    features, lesions, counted = [], [], []
    for copy in range(copies + 1):
        progress(copy / (copies + 1), f"{case.name}: copy {copy} of {copies}")
        image, painted = case.image.copy(), np.zeros(case.image.shape, np.uint8)
        if copy:
            for _ in range(sum(bool(one.counterparts) for one in case.vertebrae)):
                paint(image, painted, free & (painted == 0), 1.0, rng)
        excess = excess_of(image, case.numbers, case.vertebrae)
        truth, count = ndimage.label((painted > 0) & (np.nan_to_num(excess.depth) > SURFACE_MM))
        sizes = np.bincount(truth.ravel(), minlength=count + 1)
        rows = []
        for region in regions_of(excess):
            share = float(known[region.box][region.inside].mean())
            kind = _kind(region, truth, sizes)
            if share > _BESIDE_BOX:
                kind = 2 if share >= _IN_BOX and not copy else -1
            if kind >= 0:
                rows.append((region.features, kind))
        whole = sum(kind == 2 for _, kind in rows)
        for values, kind in rows:
            features.append(values)
            lesions.append(kind > 0)
            healthy = weights.copied if copy else weights.healthy
            counted.append(weights.known * len(case.boxes) / whole if kind == 2 else 1.0 if kind else healthy)
    return Examples(case.name, np.array(features, np.float32), np.array(lesions, bool), np.array(counted, np.float32))


def _kind(region: Region, truth: np.ndarray, sizes: np.ndarray) -> int:
    """1 of a painted lesion, 0 of none, -1 where it cannot be told."""
    inside = truth[region.box][region.inside]
    if not inside.any():
        return 0
    lesion = int(np.bincount(inside[inside > 0]).argmax())
    shared = float(np.count_nonzero(inside == lesion))
    overlap = shared / (len(inside) + sizes[lesion] - shared)
    if overlap > _OVERLAP or (shared > _INSIDE * len(inside) and shared > _COVERED * sizes[lesion]):
        return 1
    return 0 if shared < _OUTSIDE * len(inside) and overlap < _OUTSIDE else -1


def _in_boxes(case: RegionCase, margin: float) -> np.ndarray:
    mask = np.zeros(case.image.shape, bool)
    for low, high in case.boxes:
        mask[tuple(slice(max(0, int(a - margin)), max(0, int(b + margin) + 1)) for a, b in zip(low, high))] = True
    return mask


def joined(examples: Sequence[Examples]) -> Examples:
    """All in one."""
    return Examples(
        ", ".join(one.name for one in examples),
        np.concatenate([one.features for one in examples]),
        np.concatenate([one.lesion for one in examples]),
        np.concatenate([one.weights for one in examples]),
    )
