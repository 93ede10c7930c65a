"""Vertebrae told apart by the discs between their bodies, where slices are too thick for votes to part them.

On MR with sagittal slices of 4 mm a body ends at its discs, which the network sees well; the votes for a body's centre
only have to say to which of the bodies an arch belongs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from SpineLib.tasks.column.grouping import Member
from SpineLib.tasks.column.parts import ARCH, BODY, CANAL, DISC, SACRUM
from SpineLib.volume.crop import box_of

#: What lies within this of each other belongs to one column, mm.
_JOIN_MM = 5.0
#: A core of a body has more than this, ml; a body has more than the other, unless the image's edge cuts it.
_CORE_ML, _BODY_ML = 0.8, 2.5
#: Pieces of bodies nearer to each other along the column than this share of the usual pitch are one body.
_ONE_PITCH = 0.45
#: A body so many times as high as the usual ones is several.
_SEVERAL = 1.65
#: Less is no sacrum, ml; bodies lie no further below its top than this, and the lowest stands on it within that, mm.
_SACRUM_ML, _BELOW_TOP_MM, _STANDS_MM = 4.0, 14.0, 42.0
#: A piece of less than this is no sacrum that levels are counted from, ml; neither is one that reaches the lower edge
#: of the image, up to this, mm, and is less high than that, mm (54 and more on real scans; 23 where it was a cut L5).
_LEAST_SACRUM_ML, _AT_EDGE_MM, _SACRUM_MM = 5.0, 4.0, 40.0
#: Lumbar bodies of adults are further apart than this, mm (33 and more on seven real scans; 17 to 24 above T6).
_LUMBAR_PITCH_MM = 26.0
#: A voxel of a body belongs to the nearest core up to this distance, mm.
_REACH_MM = 12.0
#: Usual way from a body's centre to the middle of its arch, mm: backwards, and a little down.
_ARCH_BEHIND_MM, _ARCH_BELOW_MM = 34.0, 8.0
#: How much a vote counts against the place of an arch.
_VOTE = 0.7


def group_chain(parts: np.ndarray, offsets_mm: np.ndarray, spacing: tuple[float, float, float]) -> tuple:
    """Tell the vertebrae apart; arguments and result as :func:`SpineLib.tasks.column.grouping.group`."""
    steps = np.asarray(spacing, float)
    ml = float(steps.prod()) / 1000
    labels = np.zeros(parts.shape, np.uint8)
    column = column_of(parts, spacing)
    bodies = (parts == BODY) & column
    centres, cores = _bodies(bodies, (parts == SACRUM) & column, steps, ml)
    if not len(centres):
        return labels, []
    where = np.nonzero(bodies)
    places = np.stack(where, 1) * steps
    tree = cKDTree(np.stack(np.nonzero(cores), 1) * steps)
    distance, near = tree.query(places)
    owner = cores[cores > 0][near]
    labels[where] = np.where(distance <= _REACH_MM, owner, 0)
    _arches(labels, (parts == ARCH) & column, offsets_mm, centres, steps)
    return _described(labels, parts, offsets_mm, steps, ml)


def column_of(parts: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """The one long piece that bodies, discs, canal and sacrum make together; what else was seen is no spine."""
    found = np.zeros(parts.shape, bool)
    box = box_of(np.isin(parts, (BODY, DISC, CANAL, SACRUM, ARCH)), (2, 2, 1))
    found[box] = _long_piece(parts[box], np.asarray(spacing, float))
    return found


def _long_piece(parts: np.ndarray, steps: np.ndarray) -> np.ndarray:
    axial = np.isin(parts, (BODY, DISC, CANAL, SACRUM))
    if not axial.any():
        return axial
    thick = ndimage.distance_transform_edt(~axial, sampling=steps) <= _JOIN_MM / 2
    pieces, count = ndimage.label(thick)
    if count > 1:
        # Bodies beside a canal weigh; a bright patch of belly that looks like a body has none.
        scores = [0.0]
        for number in range(1, count + 1):
            inside = pieces == number
            kinds = [float(np.count_nonzero(inside & (parts == kind))) for kind in (BODY, DISC, CANAL)]
            scores.append(min(kinds[0], 2 * kinds[1] + kinds[2]) + 0.1 * kinds[0])
        thick = pieces == int(np.argmax(scores))
    near = ndimage.distance_transform_edt(~thick, sampling=steps)
    return (thick & axial) | ((parts == ARCH) & (near <= 30.0))


def _bodies(bodies: np.ndarray, sacrum: np.ndarray, steps: np.ndarray, ml: float) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 3) mm from cranial to caudal, and cores uint8 with their numbers from 1."""
    # Bridges between bodies are thinner than bodies: in the slice, 3 mm are taken off all round.
    core = np.zeros(bodies.shape, bool)
    if bodies.any():
        box = box_of(bodies, (2, 2, 0))  # at the image's edge a body goes on
        padded = np.pad(bodies[box], ((2, 2), (2, 2), (0, 0)), mode="edge")
        core[box] = ndimage.distance_transform_edt(padded, sampling=(*steps[:2], 1e3))[2:-2, 2:-2] > 3.0
    pieces, count = ndimage.label(core)
    found = []
    for number in range(1, count + 1):
        inside = np.argwhere(pieces == number)
        if len(inside) * ml >= _CORE_ML / 2:
            found.append(inside)
    if not found:
        return np.zeros((0, 3)), np.zeros(bodies.shape, np.uint8)
    found = _joined(found, steps)
    found = _parted(found, steps)
    found = [one for one in found if len(one) * ml >= _CORE_ML]
    found.sort(key=lambda one: -float(one[:, 0].mean()))
    found = _above(found, sacrum, steps)
    cores = np.zeros(bodies.shape, np.uint8)
    for number, one in enumerate(found, start=1):
        cores[tuple(one.T)] = number
    return np.array([one.mean(0) * steps for one in found]).reshape(-1, 3), cores


