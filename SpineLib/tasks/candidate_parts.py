"""Suspicious places that run into each other as the threshold falls: two ill vertebrae side by side stay two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

#: Logits at which parts may show: always the same ones, so that parts do not come and go with the threshold.
_LEVELS = tuple(np.arange(-3.0, 7.5, 0.5))
#: Parts with closer centres of gravity (mm) are one: the vertebrae of the neck, the smallest, are about 17 mm apart.
_CLOSEST_MM = 15.0
_EIGHT = np.array([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))], dtype=int)
_ALL = np.ones((3, 3, 3), dtype=int)


def suspicious_regions(array: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Connected pixels (8 neighbours) of each slice of at least that likelihood.

    Args:
        array: likelihoods (s, y, x).

    Returns:
        Region ids (s, y, x), 0 outside, and the number of pixels of each id, 0 for the outside.
    """
    regions, count = ndimage.label(array >= threshold, structure=_EIGHT)
    sizes = np.bincount(regions.ravel(), minlength=count + 1)
    sizes[0] = 0
    return regions, sizes


def bodies_of(regions: np.ndarray, sizes: np.ndarray, fewest: float) -> tuple[np.ndarray, int]:
    """Regions of at least so many pixels, joined across slices (26 neighbours): ids from 1, and how many."""
    return ndimage.label((sizes >= max(fewest, 1) * (1 - 1e-9))[regions], structure=_ALL)


def split_body(array: np.ndarray, inside: np.ndarray, threshold: float, fewest: float,
               spacing: Sequence[float]) -> np.ndarray:
    """Parts of one body that were bodies by themselves at a higher threshold, each grown back down to this one.

    So what is found at a threshold is not lost at a lower one because it ran into its neighbour.

    Args:
        array: likelihoods (s, y, x) of the body's box.
        inside: bool, the body.
        threshold: that it was found at.
        fewest: pixels of a region in its slice.
        spacing: mm along (s, y, x).

    Returns:
        int32 (s, y, x): ids of parts from 1, 0 outside.
    """
    from skimage.segmentation import watershed

    seeds = np.zeros(array.shape, np.int32)
    for number, seed in enumerate(_seeds(array, inside, _logit(threshold), fewest, np.array(spacing, float)), start=1):
        seeds[seed] = number
    if seeds.max() == 1:
        return inside.astype(np.int32)
    return watershed(-array, seeds, mask=inside, connectivity=_ALL)


def _seeds(array: np.ndarray, inside: np.ndarray, level: float, fewest: float, spacing: np.ndarray) -> list[np.ndarray]:
    """Where each part is surest, bool (s, y, x); one or more."""
    for level in [one for one in _LEVELS if one > level]:
        if np.ptp(np.argwhere(inside) * spacing, axis=0).max() < _CLOSEST_MM:
            break
        bodies, count = bodies_of(*suspicious_regions(np.where(inside, array, 0), _probability(level)), fewest)
        if not count:
            break
        groups = _far_apart([bodies == number for number in range(1, count + 1)], spacing)
        if len(groups) > 1:
            return [seed for group in groups for seed in _seeds(array, group, level, fewest, spacing)]
        inside = groups[0]
    return [inside]


def _far_apart(bodies: list[np.ndarray], spacing: np.ndarray) -> list[np.ndarray]:
    """Bodies, the largest first, each joined to an earlier one whose centre of gravity is near."""
    groups, centres = [], []
    for body in sorted(bodies, key=lambda one: -int(one.sum())):
        centre = np.argwhere(body).mean(axis=0) * spacing
        near = [n for n, other in enumerate(centres) if np.linalg.norm(centre - other) < _CLOSEST_MM]
        if near:
            groups[near[0]] = groups[near[0]] | body
        else:
            groups.append(body)
            centres.append(centre)
    return groups


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability))) if 0 < probability < 1 else np.sign(probability - 0.5) * 1e3


def _probability(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))
