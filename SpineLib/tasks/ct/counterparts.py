"""Where the places of a vertebra lie in its mirror image and in its neighbours.

What a healthy vertebra would show at a place is read from the same place of the other side and of the vertebrae above
and below. The places are found by laying the shapes onto each other: an affine map that brings the signed distances
from the surfaces together, as iterated closest points would, without looking at densities, which a lesion changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.progress import Progress, part, silent
from SpineLib.volume.triples import triple

#: Around a vertebra its signed distance is kept so far, voxels.
_AROUND = 8
#: Places so near the surface are laid onto each other, voxels; and how many of them.
_BAND, _PLACES = 5.0, 4000
_ITERATIONS = 12
#: The map's turning and stretching works at this radius, voxels; how stiff it is against its start.
_RADIUS, _DAMPING, _STIFFNESS = 20.0, 30.0, 0.02
#: Surfaces farther from each other than this, on average, voxels, are not those of like vertebrae.
_LARGEST_MISFIT = 1.6
#: Less of a vertebra lies in the image at the other place.
_LEAST_INSIDE = 0.4
#: Smaller labels are no vertebra to compare with, voxels.
_LEAST_VOXELS = 3000
#: A vertebra is compared with its mirror image and so many of its nearest neighbours.
_MOST = 4
_MIRROR = np.diag([1.0, 1.0, -1.0])


@dataclass(frozen=True, eq=False)
class Counterpart:
    """The same places elsewhere.

    Attributes:
        mirror: whether it is the vertebra's own other side.
        number: label there.
        centre, matrix, moved: a place goes to ``matrix @ (place - centre) + moved``, voxels along (z, y, x).
        places: float32 (3, n), voxels along (z, y, x), of the vertebra's places.
        inside: bool (n,), whether they lie in the image.
        misfit: mean distance of the surfaces, voxels.
    """

    mirror: bool
    number: int
    centre: np.ndarray
    matrix: np.ndarray
    moved: np.ndarray
    places: np.ndarray
    inside: np.ndarray
    misfit: float


@dataclass(frozen=True, eq=False)
class Compared:
    """A vertebra with its counterparts.

    Attributes:
        number: its label.
        index: int (3, n), its voxels along (z, y, x).
        depth: float32 (n,), voxels from its surface; the image's edge is none.
        core: float32 (n,), voxels from the thickest part, which is the body.
        counterparts: none where nothing is like it.
    """

    number: int
    index: tuple[np.ndarray, np.ndarray, np.ndarray]
    depth: np.ndarray
    core: np.ndarray
    counterparts: list[Counterpart]


def compared_vertebrae(
    labels: np.ndarray, besides: Sequence[int] = (), progress: Progress = silent, alone: Sequence[int] = ()
) -> list[Compared]:
    """All vertebrae large enough, from cranial to caudal or the other way, as the array lies.

    Args:
        labels: uint8 (z, y, x), voxels of one size along all axes, x across the patient.
        besides: labels that are not compared.
        progress: told after every vertebra; may raise ``Cancelled``.
        alone: labels that have no neighbour like them and are compared with their mirror image: the sacrum.
    """
    shapes: list[_Shape] = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None and number not in besides and np.count_nonzero(labels[box] == number) >= _LEAST_VOXELS:
            progress(0.0, f"Measuring the shapes of {len(shapes) + 1} vertebrae")
            shapes.append(_Shape.of(labels, number, box))
    shapes.sort(key=lambda one: float(one.centre[0]))
    like = [shape for shape in shapes if shape.number not in alone]
    order = {shape.number: place for place, shape in enumerate(like)}
    found = []
    for number, shape in enumerate(shapes):
        at = order.get(shape.number)
        near = [] if at is None else [like[n] for n in (at - 1, at + 1, at - 2, at + 2) if 0 <= n < len(like)]
        share = part(progress, number / len(shapes), (number + 1) / len(shapes))
        told = f"Laying vertebra {number + 1} of {len(shapes)} onto its neighbours"
        found.append(_compared(labels.shape, shape, near, share, told))
    return found


def _compared(size: tuple[int, ...], shape: _Shape, near: Sequence[_Shape], progress: Progress, told: str) -> Compared:
    inside = shape.distance_of_mask > 0
    places = np.argwhere(inside) + shape.first
    depth = shape.distance_of_mask[inside]
    thick = shape.distance_of_mask >= 0.6 * depth.max()
    core = ndimage.distance_transform_edt(~thick)[inside].astype(np.float32)
    counterparts: list[Counterpart] = []
    for done, (other, start) in enumerate([(shape, _MIRROR), *((one, np.eye(3)) for one in near)]):
        progress(done / (len(near) + 1), told)
        if len(counterparts) == _MOST:
            break
        matrix, moved, misfit = _laid_onto(shape, other, start)
        if misfit > _LARGEST_MISFIT:
            continue
        there = ((places - shape.centre) @ matrix.T + moved).T.astype(np.float32)
        within = np.all((there >= 0) & (there <= np.array(size)[:, None] - 1), axis=0)
        if within.mean() >= _LEAST_INSIDE:
            way = (shape.centre, matrix, moved)
            counterparts.append(Counterpart(other is shape, other.number, *way, there, within, misfit))
    return Compared(shape.number, triple(places.T), depth.astype(np.float32), core, counterparts)


@dataclass(frozen=True, eq=False)
class _Shape:
    """A vertebra's surface: ``signed`` distance, smooth, negative inside, and its gradient, in a box from ``first``."""

    number: int
    first: np.ndarray
    centre: np.ndarray
    distance_of_mask: np.ndarray
    signed: np.ndarray
    gradient: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, number: int, box: tuple[slice, ...]) -> _Shape:
        wide = tuple(
            slice(max(0, side.start - _AROUND), min(size, side.stop + _AROUND)) for side, size in zip(box, labels.shape)
        )
        first = np.array([side.start for side in wide])
        mask = labels[wide] == number
        inside = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1, 1:-1]
        signed = np.clip(ndimage.distance_transform_edt(~mask) - inside, -_AROUND, _AROUND).astype(np.float32)
        signed = ndimage.gaussian_filter(signed, 1.0)
        centre = np.argwhere(mask).mean(axis=0) + first
        return cls(number, first, centre, inside.astype(np.float32), signed, np.stack(np.gradient(signed)))


