"""Whole shapes that say what a vertebra may look like where it is missing: its mirror image and its neighbours.

Each is fitted to the part that is known: affinely, then by a smooth displacement that goes on into what is missing.
All arrays lie on the grid of the vertebra's frame (w, v, u) and hold signed distances in mm, negative inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.geometry.signed_distance import sampled, signed_distance
from SpineLib.preprocess.vertebra_frame import Column, VertebraFrame, vertebra_frame
from SpineLib.preprocess.vertebra_landmarks import landmarks
from SpineLib.volume.volume import Volume

#: Distances are cut here; fits look at what lies so near to the known surface.
LIMIT_MM, _BAND_MM = 15.0, 4.0
#: Points of the affine fit, its rounds, and those of them in which it looks for the place.
_POINTS, _ROUNDS, _SEARCHING = 3000, 12, 4
#: The residual from which a point counts less, mm, while the place is looked for and afterwards: an arch or a process
#: of another size makes the template grow or shrink where it fits.
_OUTLIER_MM = (2.0, 1.0)
#: What is this far from the unknown part, mm, tells e times less of it than what is beside it; all tells this much.
_RING_MM, _ANYWHERE = 10.0, 0.1
#: Standard deviation of the displacement's smoothing in each round, mm, and voxels of its coarse grid.
_SMOOTHING_MM, _COARSE = (12.0, 12.0, 9.0, 9.0, 7.0, 7.0, 6.0, 6.0, 5.0, 5.0), 2
#: A mirrored point this far from the mirrored unknown part is trusted fully (mm).
_TRUSTED_MM = 4.0
#: Fitted shapes lie so far outside of what is gone, mm, on bodies and pedicles of real spines (docs/evaluation.md),
#: with known bone so near; less and less up to the second distance, mm.
_OUTSIDE_MM, _TOLD_MM = 0.2, (10.0, 20.0)
#: Of the known surface this share must be known in the mirror image too for it to be fitted well, and from that one on
#: it is trusted fully: of a half nothing is, and its mirror image lies 2 to 5 mm off on real vertebrae, neighbours 1 to
#: 1.4.
_OVERLAP, _LEAST_TRUST = (0.5, 0.8), 0.02


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a vertebra, in its frame.

    Attributes:
        grid: the frame's grid.
        distance: signed distance of the known bone where it is known; elsewhere to the nearest known bone less to the
            nearest known background.
        unknown: bool, the part to fill.
        reliable: bool; no unknown voxel lies nearer than the surface, so that the distance is the whole vertebra's.
        seen: bool, whether the image shows the place.
    """

    grid: Volume
    distance: np.ndarray
    unknown: np.ndarray
    reliable: np.ndarray
    seen: np.ndarray


@dataclass(frozen=True, eq=False)
class Neighbour:
    """Another vertebra, on the grid of its own frame.

    Attributes:
        name: "above" or "below".
        frame: its own.
        distance: its signed distance.
        weight: as of a template.
        canal: as of a template.
        trust: 1; less for a neighbour that is ill or cut.
    """

    name: str
    frame: VertebraFrame
    distance: np.ndarray
    weight: np.ndarray
    canal: np.ndarray | None
    trust: float = 1.0


@dataclass(frozen=True, eq=False)
class Template:
    """One fitted shape.

    Attributes:
        name: "mirror", "above" or "below".
        distance: its signed distance.
        weight: 0 to 1, how much of it is known at each voxel.
        misfit_mm: mean distance from the known surface near what is missing.
        canal: signed distance (mm, negative inside) to the spinal canal that the shape brings along; None: unknown.
        trust: of the neighbour that it is of, or of the mirror image by how much of it could be fitted.
    """

    name: str
    distance: np.ndarray
    weight: np.ndarray
    misfit_mm: float
    canal: np.ndarray | None = None
    trust: float = 1.0

    def share(self) -> np.ndarray:
        """How much the shape counts at each voxel beside other ones: by what is known of it and how well it fits."""
        return self.trust * self.weight / (self.misfit_mm**2 + 0.15)


