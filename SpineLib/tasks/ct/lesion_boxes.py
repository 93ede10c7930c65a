"""From boxes in axial slices to lesions in space: linking, measures, masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.places import ras_lps
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume


@dataclass(frozen=True)
class SliceBox:
    """A box in one slice.

    Attributes:
        slice: number of the slice.
        box: x0, y0, x1, y1, edges in pixels.
        probability: 0 to 1.
    """

    slice: int
    box: tuple[float, float, float, float]
    probability: float


@dataclass(frozen=True)
class CtLesion:
    """A lesion's box.

    Attributes:
        id: 1 for the most likely one.
        centre_lps_mm: of the box.
        size_mm: edges along the columns of ``direction``.
        direction: 3 x 3 as rows; its columns are the box's axes in LPS: towards the left, backwards, downwards along
            the image's own axes.
        probability: 0 to 1; see :func:`SpineLib.tasks.ct.lesions.detect_ct_lesions`.
        slices: first and last of the CT's own slices it reaches over, counted from 0 along the CT's own axis.
        recist_mm: longest diameter in an axial slice, and the longest across it in that slice.
        recist_from: "region" (what stands out within the box of that slice) or "box" (nothing does: the box's sides).
        slice_boxes: one for each slice looked at: "slices" (as above), "centre_lps_mm", "size_mm" (two), "probability".
        kind: "lytic", "sclerotic with soft-tissue mass" ...; "" of a network that does not tell.
        volume_ml: of what was marked; None of a network that finds boxes.
    """

    id: int
    centre_lps_mm: tuple[float, float, float]
    size_mm: tuple[float, float, float]
    direction: tuple[tuple[float, float, float], ...]
    probability: float
    slices: tuple[int, int]
    recist_mm: tuple[float, float]
    recist_from: str
    slice_boxes: tuple[dict, ...] = ()
    kind: str = ""
    volume_ml: float | None = None

    @property
    def centre_ras_mm(self) -> tuple[float, float, float]:
        """The centre as Slicer shows it (r, a, s)."""
        return triple(float(value) for value in ras_lps(self.centre_lps_mm))

    def to_dict(self) -> dict:
        """The JSON form, with the centre in RAS as well."""
        return {**asdict(self), "centre_ras_mm": list(self.centre_ras_mm)}

    @classmethod
    def from_dict(cls, values: dict) -> CtLesion:
        """The inverse of :meth:`to_dict`."""
        kept = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in values.items()
            if key != "centre_ras_mm"
        }
        return cls(**(kept | {"direction": tuple(tuple(row) for row in kept["direction"])}))


def link(slices: Sequence[Sequence[SliceBox]], overlap: float, gap: int) -> list[list[SliceBox]]:
    """Boxes of neighbouring slices that overlap, as one lesion each.

    Slices are gone through in their order; each pair of an open lesion's last box and a new box with an intersection
    over union of at least ``overlap`` is joined, the best overlaps first. A box belongs to one lesion, and a lesion has
    at most one box a slice.

    Args:
        slices: boxes of each slice.
        overlap: least intersection over union.
        gap: a lesion may be missing in so many slices in a row.
    """
    chains: list[list[SliceBox]] = []
    for number, boxes in enumerate(slices):
        open_ = [chain for chain in chains if number - chain[-1].slice <= gap + 1]
        pairs = sorted(
            (
                (overlap_of(chain[-1].box, box.box), -first, -second)
                for first, chain in enumerate(open_)
                for second, box in enumerate(boxes)
            ),
            reverse=True,
        )
        joined: dict[int, list[SliceBox]] = {}
        taken = set()
        for value, first, second in pairs:
            if value >= overlap and -first not in taken and -second not in joined:
                taken.add(-first)
                joined[-second] = open_[-first]
        for order, box in enumerate(boxes):
            if order in joined:
                joined[order].append(box)
            else:
                chains.append([box])
    return chains


def overlap_of(first: Sequence[float], second: Sequence[float]) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1)."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (both - shared) if both > shared else 0.0


def lesion_of(
    boxes: Sequence[SliceBox], to_lps: np.ndarray, own: np.ndarray, recist: tuple[float, float, str], probability: float
) -> CtLesion:
    """A lesion from its linked boxes; its id is given later.

    The box in space reaches over all the slices and, in the plane, over their boxes.

    Args:
        boxes: one a slice, the slices rising.
        to_lps: 4 x 4 from (x, y, z, 1), pixels and slices from the first one's centre, to LPS mm.
        own: (n, 2) of each slice, the CT's own slices it is of.
        recist: :func:`diameters`.
        probability: of the lesion.
    """
    steps = np.linalg.norm(to_lps[:3, :3], axis=0)
    axes = to_lps[:3, :3] / steps
    edges = np.array([one.box for one in boxes])
    low = np.array([*edges[:, :2].min(axis=0), boxes[0].slice]) - 0.5
    high = np.array([*(edges[:, 2:].max(axis=0) - 0.5), boxes[-1].slice + 0.5])
    reach = own[[one.slice for one in boxes]]
    longest, shortest = _rounded(recist[:2])
    return CtLesion(
        0,
        _lps(to_lps, (low + high) / 2),
        triple(_rounded((high - low) * steps)),
        triple(triple(_rounded(row, 9)) for row in axes),
        probability,
        (int(reach.min()), int(reach.max())),
        (longest, shortest),
        recist[2],
        tuple(_slice_box(one, to_lps, steps, own) for one in boxes),
    )


def _slice_box(one: SliceBox, to_lps: np.ndarray, steps: np.ndarray, own: np.ndarray) -> dict:
    x0, y0, x1, y1 = one.box
    return {
        "slices": [int(value) for value in own[one.slice]],
        "centre_lps_mm": list(_lps(to_lps, ((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2, one.slice))),
        "size_mm": list(_rounded(((x1 - x0) * steps[0], (y1 - y0) * steps[1]))),
        "probability": round(one.probability, 4),
    }


def numbered(lesions: Sequence[CtLesion]) -> list[CtLesion]:
    """The same, the most likely first, with ids from 1."""
    order = sorted(lesions, key=lambda one: (-one.probability, -one.recist_mm[0], one.centre_lps_mm))
    return [replace(one, id=number) for number, one in enumerate(order, start=1)]


class Box(Protocol):
    """What has a place, edges and axes as a :class:`CtLesion` has them."""

    @property
    def centre_lps_mm(self) -> Sequence[float] | np.ndarray: ...

    @property
    def size_mm(self) -> Sequence[float] | np.ndarray: ...

    @property
    def direction(self) -> Sequence[Sequence[float]] | np.ndarray: ...


def box_mask(grid: Volume, lesion: Box) -> Volume:
    """The lesion's box as a mask: uint8 on the grid, 1 in voxels whose centres lie in the box.

    Args:
        grid: whose voxels to use, of any orientation.
        lesion: its box.

    Raises:
        SpineError: no voxel of the grid lies in the box.
    """
    axes, half = np.array(lesion.direction), np.array(lesion.size_mm) / 2
    signs = np.stack(np.meshgrid(*[[-1, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    centre = np.array(lesion.centre_lps_mm)
    corners = centre + (signs * half) @ axes.T
    inverse = np.linalg.inv(grid.ijk_to_lps)
    ijk = corners @ inverse[:3, :3].T + inverse[:3, 3]
    first = np.clip(np.floor(ijk.min(axis=0)).astype(int), 0, grid.shape[::-1])
    end = np.clip(np.ceil(ijk.max(axis=0)).astype(int) + 1, 0, grid.shape[::-1])
    mask = np.zeros(grid.shape, np.uint8)
    to_box = axes.T @ grid.ijk_to_lps[:3]
    to_box[:, 3] -= axes.T @ centre
    i, j, k = (np.arange(a, b) for a, b in zip(first, end))
    inside = np.ones((len(k), len(j), len(i)), bool)
    for row, limit in zip(to_box, half):
        value = row[0] * i[None, None] + row[1] * j[None, :, None] + row[2] * k[:, None, None] + row[3]
        inside &= (value >= -limit - 1e-6) & (value < limit - 1e-6)  # of two faces one: the volume is the box's
    if not inside.any():
        raise SpineError(
            "The lesion's box lies outside the image; choose the image that it was found in, or move the box."
        )
    mask[first[2] : end[2], first[1] : end[1], first[0] : end[0]] = inside
    return grid.with_array(mask, "lesion")


def _lps(matrix: np.ndarray, xyz: Sequence[float]) -> tuple[float, float, float]:
    return triple(_rounded((matrix @ [*xyz, 1.0])[:3]))


def _rounded(values: Iterable[float], digits: int = 3) -> tuple[float, ...]:
    return tuple(round(float(value), digits) for value in values)
