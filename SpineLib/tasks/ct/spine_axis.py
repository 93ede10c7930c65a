"""The line through the vertebral bodies of a mask, and the planes through the discs that cut it into levels.

Everything here is in voxels of one isotropic grid (z, y, x): from cranial to caudal, anterior to posterior, right to
left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

#: Edge of the isotropic voxels (mm): half a thin disc.
STEP_MM = 1.5
#: Distance from disc to disc over the radius of the circle that fits into the body: 2.0 to 2.3 from C7 to L5.
PITCH = 2.1
#: Shortest and longest distance between two discs, in units of the expected one (collapse; one disc unseen is longer).
_SHORTEST, _LONGEST = 0.6, 1.5
#: A plane is a disc rather where less than this share of the body's bone is in it.
_DISC_SHARE = 0.35
#: This share of the least bone around is taken off before.
_STILL_DISC = 0.7
#: A vertebra's parts lie within so many radii of the line: before it, behind it, on either side.
_BEFORE, _BEHIND, _ASIDE = 1.6, 5.8, 3.2
#: The same for bodies more slender than this (mm): the processes of C7 and T1 are as long as others.
_SLENDER_MM = 12.0
#: Above the first and below the last body, in distances from disc to disc.
_PITCHES_BEYOND = 1.2
#: Bodies that are farther from the next one than so many such distances are something else (a hip below the sacrum).
_LARGEST_GAP = 2.2
#: From disc to disc the line moves sideways by at most so many radii (25 degrees).
_SIDEWAYS = 1.0
#: A row of bodies with less than this share of the largest one's size is passed over.
_MUCH_SMALLER = 0.4
#: A body's circle is at least so large (mm): ribs, laminae and processes are thinner.
_SMALLEST_RADIUS = 4.0
#: Tilts of a disc against the line's own normal, in the sagittal plane.
_TILTS = np.radians(np.arange(-24, 25, 6))
#: Share of the body's radius that counts as its inside.
_INSIDE = 0.8
#: Cost of moving the line by one voxel between slices (mm of radius).
_MOVE = 0.4


@dataclass(frozen=True, eq=False)
class SpineAxis:
    """The line through the bodies, one point a slice.

    Attributes:
        points: (n, 3), voxels (z, y, x).
        radius: (n,), of the circle that fits into the body there, mm.
        first, last: slices between which bodies follow each other.
    """

    points: np.ndarray
    radius: np.ndarray
    first: int
    last: int

    def reach(self, shape: tuple[int, int, int]) -> np.ndarray:
        """Where parts of a vertebra may lie, bool (z, y, x): ribs, pelvis and skull are mostly beyond."""
        radius = np.maximum(self.radius, _SLENDER_MM) / STEP_MM
        beyond = _PITCHES_BEYOND * PITCH
        z = np.arange(shape[0])
        inside = (z >= self.first - beyond * radius[self.first]) & (z <= self.last + beyond * radius[self.last])
        back = np.arange(shape[1])[None, :] - self.points[:, 1:2]
        aside = np.abs(np.arange(shape[2])[None, :] - self.points[:, 2:3])
        rows = (back > -_BEFORE * radius[:, None]) & (back < _BEHIND * radius[:, None]) & inside[:, None]
        columns = aside < _ASIDE * radius[:, None]
        return rows[:, :, None] & columns[:, None, :]


@dataclass(frozen=True, eq=False)
class DiscPlane:
    """A plane between two levels.

    Attributes:
        point: voxels (z, y, x).
        normal: unit vector (z, y, x), pointing caudally.
    """

    point: np.ndarray
    normal: np.ndarray

    def below(self, where: np.ndarray) -> np.ndarray:
        """How far points (..., 3) lie caudally of the plane, voxels."""
        return (where - self.point) @ self.normal


def find_axis(mask: np.ndarray) -> SpineAxis | None:
    """The line through the bodies: in each slice where the largest circle fits, followed from slice to slice.

    Args:
        mask: bool (z, y, x), :data:`STEP_MM`.

    Returns:
        None where nothing is as thick as a body.
    """
    room = _room(mask)
    path = _strongest_path(room)
    slices = np.arange(len(mask))
    radius = room[slices, path[:, 0], path[:, 1]]
    seen = np.flatnonzero(radius >= _SMALLEST_RADIUS)
    if len(seen) == 0:
        return None
    # The largest circle within one level's height: in a disc there is none.
    largest = ndimage.gaussian_filter1d(ndimage.maximum_filter1d(radius, round(24 / STEP_MM)), 8 / STEP_MM)
    first, last = _row_of_bodies(seen, largest[seen], _steep(path[:, 1], largest))
    seen = seen[(seen >= first) & (seen <= last)]
    radius = np.interp(slices, seen, largest[seen])
    weight = np.maximum(0.01, mask[slices, path[:, 0], path[:, 1]].astype(float))  # discs are bridged
    smooth = [_smoothed(path[:, axis].astype(float), weight, 8 / STEP_MM) for axis in (0, 1)]
    return SpineAxis(np.stack([slices.astype(float), *smooth], axis=1), radius, first, last)


def find_discs(probability: np.ndarray, axis: SpineAxis) -> list[DiscPlane]:
    """Planes across the line that hold least bone, at distances that fit the bodies' size.

    Args:
        probability: float (z, y, x) of bone.
        axis: of :func:`find_axis`.

    Returns:
        From cranial to caudal; none where a single body is seen.
    """
    shares, normals = _bone_across(probability, axis)
    least = shares.min(axis=1)
    window = round(40 / STEP_MM)
    usual = ndimage.maximum_filter1d(least, window)
    # Where discs were taken for bone all along, the least of it still shows them.
    lowest = _STILL_DISC * ndimage.minimum_filter1d(least, window)
    gain = _DISC_SHARE - (least - lowest) / np.maximum(usual - lowest, 0.2)
    bone = np.flatnonzero(least > 0.3)
    bone = bone[(bone >= axis.first) & (bone <= axis.last)]
    if len(bone) == 0:
        return []
    gain[: bone[0]] = gain[bone[-1] + 1 :] = -1.0  # beyond the ends is no disc
    steps = np.linalg.norm(np.diff(axis.points, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(steps)]) * STEP_MM
    return [
        DiscPlane(axis.points[n], normals[n, shares[n].argmin()]) for n in _best_chain(gain, along, PITCH * axis.radius)
    ]


def _steep(sideways: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Slices (bool) in which the line runs too far sideways for a spine: from the last body into the pelvis."""
    half = np.maximum(np.rint(PITCH * radius / STEP_MM / 2).astype(int), 1)
    slices = np.arange(len(sideways))
    above, below = np.maximum(slices - half, 0), np.minimum(slices + half, len(sideways) - 1)
    return np.abs(sideways[below] - sideways[above]) * STEP_MM > _SIDEWAYS * np.maximum(radius, _SLENDER_MM)