def known_part(labels: Volume, label: int, unknown: Volume, frame: VertebraFrame, image: Volume) -> Known:
    """What is known of a vertebra in its frame.

    Args:
        labels: in a box that holds vertebra and lesion, and some background.
        label: of the vertebra.
        unknown: not 0 where nobody knows; on the labels' grid.
        image: whose grid the labels are a part of.
    """
    grid = frame.grid()
    hidden = np.asarray(unknown.array) != 0
    bone = labels.with_array((labels.array == label).astype(np.uint8))
    distance = sampled(signed_distance(bone, hidden, LIMIT_MM), grid, LIMIT_MM)
    away = signed_distance(unknown, limit_mm=LIMIT_MM)
    to_unknown = sampled(away, grid, LIMIT_MM)
    within = to_unknown < 0
    if not within.any():  # thinner than the frame's voxels
        within = ndimage.minimum_filter(to_unknown, 3) < grid.spacing[0] / 2
    seen = shows(image, grid)
    return Known(grid, distance, within & seen, ~within & seen & (np.abs(distance) < to_unknown), seen)


def shows(image: Volume, grid: Volume) -> np.ndarray:
    """Whether the voxels of a grid lie within an image: bool (k, j, i)."""
    matrix = np.linalg.inv(image.ijk_to_lps) @ grid.ijk_to_lps
    k, j, i = (
        np.arange(size).reshape([-1 if axis == n else 1 for n in range(3)]) for axis, size in enumerate(grid.shape)
    )
    inside = np.ones(grid.shape, bool)
    for row, size in zip(matrix[:3], image.shape[::-1]):
        place = row[0] * i + row[1] * j + row[2] * k + row[3]
        inside &= (place > -0.5) & (place < size - 0.5)
    return inside


def neighbours_of(column: Column, label: int) -> list[Neighbour]:
    """The vertebrae next above and below, where there are such."""
    return [
        _neighbour(column, number, name)
        for name, number in zip(("above", "below"), column.neighbours(label))
        if number is not None
    ]


def templates(known: Known, neighbours: Sequence[Neighbour]) -> list[Template]:
    """The mirror image and the neighbours, fitted to the known part."""
    fitted = [
        replace(_fitted(one.name, one.distance, one.weight, known, one.canal), trust=one.trust) for one in neighbours
    ]
    mirror = _mirror(known)
    return [replace(mirror, trust=_mirror_trust(mirror, known)) if fitted else mirror, *fitted]


def _mirror_trust(mirror: Template, known: Known) -> float:
    """How much the mirror image counts beside neighbours: by what of the known surface is known in it, too."""
    surface = known.reliable & (np.abs(known.distance) < known.grid.spacing[0])
    shared = float((mirror.weight[surface] > 0.5).mean()) if surface.any() else 0.0
    low, high = _OVERLAP
    return float(np.clip((shared - low) / (high - low), _LEAST_TRUST, 1.0))


def blended(known: Known, shapes: list[Template]) -> np.ndarray:
    """Mean of the templates, weighted by how much is known of them and how well they fit."""
    weights = [shape.share() for shape in shapes]
    total = sum(weights)
    # Where no template says anything, what is known nearest does.
    little = np.float32(1e-3)
    return (sum(w * shape.distance for w, shape in zip(weights, shapes)) + little * known.distance) / (total + little)


def set_back(known: Known, distance: np.ndarray) -> np.ndarray:
    """The templates' mean without what fitted shapes lie outside of missing bone; known places stay."""
    step = known.grid.spacing[0]
    near, far = _TOLD_MM
    surface = known.reliable & (np.abs(known.distance) < step)
    if not surface.any():
        return distance
    away = ndimage.distance_transform_edt(~surface) * step
    depth = ndimage.distance_transform_edt(known.unknown) * step
    told = np.clip((far - away) / (far - near), 0, 1) * np.clip(depth / 3.0, 0, 1)
    return (distance + _OUTSIDE_MM * told).astype(np.float32)


