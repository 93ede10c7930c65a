"""Pieces cut from whole vertebrae: what a tumour destroys, for training and for tests whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from SpineLab.training.completion.reach import REACHES, grown, rough
from SpineLib.errors import SpineError
from SpineLib.geometry.signed_distance import sampled, signed_distance
from SpineLib.preprocess.vertebra_frame import Column, VertebraFrame
from SpineLib.preprocess.vertebra_landmarks import Landmarks
from SpineLib.volume.volume import Volume

#: A piece reaches so far beyond the bone, mm.
_BEYOND_MM = 3.0

#: Distance (mm, negative inside) to a piece, at points (u, v, w), of a vertebra with landmarks.
Piece = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _ball(centre, radii) -> Piece:
    """An ellipsoid; the distance is approximate."""

    def distance(u, v, w):
        rho = np.sqrt(
            ((u - centre[0]) / radii[0]) ** 2 + ((v - centre[1]) / radii[1]) ** 2 + ((w - centre[2]) / radii[2]) ** 2
        )
        return (rho - 1) * min(radii)

    return distance


def _lytic(rng, marks: Landmarks) -> Piece:
    """A hole within the body that spares its cortex."""
    share = rng.uniform(0.45, 0.65)
    offset = rng.uniform(-0.15, 0.15, 3) * marks.half
    return _ball(marks.body + offset, share * marks.half)


def _breach(rng, marks: Landmarks) -> Piece:
    """A hole through the body's wall, at the front, the side or the back."""
    angle = rng.uniform(0, 2 * np.pi)
    centre = marks.body + marks.half * [0.8 * np.cos(angle), 0.8 * np.sin(angle), rng.uniform(-0.4, 0.4)]
    return _ball(centre, rng.uniform(0.5, 0.75) * marks.half + 1.0)


def _endplate(rng, marks: Landmarks) -> Piece:
    """A hole through an endplate."""
    side = rng.choice([-1.0, 1.0])
    centre = marks.body + marks.half * [rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4), 0.7 * side]
    return _ball(centre, rng.uniform(0.5, 0.8) * marks.half)


def _quarter(rng, marks: Landmarks) -> Piece:
    """The left or right, front or rear quarter of the whole vertebra."""
    side, front = rng.choice([-1.0, 1.0], 2)
    middle = marks.canal[1] - marks.radius  # the body's back wall
    border = marks.body[1] if front > 0 else middle
    return lambda u, v, w: np.maximum(-side * (u - marks.body[0]), front * (v - border))


def _half(rng, marks: Landmarks) -> Piece:
    """The left or right half of the whole vertebra."""
    side = rng.choice([-1.0, 1.0])
    return lambda u, v, w: -side * (u - marks.body[0])


def _pedicle(rng, marks: Landmarks) -> Piece:
    """One pedicle, from the body to the arch."""
    side = rng.choice([-1.0, 1.0])
    centre = [marks.canal[0] + side * (marks.radius + 4.0), marks.canal[1] - 0.4 * marks.radius, marks.canal[2] + 3.0]
    return _ball(centre, np.array([9.0, 9.0, 12.0]) * rng.uniform(0.9, 1.2))


def _posterior(rng, marks: Landmarks) -> Piece:
    """All behind the canal's middle: laminae, articular and spinous processes."""
    behind = marks.canal[1] + rng.uniform(0.0, 0.6) * marks.radius
    return lambda u, v, w: behind - v


def _body(rng, marks: Landmarks) -> Piece:
    """All in front of the canal: the whole body."""
    front = marks.canal[1] - marks.radius * rng.uniform(0.9, 1.1)
    return lambda u, v, w: v - front


#: The kinds of damage, by name.
KINDS: dict[str, Callable[[np.random.Generator, Landmarks], Piece]] = {
    "lytic": _lytic,
    "breach": _breach,
    "endplate": _endplate,
    "quarter": _quarter,
    "half": _half,
    "pedicle": _pedicle,
    "posterior": _posterior,
    "body": _body,
}
#: Those that a repair is judged by.
EVALUATED = ("lytic", "breach", "pedicle", "posterior", "quarter", "half")


def damage(
    column: Column, label: int, frame: VertebraFrame, marks: Landmarks, kind: str, rng: np.random.Generator
) -> Volume:
    """A piece of a vertebra with a rough border: uint8, 1 inside, in the box around the vertebra of ``column.around``
    with a margin of 20 mm.

    Args:
        kind: one of :data:`KINDS`, whose piece ends 3 mm beyond the bone, so that its border tells where the bone was;
            with one of :data:`SpineLab.training.completion.reach.REACHES` ("breach-mass") it does not.

    Raises:
        SpineError: there is no such kind.
    """
    name, dash, reach = kind.partition("-")
    if name not in KINDS or (dash and reach not in REACHES):
        raise SpineError(
            f"There is no damage '{kind}'; there are {', '.join(KINDS)}, each also as "
            f"{', '.join(f'{name}-{one}' for one in REACHES)}."
        )
    labels = column.around(label, 20.0)
    grid = frame.grid()
    middle = (np.array(grid.shape) - 1) / 2
    w, v, u = (np.ogrid[tuple(slice(0, size) for size in grid.shape)][axis].astype(np.float32) for axis in range(3))
    w, v, u = ((part - offset) * grid.spacing[0] for part, offset in zip((w, v, u), middle))
    distance = np.broadcast_to(KINDS[name](rng, marks)(u, v, w), grid.shape) + rough(rng, grid.shape, grid.spacing[0])
    inside = sampled(grid.with_array(distance.astype(np.float32)), labels, None) < 0
    bone = signed_distance(labels.with_array((labels.array == label).astype(np.uint8)))
    inside &= bone.array < _BEYOND_MM
    if reach:
        near = sampled(bone, grid, None)
        more = grown((distance < 0) & (near < _BEYOND_MM), near, grid.spacing[0], reach, rng)
        inside |= sampled(grid.with_array(more.astype(np.float32)), labels, 0.0) > 0.5
    return labels.with_array(inside.astype(np.uint8), "lesion")