def _above(found: list[np.ndarray], sacrum: np.ndarray, steps: np.ndarray) -> list[np.ndarray]:
    """Without what lies below the sacrum's top: pieces of the sacrum itself, or of the pelvis."""
    pieces, count = ndimage.label(sacrum)
    if count > 1:  # the largest piece; a speck at the image's upper edge is none
        sacrum = pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax())
    heights = np.nonzero(sacrum)[0]
    if len(heights) * float(steps.prod()) / 1000 < _SACRUM_ML:
        return found
    top = float(np.quantile(heights, 0.95)) * steps[0]
    return [one for one in found if float(one[:, 0].mean()) * steps[0] > top - _BELOW_TOP_MM]


def are_lumbar(centres_mm: Sequence[Sequence[float]]) -> bool:
    """Whether the lowest of a chain of vertebrae may stand on a sacrum: at least three, as far apart as lumbar ones.

    What looks like a sacrum below a neck or an upper thoracic spine is none, and would name every level wrongly.

    Args:
        centres_mm: of the bodies, from cranial to caudal.
    """
    gaps = np.linalg.norm(np.diff(np.asarray(centres_mm, float).reshape(-1, 3), axis=0), axis=1)[-3:]
    return len(gaps) >= 2 and float(np.median(gaps)) >= _LUMBAR_PITCH_MM