def joined(known: Known, distance: np.ndarray, reach_mm: float = 5.0) -> np.ndarray:
    """A shape moved so that it meets what is known without a step.

    By how much it misses the known surface around the unknown part is carried into that part and fades there.

    Args:
        distance: a whole vertebra's signed distance.
        reach_mm: standard deviation of the Gaussian that carries it.
    """
    sigma = reach_mm / known.grid.spacing[0]
    near = known.reliable & (np.abs(known.distance) < _BAND_MM) & (np.abs(distance) < 2 * _BAND_MM)
    weight = near.astype(np.float32)
    off = np.clip(known.distance - distance, -3.0, 3.0) * weight
    box = _box_around(known.unknown, int(np.ceil(3 * sigma)))
    spread = ndimage.gaussian_filter(off[box], sigma, truncate=3.0)
    share = ndimage.gaussian_filter(weight[box], sigma, truncate=3.0)
    free = known.unknown | ~known.seen
    result = np.where(free, distance, known.distance)
    # Half of a Gaussian lies beyond a plane border; the band is a part of that.
    moved = spread / np.maximum(share, 0.02)
    fade = np.clip(share / 0.06, 0, 1)
    result[box] = np.where(free[box], distance[box] + moved * fade, known.distance[box])
    return result


def _box_around(mask: np.ndarray, voxels: int) -> tuple[slice, ...]:
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    return tuple(
        slice(max(0, part.start - voxels), min(size, part.stop + voxels)) for part, size in zip(box, mask.shape)
    )


def _mirror(known: Known) -> Template:
    turned = known.distance[:, :, ::-1]
    away = ndimage.distance_transform_edt((~known.unknown & known.seen)[:, :, ::-1]) * known.grid.spacing[0]
    weight = np.clip(away / _TRUSTED_MM, 0.0, 1.0).astype(np.float32)
    return _fitted("mirror", turned, weight, known)


def _neighbour(column: Column, number: int, name: str) -> Neighbour:
    frame = vertebra_frame(column, number)
    grid = frame.grid()
    labels = column.around(number, LIMIT_MM, grid.spacing[0] / 2)
    shape = signed_distance(labels.with_array((labels.array == number).astype(np.uint8)), limit_mm=LIMIT_MM)
    # A part that the image cuts off is not missing; the border's own voxels are interpolated with what lies beyond.
    seen = ndimage.binary_dilation(shows(column.labels, grid), iterations=2)
    return Neighbour(
        name, frame, sampled(shape, grid, None), np.maximum(seen, np.float32(0.02)), _canal(column, number, frame)
    )


def _canal(column: Column, number: int, frame: VertebraFrame) -> np.ndarray | None:
    """Signed distance to a cylinder along the canal of a whole vertebra."""
    try:
        marks = landmarks(column, number, frame)
    except SpineError:
        return None
    grid = frame.grid()
    v, u = ((np.arange(size) - (size - 1) / 2) * grid.spacing[0] for size in grid.shape[1:])
    plane = np.hypot(v[:, None] - marks.canal[1], u[None] - marks.canal[0]) - marks.radius
    return np.broadcast_to(plane.astype(np.float32), grid.shape)


def _fitted(
    name: str, distance: np.ndarray, weight: np.ndarray, known: Known, canal: np.ndarray | None = None
) -> Template:
    matrix = _affine(distance, weight, known)
    shape = distance.shape
    index = matrix[:, :3], matrix[:, 3]
    moved = _affine_sampled(distance, *index), _affine_sampled(weight, *index)
    field = _displacement(*moved, known)
    places = [
        np.arange(size, dtype=np.float32).reshape([-1 if axis == n else 1 for n in range(3)]) + part
        for axis, (size, part) in enumerate(zip(shape, field))
    ]
    total = [
        sum(np.float32(matrix[row, axis]) * places[axis] for axis in range(3)) + np.float32(matrix[row, 3])
        for row in range(3)
    ]
    fitted = ndimage.map_coordinates(distance, total, order=1, mode="nearest")
    share = weight if weight.min() == 1 else ndimage.map_coordinates(weight, total, order=1, mode="nearest")
    if canal is not None:
        canal = ndimage.map_coordinates(canal, total, order=1, mode="nearest")
    return Template(name, fitted, share, _misfit(fitted, share, known), canal)


def _nearness(known: Known) -> np.ndarray:
    """How much each voxel tells of the unknown part, by how far from it it lies."""
    away = ndimage.distance_transform_edt(~known.unknown) * known.grid.spacing[0]
    return _ANYWHERE + np.exp(-away / _RING_MM)


