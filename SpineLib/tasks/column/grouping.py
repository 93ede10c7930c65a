"""From what each voxel says of itself to vertebrae: votes for the centres of bodies, and who voted for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from SpineLib.tasks.column.line import along_one_line, canal_behind_ml
from SpineLib.tasks.column.parts import ARCH, BODY, OF_A_VERTEBRA
from SpineLib.volume.crop import box_of
from SpineLib.volume.triples import triple

#: Votes are counted in cells of this edge and smoothed with this sigma, mm.
_CELL_MM, _SIGMA_MM = 3.0, 4.0
#: Two bodies' centres are further apart than this, mm: half the pitch of the smallest cervical vertebrae.
_APART_MM = 8.0
#: A vote belongs to the nearest centre up to this distance, mm; a stray voxel asks its neighbours.
_NEAR_MM = 14.0
#: Votes within this distance of a peak make its centre and its weight, mm.
_CORE_MM = 8.0
#: Less voted bone than this is no vertebra, ml.
_LEAST_ML = 0.8
#: Centres nearer to each other than this share of the usual pitch are one vertebra's.
_ONE_PITCH = 0.55
#: Pieces of a vertebra smaller than this are noise, ml.
_SPECK_ML = 0.1


@dataclass(frozen=True)
class Member:
    """One vertebra as it was voted for.

    Attributes:
        number: in the label map, from 1 (most cranial).
        centre_mm: of its body, (z, y, x) from the array's first voxel.
        body_ml, arch_ml: bone of either.
        agreement: share of its voxels that voted within 5 mm of the centre; low where two vertebrae are mixed up.
    """

    number: int
    centre_mm: tuple[float, float, float]
    body_ml: float
    arch_ml: float
    agreement: float


def group(parts: np.ndarray, offsets_mm: np.ndarray, spacing: tuple[float, float, float]) -> tuple:
    """Tell the vertebrae apart.

    Args:
        parts: uint8 (z, y, x), numbers of :mod:`SpineLib.tasks.column.parts`; z grows to superior.
        offsets_mm: (3, z, y, x), the way from each voxel to its body's centre along (z, y, x), mm.
        spacing: mm along (z, y, x).

    Returns:
        Labels uint8 (z, y, x), 1 is the most cranial vertebra, the sacrum is not among them; and the list of
        :class:`Member`, from cranial to caudal.
    """
    labels = np.zeros(parts.shape, np.uint8)
    steps = np.asarray(spacing, float)
    ml = float(steps.prod()) / 1000
    where = np.nonzero(np.isin(parts, OF_A_VERTEBRA))
    if not len(where[0]):
        return labels, []
    places = np.stack(where, 1) * steps
    votes = places + np.stack([offset[where] for offset in offsets_mm], 1).astype(float)
    centres = _centres(votes, ml)
    if not len(centres):
        return labels, []
    centres, count = _column_first(centres, votes, parts, spacing)
    distance, own = cKDTree(centres).query(votes)
    sure = distance <= _NEAR_MM
    if not sure.all():  # the nearest voxel that is sure decides
        _, near = cKDTree(places[sure]).query(places[~sure], distance_upper_bound=2 * _NEAR_MM)
        found = near < sure.sum()
        taken = np.full(near.shape, -1)
        taken[found] = own[sure][near[found]]
        own = own.copy()
        own[~sure] = taken
    labels[where] = np.where((own >= 0) & (own < count), own + 1, 0)
    labels = _cleaned(labels, parts, centres[:count], steps)
    return _described(labels, parts, centres[:count], votes, where, ml)


def _column_first(
    centres: np.ndarray, votes: np.ndarray, parts: np.ndarray, spacing: tuple[float, float, float]
) -> tuple[np.ndarray, int]:
    """The column's centres from cranial to caudal, then those of other bone, which keep what votes for them; how many
    are the column's."""
    distance, own = cKDTree(centres).query(votes)
    counts = np.bincount(own, minlength=len(centres))
    agreed = np.bincount(own[distance <= 5.0], minlength=len(centres))
    bone = np.bincount(own[distance <= _NEAR_MM], minlength=len(centres)) * float(np.prod(spacing)) / 1000
    line = along_one_line(centres, bone, agreed / np.maximum(counts, 1), canal_behind_ml(parts, centres, spacing))
    column = _without_doubles(centres[line], bone[line])
    others = np.delete(centres, line, axis=0)
    return np.concatenate([column, others]), len(column)


