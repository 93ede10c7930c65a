"""One mask of the spine cut into its vertebrae, which touch at the facets and where discs are thin."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from SpineLib.geometry import resample
from SpineLib.progress import Progress, silent
from SpineLib.tasks.ct.spine_axis import PITCH, STEP_MM, DiscPlane, SpineAxis, find_axis, find_discs

#: A body reaches so many radii from the line: its corners, not the pedicles' ends.
_BODY_RADII = 1.15
#: Distance (mm) from a disc's plane within which a body is no seed.
_GAP_MM = 1.5
#: How much rather a vertebra grows through thick bone than across a narrow contact: cost of a step ~ thickness^-3.
_THIN = 3
#: A vertebra grows this share of its height above the disc on top of it (its upper facets), ever more unwillingly.
_ABOVE, _UNWILLING = 0.25, 6.0
#: Largest distance (mm) of a vertebra's parts from its body.
_REACH_MM = 70.0
#: Cost of a voxel beside the mask: pieces that thick slices cut off belong to the vertebra they lie next to.
_BESIDE = 50.0
#: Pieces of bone that hang together with no other and are smaller than this (ml) are noise.
_SPECK_ML = 0.15
#: Levels at the ends whose body fills less of a cylinder as high as wide are no vertebra but a rest of one.
_REST = 0.15


def split_vertebrae(
    probability: np.ndarray, threshold: float, spacing: tuple[float, float, float], progress: Progress = silent
) -> np.ndarray:
    """Number the vertebrae in a probability of bone of the spine, from cranial to caudal.

    The bodies are found as what is thick along one line, cut at the planes between them that hold least bone (at
    distances that fit their size, so that a hole or a thin disc neither adds nor hides a level). From its body each
    vertebra then grows through the mask: a step costs the more the thinner the bone, so that the joints to its
    neighbours are where two vertebrae meet, and growing up past the disc on top costs extra: behind the bodies the
    vertebra above reaches down, not the other way round.

    Args:
        probability: float (z, y, x), from cranial to caudal, anterior to posterior, right to left.
        threshold: from which a voxel is bone of a vertebra.
        spacing: mm along (z, y, x).
        progress: told what is done.

    Returns:
        uint8 (z, y, x), 0 where there is none; bone far from the line through the bodies is left out.
    """
    labels = np.zeros(probability.shape, np.uint8)
    found = probability >= threshold
    boxes = ndimage.find_objects(found.astype(np.uint8))
    if not boxes:
        return labels
    box = tuple(slice(max(0, side.start - 2), side.stop + 2) for side in boxes[0])
    part = probability[box].astype(np.float32)
    where = [
        resample.positions(count, max(2, round(count * own / STEP_MM)), STEP_MM / own)
        for count, own in zip(part.shape, spacing)
    ]
    coarse = part
    for axis in (1, 2, 0):
        coarse = resample.along(coarse, resample.linear(part.shape[axis], where[axis]), axis)
    coarse = np.pad(coarse, 2)
    numbers = _split(coarse, threshold, progress)[2:-2, 2:-2, 2:-2]
    # Bone of the fine grid that the coarse one lost takes the number beside it.
    distance, nearest = ndimage.distance_transform_edt(numbers == 0, return_indices=True)
    numbers = np.where(distance <= 2, numbers[tuple(nearest)], 0)
    back = [
        np.clip(np.rint((np.arange(count) - at[0]) / (at[1] - at[0])), 0, len(at) - 1).astype(int)
        for count, at in zip(part.shape, where)
    ]
    labels[box] = np.where(found[box], numbers[np.ix_(*back)], 0)
    return labels


def _split(probability: np.ndarray, threshold: float, progress: Progress) -> np.ndarray:
    mask = probability >= threshold
    progress(0.0, "Finding the vertebral bodies")
    axis = find_axis(mask)
    if axis is None:
        return np.zeros(mask.shape, np.uint8)
    discs = find_discs(probability, axis)
    mask = _without_specks(mask & axis.reach(mask.shape))
    seeds = _seeds(mask, axis, discs)
    progress(0.2, "Separating the vertebrae")
    return _grow(mask, seeds, discs, axis, progress)


def _without_specks(mask: np.ndarray) -> np.ndarray:
    pieces, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel()) * STEP_MM**3 / 1000
    sizes[0] = 0
    return (sizes >= _SPECK_ML)[pieces]


def _seeds(mask: np.ndarray, axis: SpineAxis, discs: list[DiscPlane]) -> np.ndarray:
    """Bodies (int z, y, x): n + 1 is the level below the n-th disc, 1 the one above all; rests at the ends are out."""
    where = np.argwhere(mask)
    distance, nearest = cKDTree(axis.points).query(where)
    sides = np.array([disc.below(where) for disc in discs]).reshape(len(discs), len(where))
    levels = 1 + (sides > 0).sum(axis=0)
    inner = distance * STEP_MM <= _BODY_RADII * axis.radius[nearest]
    clear = (np.abs(sides).min(axis=0) * STEP_MM >= _GAP_MM) if len(discs) else True
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(where[inner & clear].T)] = levels[inner & clear]
    for ends in (range(1, len(discs) + 2), range(len(discs) + 1, 0, -1)):
        for level in ends:
            body = np.argwhere(seeds == level)
            radius = axis.radius[int(body[:, 0].mean())] / STEP_MM if len(body) else 1.0
            if len(body) >= _REST * 2 * np.pi * radius**3:
                break
            seeds[seeds == level] = 0
    return seeds


def _grow(
    mask: np.ndarray, seeds: np.ndarray, discs: list[DiscPlane], axis: SpineAxis, progress: Progress
) -> np.ndarray:
    """Each seed through the mask; a voxel belongs to whom it costs least."""
    from skimage.graph import MCP_Geometric

    thickness = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1, 1:-1] * STEP_MM
    cost = np.where(mask, 1 / np.maximum(thickness, 0.5) ** _THIN, -1.0)
    cost[ndimage.binary_dilation(mask) & ~mask] = _BESIDE
    cheapest, owner = np.full(mask.shape, np.inf), np.zeros(mask.shape, np.uint8)
    reach = round(_REACH_MM / STEP_MM)
    boxes = ndimage.find_objects(seeds)
    numbers = [number for number, box in enumerate(boxes, start=1) if box is not None]
    for name, number in enumerate(numbers, start=1):
        progress(0.2 + 0.8 * (name - 1) / len(numbers), f"Separating vertebra {name} of {len(numbers)}")
        box = tuple(slice(max(0, side.start - reach), side.stop + reach) for side in boxes[number - 1])
        own = cost[box].copy()
        if number >= 2:
            above = -_share_below(discs, number, axis, box, own.shape)
            own = np.where(own > 0, own * (1 + _UNWILLING * np.maximum(0, above / _ABOVE)), own)
            own[above > 1.5 * _ABOVE] = -1
        sums, _ = MCP_Geometric(own).find_costs(np.argwhere(seeds[box] == number))
        better = sums < cheapest[box]
        cheapest[box][better] = sums[better]
        owner[box][better] = name
    owner[~mask] = 0
    return owner


def _share_below(
    discs: list[DiscPlane], number: int, axis: SpineAxis, box: tuple[slice, ...], shape: tuple[int, ...]
) -> np.ndarray:
    """How far voxels of the box lie below the disc on top of level ``number``, in heights of the level."""
    top = discs[number - 2]
    corner = np.array([side.start for side in box], float)
    height = PITCH * axis.radius[int(top.point[0])] / STEP_MM
    if number - 1 < len(discs):
        height = max(float(np.linalg.norm(discs[number - 1].point - top.point)), 1.0)
    along = [
        (np.arange(count) + start - point) * part
        for count, start, point, part in zip(shape, corner, top.point, top.normal)
    ]
    return (along[0][:, None, None] + along[1][None, :, None] + along[2][None, None, :]) / height