def _affine_sampled(array: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
    return ndimage.affine_transform(array, matrix, offset, order=1, mode="nearest")


def _affine(distance: np.ndarray, weight: np.ndarray, known: Known) -> np.ndarray:
    """3 x 4, from index of the frame's grid to index of the template's, by robust Gauss-Newton steps."""
    step = known.grid.spacing[0]
    chosen = np.argwhere(known.reliable & (np.abs(known.distance) < _BAND_MM))
    chosen = chosen[:: max(1, len(chosen) // _POINTS)]
    if len(chosen) < 50:
        return np.eye(4)[:3]
    wanted = known.distance[tuple(chosen.T)]
    near = _nearness(known)[tuple(chosen.T)]
    near = near / near.mean()
    centre = (np.array(distance.shape) - 1) / 2
    # Offsets count in voxels, the matrix's entries at a radius of 20 voxels.
    basis = np.c_[np.ones(len(chosen)), (chosen - centre) / 20.0]
    slopes = np.gradient(distance)
    values = np.zeros((3, 4))
    for number in range(_ROUNDS):
        places = (chosen + basis @ values.T).T
        found = ndimage.map_coordinates(distance, places, order=1, mode="nearest")
        here = ndimage.map_coordinates(weight, places, order=1, mode="nearest")
        off = found - wanted
        strength = near * here / (1 + (off / _OUTLIER_MM[number >= _SEARCHING]) ** 2)
        slope = [ndimage.map_coordinates(part, places, order=1, mode="nearest") for part in slopes]
        jacobian = np.concatenate([part[:, None] * basis for part in slope], axis=1)
        # First shifts, then everything; what the known part does not tell stays as it is.
        stiff = np.tile([1e-3, *[1.0 if number < 3 else 0.02] * 3], 3)
        normal = jacobian.T @ (jacobian * strength[:, None]) + np.diag(stiff) * len(chosen)
        right = jacobian.T @ (strength * off) + stiff * len(chosen) * values.ravel()
        change = np.linalg.solve(normal, right).reshape(3, 4)
        values = values - change
        if np.abs(change).max() * step < 0.02 and number >= 4:
            break
    matrix = np.eye(3) + values[:, 1:] / 20.0
    return np.c_[matrix, values[:, 0] - values[:, 1:] @ centre / 20.0]


def _displacement(distance: np.ndarray, weight: np.ndarray, known: Known) -> np.ndarray:
    """A smooth field (3, w, v, u), voxels, that moves the template's surface onto the known one (demons: Thirion 1998).

    Found on a coarse grid; beyond the known surface it is the surroundings' mean and fades far from them.
    """
    coarse = (slice(None, None, _COARSE),) * 3
    step = known.grid.spacing[0]
    wanted, shape, share = known.distance[coarse], distance[coarse], weight[coarse]
    band = known.reliable[coarse] & (np.abs(wanted) < _BAND_MM)
    field = np.zeros((3, *wanted.shape), np.float32)
    index = np.indices(wanted.shape, dtype=np.float32)
    current = shape
    for smoothing in _SMOOTHING_MM:
        slope = np.stack(np.gradient(current))
        squared = (slope**2).sum(axis=0)
        off = np.clip(wanted - current, -3.0, 3.0)
        strength = (band * share / (1 + (off / _OUTLIER_MM[1]) ** 2)).astype(np.float32)
        push = strength * off / (squared + 0.2 * (_COARSE * step) ** 2)
        sigma = smoothing / (step * _COARSE)
        total = ndimage.gaussian_filter(strength, sigma, truncate=2.5) + np.float32(0.01)
        for axis in range(3):
            field[axis] += ndimage.gaussian_filter(push * slope[axis], sigma, truncate=2.5) / total
        current = ndimage.map_coordinates(shape, index + field, order=1, mode="nearest")
    fine = [np.linspace(0, (size - 1) / _COARSE, size) for size in distance.shape]
    places = np.meshgrid(*fine, indexing="ij")
    return np.stack([_COARSE * ndimage.map_coordinates(part, places, order=1, mode="nearest") for part in field])


def _misfit(distance: np.ndarray, weight: np.ndarray, known: Known) -> float:
    """Mean distance (mm) at the known surface, that near the unknown part counting most."""
    surface = known.reliable & (np.abs(known.distance) < known.grid.spacing[0]) & (weight > 0.5)
    if not surface.any():
        return 4.0
    away = ndimage.distance_transform_edt(~known.unknown)[surface] * known.grid.spacing[0]
    near = 0.02 + np.exp(-away / 8.0)
    off = np.minimum(np.abs(distance[surface] - known.distance[surface]), 6.0)
    return float((near * off).sum() / near.sum())