def _row_of_bodies(seen: np.ndarray, radius: np.ndarray, steep: np.ndarray) -> tuple[int, int]:
    """First and last slice of the row of bodies; a gap too large for a disc and a steep step sideways end a row.

    Of several rows the most cranial one that is not much smaller than the largest: hips lie below the spine.
    """
    passed = np.cumsum(steep)[seen]
    ends = np.flatnonzero((np.diff(seen) * STEP_MM > _LARGEST_GAP * PITCH * radius[:-1]) | (np.diff(passed) > 0)) + 1
    runs = list(zip(np.split(seen, ends), np.split(radius, ends)))
    enough = _MUCH_SMALLER * max(row.sum() for _, row in runs)
    best = next(slices for slices, row in runs if row.sum() >= enough)
    return int(best[0]), int(best[-1])


def _room(mask: np.ndarray) -> np.ndarray:
    """For each voxel of the mask the radius of the circle about it that fits, within its slice, mm."""
    closed = ndimage.binary_closing(np.pad(mask, 4), ndimage.generate_binary_structure(3, 1), 2)[4:-4, 4:-4, 4:-4]
    room = np.zeros(mask.shape, np.float32)
    for z, plane in enumerate(closed):
        if plane.any():
            room[z] = ndimage.distance_transform_edt(np.pad(plane, 1))[1:-1, 1:-1] * STEP_MM
    return room