def body_centres(parts: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Centres of the bodies, (n, 3) mm along (z, y, x) from the first voxel, from cranial to caudal."""
    steps = np.asarray(spacing, float)
    column = column_of(parts, spacing)
    return _bodies((parts == BODY) & column, (parts == SACRUM) & column, steps, float(steps.prod()) / 1000)[0]


def sacrum_below(parts: np.ndarray, lowest_mm: Sequence[float], spacing: Sequence[float]) -> np.ndarray | None:
    """Where the lowest body stands on the sacrum, (z, y, x) mm from the first voxel; None where it does not.

    A steep sacrum reaches as high as the body of L5, so what counts is how near it is, not how far below.

    Args:
        parts: uint8 (z, y, x).
        lowest_mm: centre of the lowest body, mm along (z, y, x).
        spacing: mm along (z, y, x).
    """
    steps = np.asarray(spacing, float)
    places = np.argwhere(parts == SACRUM) * steps
    centre = np.asarray(lowest_mm, float)
    near = places[np.linalg.norm(places - centre, axis=1) <= _STANDS_MM] if len(places) else places
    if len(near) * float(steps.prod()) / 1000 < _SACRUM_ML / 2:
        return None
    place = near.mean(0)
    return np.array([min(place[0], centre[0] - 10.0), place[1], place[2]])


def sacrum_is_cut(parts: np.ndarray, spacing: Sequence[float]) -> bool:
    """Whether what looks like a sacrum is too little to be told from an L5 that the image's lower edge cuts.

    Args:
        parts: uint8 (z, y, x); z grows to superior.
        spacing: mm along (z, y, x).
    """
    pieces, count = ndimage.label(parts == SACRUM)
    if not count:
        return False
    largest = 1 + int(np.bincount(pieces.ravel())[1:].argmax())
    heights = np.nonzero(pieces == largest)[0]
    if len(heights) * float(np.prod(spacing)) / 1000 < _LEAST_SACRUM_ML:
        return True
    low, high = float(heights.min()) * spacing[0], float(heights.max()) * spacing[0]
    return low <= _AT_EDGE_MM and high - low < _SACRUM_MM


def _joined(found: list[np.ndarray], steps: np.ndarray) -> list[np.ndarray]:
    """Pieces side by side (parted by a vein, a fold, or where slices miss each other) made one."""
    found = sorted(found, key=lambda one: -len(one))
    pitch = _pitch(found, steps)
    whole: list[np.ndarray] = []
    for one in found:
        centre = one.mean(0) * steps
        for n, other in enumerate(whole):
            if np.linalg.norm((other.mean(0) * steps - centre)[:2]) < _ONE_PITCH * pitch:
                whole[n] = np.concatenate([other, one])
                break
        else:
            whole.append(one)
    return whole


def _pitch(found: list[np.ndarray], steps: np.ndarray) -> float:
    """Usual distance between neighbours, of the larger pieces, mm."""
    largest = len(found[0])
    centres = sorted(tuple(one.mean(0) * steps) for one in found if len(one) > 0.3 * largest)
    gaps = np.linalg.norm(np.diff(np.array(centres)[:, :2], axis=0), axis=1) if len(centres) > 1 else np.array([32.0])
    gaps = gaps[gaps > 12.0]
    return float(np.clip(np.median(gaps) if len(gaps) else 32.0, 15.0, 45.0))


def _parted(found: list[np.ndarray], steps: np.ndarray) -> list[np.ndarray]:
    """Bodies that are several times as high as the others, between which no disc was seen, cut evenly."""
    if len(found) < 3:
        return found
    heights = np.array([np.ptp(one[:, 0]) * steps[0] for one in found])
    usual, pitch = float(np.median(heights)), _pitch(sorted(found, key=lambda one: -len(one)), steps)
    out = []
    for one, height in zip(found, heights):
        count = round((height + pitch - usual) / pitch) if height > _SEVERAL * usual else 1
        if count < 2:
            out.append(one)
            continue
        z = one[:, 0]
        edges = np.linspace(z.min(), z.max() + 1, count + 1)
        out += [part for a, b in itertools.pairwise(edges) if len(part := one[(z >= a) & (z < b)])]
    return out


def _arches(labels, arches: np.ndarray, offsets_mm: np.ndarray, centres: np.ndarray, steps: np.ndarray) -> None:
    """Give each voxel of an arch to a body: by its vote, and by where arches lie behind their bodies."""
    where = np.nonzero(arches)
    if not len(where[0]):
        return
    places = np.stack(where, 1) * steps
    there: tuple = (slice(None), *where)
    votes = places + offsets_mm[there].T.astype(float)
    # The column's own upward way at each body: an arch lies behind and below along it.
    up = np.gradient(centres, axis=0) * -1 if len(centres) > 1 else np.array([[1.0, 0, 0]])
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    behind = np.stack([-up[:, 1], up[:, 0], np.zeros(len(up))], 1)
    middles = centres + _ARCH_BEHIND_MM * behind - _ARCH_BELOW_MM * up
    cost = np.zeros((len(places), len(centres)), np.float32)
    for n in range(len(centres)):
        along = np.abs((places - middles[n]) @ up[n])
        voted = np.linalg.norm((votes - centres[n])[:, :2], axis=1)
        cost[:, n] = (1 - _VOTE) * along + _VOTE * voted
    owner = cost.argmin(1)
    labels[where] = np.where(cost.min(1) <= 30.0, owner + 1, 0)


def _described(labels: np.ndarray, parts: np.ndarray, offsets_mm: np.ndarray, steps: np.ndarray, ml: float):
    """Numbers without gaps, bodies too small to be one left out, and what is known of each."""
    numbers = [n for n in range(1, int(labels.max()) + 1) if np.any(labels == n)]
    kept = []
    for number in numbers:
        body = (labels == number) & (parts == BODY)
        heights = np.flatnonzero(body.any((1, 2)))
        cut = len(heights) and (heights[0] == 0 or heights[-1] == labels.shape[0] - 1)
        if body.sum() * ml >= (_CORE_ML if cut else _BODY_ML):
            kept.append(number)
    table = np.zeros(int(labels.max(initial=0)) + 1, np.uint8)
    table[kept] = np.arange(1, len(kept) + 1)
    labels = table[labels]
    members = []
    for number in range(1, len(kept) + 1):
        where = np.nonzero(labels == number)
        places = np.stack(where, 1) * steps
        is_body = parts[where] == BODY
        centre = places[is_body].mean(0)
        there: tuple = (slice(None), *where)
        votes = (places + offsets_mm[there].T.astype(float))[is_body]
        near = np.linalg.norm(votes - centre, axis=1) <= 10.0
        z, y, x = (float(value) for value in centre)
        members.append(
            Member(number, (z, y, x), float(is_body.sum()) * ml, float((~is_body).sum()) * ml, float(near.mean()))
        )
    return labels, members
