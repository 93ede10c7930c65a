"""The grid a column network works on: LPS axes, given voxel sizes; and the way back to the image's own grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from SpineLib.geometry import resample
from SpineLib.geometry.orientation import Orientation
from SpineLib.progress import Progress, part, silent
from SpineLib.volume.crop import crop
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume


@dataclass(frozen=True, eq=False)
class ColumnGrid:
    """An image as the network sees it.

    Attributes:
        image: float32 (z, y, x); z grows to superior, y to posterior, x to the patient's left.
        spacing: mm along (z, y, x).
        source: the image itself.
    """

    image: np.ndarray
    spacing: tuple[float, float, float]
    source: Volume
    _orientation: Orientation
    _where: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def of(cls, volume: Volume, spacing: tuple[float, float, float], progress: Progress = silent) -> ColumnGrid:
        """Resampled (cubic, with a low-pass where voxels grow) to ``spacing``, mm along (z, y, x); an axis within five
        percent of it keeps its own voxels."""
        orientation = Orientation.of(volume)
        array = _upright(orientation.apply(volume.array))
        own = _upright_order([volume.spacing[2 - axis] for axis in orientation.axes])
        where = []
        for axis, (mine, wanted) in enumerate(zip(own, spacing)):
            count = array.shape[axis]
            if count < 2 or abs(wanted / mine - 1) < 0.05:
                where.append(np.arange(count, dtype=float))
                continue
            at = resample.positions(count, max(2, round(count * mine / wanted)), wanted / mine)
            tell = part(progress, axis / 3, (axis + 1) / 3)
            array = resample.in_steps(array, resample.cubic(count, at), axis, tell, "Preparing the image")
            where.append(at)
        steps = [mine * (at[1] - at[0] if len(at) > 1 else 1.0) for mine, at in zip(own, where)]
        array = np.ascontiguousarray(array, dtype=np.float32)
        return cls(array, triple([float(s) for s in steps]), volume, orientation, triple(where))

    @property
    def own_sides(self) -> tuple[float, float, float]:
        """Sides of the image's own voxels along (z, y, x), in voxels of the grid."""
        return triple([1.0 / float(at[1] - at[0]) if len(at) > 1 else 1.0 for at in self._where])

    def within(self, box: tuple[slice, slice, slice]) -> ColumnGrid:
        """The same grid, of which :meth:`to_source` gives only a box (k, j, i) of the image."""
        part = crop(self.source, box)
        turn = self._orientation
        own = []
        for axis, flip in zip(turn.axes, turn.flips):
            side, size = box[axis], self.source.array.shape[axis]
            own.append(size - side.stop if flip else side.start)
        s, y, x = own
        # z runs against the canonical second axis.
        up = self.source.array.shape[turn.axes[1]] - y - part.array.shape[turn.axes[1]]
        where = triple([at - first for at, first in zip(self._where, (up, x, s))])
        return replace(self, source=part, _where=where)

    def to_source(self, array: np.ndarray, name: str) -> Volume:
        """An array (z, y, x) of numbers (labels: nearest; floats: linear) on the image's own grid."""
        shape = _upright(self._orientation.apply(self.source.array)).shape
        floats = array.dtype.kind == "f"
        for axis, (count, at) in enumerate(zip(shape, self._where)):
            if len(at) == count and np.abs(at - np.arange(count)).max() < 1e-9:
                continue
            back = (np.arange(count) - at[0]) / (at[1] - at[0])
            if floats:
                array = resample.along(
                    np.ascontiguousarray(array, dtype=np.float32), resample.linear(len(at), back), axis
                )
            else:
                array = np.take(array, resample.nearest(len(at), back), axis)
        turned = self._orientation.undo(_upright_back(array))
        return self.source.with_array(np.ascontiguousarray(turned), name)

    def lps(self, place_mm: tuple[float, float, float] | np.ndarray) -> tuple[float, float, float]:
        """A place, mm along (z, y, x) from the first voxel of the grid, in LPS, mm."""
        k, j, i = self.index(place_mm)
        lps = self.source.ijk_to_lps @ (i, j, k, 1.0)
        return triple([round(float(value), 2) for value in lps[:3]])

    def index(self, place_mm: tuple[float, float, float] | np.ndarray) -> np.ndarray:
        """A place, mm along (z, y, x) from the first voxel of the grid, as fractional index (k, j, i) of the image."""
        index = np.asarray(place_mm, float) / np.asarray(self.spacing)
        own = [float(np.interp(i, np.arange(len(at)), at) if len(at) > 1 else i) for i, at in zip(index, self._where)]
        beyond = [i - np.clip(i, 0, len(at) - 1) for i, at in zip(index, self._where)]
        own = [o + b * (at[1] - at[0] if len(at) > 1 else 1.0) for o, b, at in zip(own, beyond, self._where)]
        shape = _upright(self._orientation.apply(self.source.array)).shape
        z, y, x = own
        canonical = [x, shape[0] - 1 - z, y]  # (s, y, x): right to left, superior to inferior, anterior to posterior
        sizes = [self.source.array.shape[axis] for axis in self._orientation.axes]
        ijk = [0.0, 0.0, 0.0]
        for value, size, axis, flip in zip(canonical, sizes, self._orientation.axes, self._orientation.flips):
            ijk[axis] = size - 1 - value if flip else value
        return np.array(ijk)


def _upright(array: np.ndarray) -> np.ndarray:
    """Canonical (s, y, x) as (z, y, x) with z growing to superior: a view."""
    return array.transpose(1, 2, 0)[::-1]


def _upright_back(array: np.ndarray) -> np.ndarray:
    return array[::-1].transpose(2, 0, 1)


def _upright_order(values: list[float]) -> list[float]:
    return [values[1], values[2], values[0]]