def _laid_onto(shape: _Shape, other: _Shape, start: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Matrix and place of the centre that bring ``shape`` onto ``other``, by Gauss and Newton; and the misfit."""
    places = np.argwhere(np.abs(shape.signed) < _BAND) + shape.first
    places = places[np.random.default_rng(0).permutation(len(places))[:_PLACES]]
    wanted = _sampled(shape.signed, (places - shape.first).T)
    arms = (places - shape.centre) / _RADIUS
    damping = np.r_[np.full(9, _DAMPING + _STIFFNESS * len(places)), np.full(3, 1e-3)]
    matrix, centre, misfit = start.copy(), other.centre.copy(), np.inf
    for _ in range(_ITERATIONS):
        there = (places - shape.centre) @ matrix.T + centre - other.first
        inside = np.all((there >= 0) & (there <= np.array(other.signed.shape) - 1), axis=1)
        if not inside.any():
            return matrix, centre, np.inf
        off = (_sampled(other.signed, there.T) - wanted) * inside
        slopes = np.stack([_sampled(part, there.T) for part in other.gradient], axis=1) * inside[:, None]
        misfit = float(np.abs(off[inside]).mean())
        jacobian = np.concatenate([*(slopes[:, axis : axis + 1] * arms for axis in range(3)), slopes], axis=1)
        weighted = jacobian / (1 + (off / 2) ** 2)[:, None]
        bent = np.r_[((matrix - start) * _RADIUS).ravel(), np.zeros(3)]
        step = np.linalg.solve(weighted.T @ jacobian + np.diag(damping), -weighted.T @ off - 0.2 * damping * bent)
        matrix = matrix + step[:9].reshape(3, 3) / _RADIUS
        centre = centre + step[9:]
    return matrix, centre, misfit


def _sampled(array: np.ndarray, places: np.ndarray) -> np.ndarray:
    return ndimage.map_coordinates(array, places, order=1, mode="nearest")
