"""Suspicious places that run into each other as the threshold falls: two ill vertebrae side by side stay two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
from scipy import ndimage

#: Likelihoods at which parts may show: always the same ones, so that parts do not come and go with the threshold, and
#: as close together as those of an FROC, so that little is lost between two of them.
_LEVELS = tuple(np.r_[np.arange(0.06, 0.96, 0.02), np.arange(0.96, 1, 0.01), 0.995, 0.999].round(3))
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
    regions, number = ndimage.label(array >= threshold, structure=_EIGHT)
    sizes = np.bincount(regions.ravel(), minlength=number + 1)
    sizes[0] = 0
    return regions, sizes


def bodies_of(regions: np.ndarray, sizes: np.ndarray, fewest: float) -> tuple[np.ndarray, int]:
    """Regions of at least so many pixels, joined across slices (26 neighbours): ids from 1, and how many."""
    return ndimage.label((sizes >= max(fewest, 1) * (1 - 1e-9))[regions], structure=_ALL)


def split_body(
    array: np.ndarray, inside: np.ndarray, threshold: float, fewest: float, spacing: Sequence[float]
) -> np.ndarray:
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

    seeds, ids = np.zeros(array.shape, np.int32), count(1)
    _mark_surest(seeds, array, inside, threshold, fewest, np.array(spacing, float), ids)
    if seeds.max() == 1:
        return inside.astype(np.int32)
    return watershed(-array, seeds, mask=inside, connectivity=_ALL)


def _mark_surest(
    seeds: np.ndarray,
    array: np.ndarray,
    inside: np.ndarray,
    level: float,
    fewest: float,
    spacing: np.ndarray,
    ids: Iterator[int],
) -> None:
    """Write one of ``ids`` where each part of the body is surest; all arrays (s, y, x) are of the body's box."""
    for higher in [one for one in _LEVELS if one > level]:
        if (np.array(inside.shape) * spacing).max() < _CLOSEST_MM:
            break
        bodies, number = bodies_of(*suspicious_regions(np.where(inside, array, 0), higher), fewest)
        if not number:
            break
        groups = _grouped(bodies, number, spacing)
        boxes = ndimage.find_objects(groups)
        if len(boxes) > 1:
            for group, box in enumerate(boxes, start=1):
                _mark_surest(seeds[box], array[box], groups[box] == group, higher, fewest, spacing, ids)
            return
        seeds, array, inside = seeds[boxes[0]], array[boxes[0]], groups[boxes[0]] > 0
    seeds[inside] = next(ids)


def _grouped(bodies: np.ndarray, number: int, spacing: np.ndarray) -> np.ndarray:
    """Bodies (ids from 1), the largest first, each joined to an earlier one whose centre of gravity is near."""
    sizes = np.bincount(bodies.ravel())[1:]
    places = np.array(ndimage.center_of_mass(bodies > 0, bodies, np.arange(1, number + 1))) * spacing
    group_of, centres = np.zeros(number + 1, np.int32), list[np.ndarray]()
    for body in np.argsort(-sizes, kind="stable"):
        near = [n for n, centre in enumerate(centres) if np.linalg.norm(centre - places[body]) < _CLOSEST_MM]
        if not near:
            near = [len(centres)]
            centres.append(places[body])
        group_of[body + 1] = near[0] + 1
    return group_of[bodies]
