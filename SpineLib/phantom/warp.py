"""The drawn patient in another posture, on another grid: exactly rigid within each vertebra, smooth between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from SpineLib.phantom.anatomy import Anatomy, level_number
from SpineLib.phantom.fields import resize
from SpineLib.phantom.grid import Grid
from SpineLib.phantom.posture import Frame, index_to_lps

#: Distance (mm) between the places at which the motion of soft tissue is worked out.
_NODES_MM = 5.0


@dataclass(frozen=True)
class Warp:
    """Where in a drawn patient the voxels of another fine grid come from.

    Attributes:
        places: (3, s, row, column) float32; index (s, row, column) in the drawing.
        shape: shape of the drawing.
    """

    places: np.ndarray
    shape: tuple[int, int, int]

    def linear(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Trilinear samples of float32 arrays of the drawing; its border goes on beyond it."""
        scale = [2.0 / (n - 1) for n in self.shape]
        pull = torch.from_numpy(np.stack([self.places[n] * np.float32(scale[n]) - 1 for n in (2, 1, 0)], axis=-1))
        stacked = torch.from_numpy(np.stack(arrays))[None]
        out = torch.nn.functional.grid_sample(stacked, pull[None], "bilinear", "border", align_corners=True)[0]
        return list(out.numpy())

    def nearest(self, array: np.ndarray, sub: slice = slice(None)) -> np.ndarray:
        """Nearest samples of an array of the drawing, of the sub-slices ``sub``."""
        index = [np.clip(np.rint(p[sub]), 0, n - 1).astype(np.intp) for p, n in zip(self.places, self.shape)]
        return array[index[0], index[1], index[2]]

    def share(self, mask: np.ndarray, box: tuple[slice, slice, slice]) -> tuple[tuple[slice, ...], np.ndarray] | None:
        """Trilinear samples of a mask that fills the index box ``box`` of the drawing.

        Returns:
            Index box in this grid and the share of each voxel there, float32; None when the mask lies outside.
        """
        near = np.ones(self.places.shape[1:], bool)
        for place, edge in zip(self.places, box):
            near &= (place > edge.start - 1) & (place < edge.stop)
        found = ndimage.find_objects(near.view(np.uint8))
        if not found:
            return None
        here = found[0]
        local = [place[here] - edge.start for place, edge in zip(self.places, box)]
        return here, ndimage.map_coordinates(mask.astype(np.float32), local, order=1, mode="constant")


def draw_warp(
    anatomy: Anatomy, frame: Frame, grid: Grid, grid_frame: Frame, after_to_before: dict[str, np.ndarray]
) -> Warp:
    """How the drawing ``anatomy`` is seen on ``grid``.

    Between vertebrae a point follows all of them, weighted by the inverse cube of its distance (mm, plus one) to each.

    Args:
        anatomy: the drawn patient; ``frame``: where it lies in LPS.
        grid: fine grid of the other scan; ``grid_frame``: where it lies in LPS.
        after_to_before: 4 x 4 by level, from LPS of the other scan to LPS of the drawing.
    """
    to_index = np.linalg.inv(index_to_lps(anatomy.grid, frame))
    from_index = index_to_lps(grid, grid_frame)
    boxes = ndimage.find_objects(anatomy.vertebrae)
    maps = {}
    for vertebra in anatomy.spine:
        number = level_number(vertebra.level)
        if number <= len(boxes) and boxes[number - 1] is not None:
            maps[number] = (to_index @ after_to_before[vertebra.level] @ from_index)[:3]
    places = _blend(anatomy, maps, grid)
    for number, matrix in maps.items():
        _make_rigid(anatomy, number, boxes[number - 1], matrix, places)
    return Warp(places, anatomy.grid.shape)


def _blend(anatomy: Anatomy, maps: dict[int, np.ndarray], grid: Grid) -> np.ndarray:
    nodes = [np.linspace(0, n - 1, max(2, int(np.ceil(n * s / _NODES_MM)))) for n, s in zip(grid.shape, grid.step)]
    index = np.stack([*np.meshgrid(*nodes, indexing="ij"), np.ones([len(n) for n in nodes])])
    stride = [max(1, round(_NODES_MM / s / 1.5)) for s in anatomy.grid.step]
    coarse = anatomy.vertebrae[tuple(slice(None, None, n) for n in stride)]
    spacing = [s * n for s, n in zip(anatomy.grid.step, stride)]
    total, weights = np.zeros((3, *index.shape[1:])), np.zeros(index.shape[1:])
    for number, matrix in maps.items():
        own = np.tensordot(matrix, index, 1)
        bone = coarse == number
        if not bone.any():
            continue
        distance = ndimage.distance_transform_edt(~bone, spacing).astype(np.float32)
        where = own / np.array(stride, float)[:, None, None, None]
        weight = 1 / (1 + ndimage.map_coordinates(distance, where, order=1, mode="nearest")) ** 3
        total += weight * own
        weights += weight
    return np.stack([resize(p, grid.shape) for p in (total / weights)])


def _make_rigid(anatomy: Anatomy, number: int, box, matrix: np.ndarray, places: np.ndarray) -> None:
    """Within the vertebra ``number`` the points follow it alone."""
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 0, 1]]))
    corners = np.array(
        [
            [s, r, c, 1]
            for s in (box[0].start, box[0].stop)
            for r in (box[1].start, box[1].stop)
            for c in (box[2].start, box[2].stop)
        ],
        dtype=float,
    ).T
    found = (back @ corners)[:3]
    low = np.clip(np.floor(found.min(1)) - 1, 0, places.shape[1:]).astype(int)
    high = np.clip(np.ceil(found.max(1)) + 2, 0, places.shape[1:]).astype(int)
    if (high <= low).any():
        return
    here = tuple(slice(a, b) for a, b in zip(low, high))
    index = np.ogrid[here]
    own = [
        np.asarray(sum(np.float32(m) * i.astype(np.float32) for m, i in zip(row[:3], index)) + np.float32(row[3]))
        for row in matrix
    ]
    nearest = [np.rint(p).astype(np.intp) for p in own]
    inside = np.ones(own[0].shape, bool)
    for n, size in zip(nearest, anatomy.grid.shape):
        inside &= (n >= 0) & (n < size)
    s, r, c = (n[inside] for n in nearest)
    inside[inside] = anatomy.vertebrae[s, r, c] == number
    for target, place in zip(places, own):
        target[here][inside] = place[inside]