def _centres(votes: np.ndarray, ml: float) -> np.ndarray:
    """Peaks of the votes, (n, 3) mm."""
    low = votes.min(0) - 3 * _SIGMA_MM
    cells = np.floor((votes - low) / _CELL_MM).astype(int)
    shape = cells.max(0) + 1 + int(3 * _SIGMA_MM / _CELL_MM)
    counts = np.bincount(np.ravel_multi_index(tuple(cells.T), shape), minlength=int(shape.prod()))
    density = ndimage.gaussian_filter(counts.reshape(shape).astype(np.float32) * ml, _SIGMA_MM / _CELL_MM)
    size = 2 * int(np.ceil(_APART_MM / _CELL_MM)) + 1
    peaks = np.argwhere((density == ndimage.maximum_filter(density, size)) & (density > density.max() * 0.02))
    tree = cKDTree(votes)
    found: list[tuple[float, np.ndarray]] = []
    for peak in low + (peaks + 0.5) * _CELL_MM:
        inside = tree.query_ball_point(peak, _CORE_MM)
        if len(inside) * ml >= _LEAST_ML / 2:
            found.append((len(inside) * ml, votes[inside].mean(0)))
    kept: list[np.ndarray] = []
    for _, centre in sorted(found, key=lambda one: -one[0]):
        if all(np.linalg.norm(centre - other) >= _APART_MM for other in kept):
            kept.append(centre)
    return np.array(kept)


def _without_doubles(centres: np.ndarray, heavy: np.ndarray) -> np.ndarray:
    """Centres that are too near to a heavier one, by the pitch of the column there, are left out."""
    while len(centres) > 2:
        gaps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
        usual = [np.median(gaps[max(0, n - 3) : n + 4]) for n in range(len(gaps))]
        ratio = gaps / np.array(usual)
        n = int(ratio.argmin())
        if ratio[n] >= _ONE_PITCH:
            break
        drop = n if heavy[n] < heavy[n + 1] else n + 1
        centres, heavy = np.delete(centres, drop, 0), np.delete(heavy, drop)
    return centres


def _cleaned(labels: np.ndarray, parts: np.ndarray, centres: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Specks given to the vertebra around them or dropped; numbers whose bone is too little left out."""
    ml = float(steps.prod()) / 1000
    result = labels.copy()
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        inside = labels[box] == number
        pieces, count = ndimage.label(inside, np.ones((3, 3, 3)))
        if count > 1:
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            small = (sizes * ml < _SPECK_ML) & (np.arange(count + 1) > 0)
            result[box][small[pieces]] = 0
    stray = (result == 0) & (labels > 0)
    if stray.any() and (result > 0).any():
        # A speck beside another vertebra is that one's.
        reach = 1.5 * float(steps.max())
        box = box_of(stray, triple(int(np.ceil(reach / step)) for step in steps))
        around = result[box]
        distance, nearest = ndimage.distance_transform_edt(around == 0, sampling=steps, return_indices=True)
        near = stray[box] & (distance <= reach) & bool(around.any())
        around[near] = around[tuple(axis[near] for axis in nearest)]
    counts = np.bincount(result.ravel(), minlength=len(centres) + 1) * ml
    gone = np.flatnonzero(counts < _LEAST_ML)
    result[np.isin(result, gone[gone > 0])] = 0
    return result


def _described(labels, parts, centres, votes, where, ml) -> tuple[np.ndarray, list[Member]]:
    """Numbers without gaps from cranial to caudal, and what is known of each."""
    kept = [n for n in range(1, len(centres) + 1) if np.any(labels == n)]
    table = np.zeros(len(centres) + 1, np.uint8)
    table[kept] = np.arange(1, len(kept) + 1)
    labels = table[labels]
    at, kind = labels[where], parts[where]
    members = []
    for number, old in enumerate(kept, start=1):
        mine = at == number
        near = np.linalg.norm(votes[mine] - centres[old - 1], axis=1) <= 5.0
        z, y, x = (float(value) for value in centres[old - 1])
        members.append(
            Member(
                number,
                (z, y, x),
                float(np.count_nonzero(mine & (kind == BODY))) * ml,
                float(np.count_nonzero(mine & (kind == ARCH))) * ml,
                float(near.mean()),
            )
        )
    return labels, members
