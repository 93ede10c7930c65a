"""The patient's own axes: every input is turned to them by transposing and flipping only, no voxel is interpolated."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: Canonical axes (s, y, x): right to left, superior to inferior, anterior to posterior. LPS component and its sign.
_CANONICAL = ((0, 1.0), (2, -1.0), (1, 1.0))


@dataclass(frozen=True)
class Orientation:
    """How an array (k, j, i) becomes canonical (s, y, x): transposed by ``axes``, then flipped along ``flips``."""

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @classmethod
    def of(cls, volume: Volume) -> Orientation:
        """Of the three axes, in all six orders, those that lie nearest to the patient's (oblique ones stay oblique)."""
        columns = volume.direction / np.linalg.norm(volume.direction, axis=0)
        components = columns[:, ::-1]  # column a: direction of array axis a (k, j, i)

        def closeness(axes):
            values = [abs(components[lps, axis]) for axis, (lps, _) in zip(axes, _CANONICAL)]
            return (round(sum(values), 6), *(round(value, 6) for value in values))

        axes = max(permutations(range(3)), key=closeness)
        flips = triple(bool(components[lps, axis] * sign < 0) for axis, (lps, sign) in zip(axes, _CANONICAL))
        return cls(triple(axes), flips)

    def apply(self, array: np.ndarray) -> np.ndarray:
        """The array (k, j, i) as (s, y, x): a view."""
        return array.transpose(self.axes)[self._slices]

    def undo(self, array: np.ndarray) -> np.ndarray:
        """The array (s, y, x) as (k, j, i): a view."""
        return array[self._slices].transpose(np.argsort(self.axes))

    @property
    def _slices(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)


def canonical(volume: Volume) -> tuple[Volume, Orientation]:
    """The same image with its array in canonical order (s, y, x), and how it was turned.

    Any of the 48 axis orders of one image gives the same bits, geometry included (rounded to a nanometre).
    """
    orientation = Orientation.of(volume)
    matrix = volume.ijk_to_lps
    steps, corner = [], matrix[:3, 3].copy()
    for axis, flip in zip(orientation.axes, orientation.flips):
        step = matrix[:3, 2 - axis]
        if flip:
            corner = corner + step * (volume.shape[axis] - 1)
        steps.append(-step if flip else step)
    columns = np.array(steps[::-1]).T  # i, j, k = x, y, s
    spacing = np.round(np.linalg.norm(columns, axis=0), 6)
    turned = Volume(
        np.ascontiguousarray(orientation.apply(volume.array)),
        tuple(spacing),
        tuple(np.round(corner, 6)),
        np.round(columns / np.linalg.norm(columns, axis=0), 9),
        volume.name,
        volume.meta,
    )
    return turned, orientation