def _strongest_path(worth: np.ndarray) -> np.ndarray:
    """(n, 2): the (y, x) in each slice, at most one voxel from that in the slice before, with the largest sum.

    Sideways it moves in every second slice only (27 degrees): steeper is no spine but the way into the pelvis.
    """
    moves = [(a, b) for b in (0, -1, 1) for a in (-1, 0, 1)]
    total, came = worth[0], np.zeros(worth.shape, np.int8)
    for z in range(1, len(worth)):
        padded = np.pad(total, 1, constant_values=-np.inf)
        rows, columns = total.shape
        reached = np.stack(
            [
                padded[1 + a : 1 + a + rows, 1 + b : 1 + b + columns] - _MOVE * STEP_MM * (abs(a) + abs(b))
                for a, b in moves[: 9 if z % 2 else 3]
            ]
        )
        came[z] = reached.argmax(axis=0)
        total = reached.max(axis=0) + worth[z]
    path = np.empty((len(worth), 2), int)
    path[-1] = np.unravel_index(total.argmax(), total.shape)
    for z in range(len(worth) - 1, 0, -1):
        path[z - 1] = path[z] + moves[came[z][tuple(path[z])]]
    return path


def _smoothed(values: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    return ndimage.gaussian_filter1d(values * weight, sigma) / ndimage.gaussian_filter1d(weight, sigma)


def _bone_across(probability: np.ndarray, axis: SpineAxis) -> tuple[np.ndarray, np.ndarray]:
    """Mean probability (n, tilts) in the body's circle on planes across the line, and their normals (n, tilts, 3)."""
    slopes = [ndimage.gaussian_filter1d(np.gradient(axis.points[:, k]), 6 / STEP_MM) for k in (1, 2)]
    grid = np.linspace(-1, 1, 13)
    disk = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    disk = disk[(disk**2).sum(axis=1) <= 1]
    count = len(axis.points)
    shares, normals = np.empty((count, len(_TILTS))), np.empty((count, len(_TILTS), 3))
    for number, tilt in enumerate(_TILTS):
        angle = np.arctan(slopes[0]) + tilt
        normal = np.stack([np.cos(angle), np.sin(angle), slopes[1]], axis=1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        forward = np.stack([-np.sin(angle), np.cos(angle), np.zeros(count)], axis=1)
        sideways = np.cross(normal, forward)
        reach = (_INSIDE * axis.radius / STEP_MM)[:, None, None]
        where = axis.points[:, None] + reach * (
            disk[None, :, :1] * forward[:, None] + disk[None, :, 1:] * sideways[:, None]
        )
        values = ndimage.map_coordinates(probability, where.reshape(-1, 3).T, order=1, mode="nearest")
        shares[:, number], normals[:, number] = values.reshape(count, -1).mean(axis=1), normal
    return shares, normals


def _best_chain(gain: np.ndarray, along: np.ndarray, expected: np.ndarray) -> list[int]:
    """Indices with the largest sum of gains less a penalty for distances that are not the expected ones."""
    total, before = gain.copy(), np.full(len(gain), -1)
    for here in range(len(gain)):
        for there in range(here - 1, -1, -1):
            length, wanted = along[here] - along[there], (expected[here] + expected[there]) / 2
            if length > _LONGEST * wanted:
                break
            if length < _SHORTEST * wanted:
                continue
            sum_ = total[there] + gain[here] - np.log(length / wanted) ** 2
            if sum_ > total[here]:
                total[here], before[here] = sum_, there
    chain, here = [], int(total.argmax())
    while here >= 0 and total[int(total.argmax())] > 0:
        chain.append(here)
        here = int(before[here])
    return chain[::-1]
