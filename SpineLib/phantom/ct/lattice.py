"""The upright grid on which a simulated CT is drawn, and how what was drawn reaches a finer one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SpineLib.volume.triples import triple

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Lattice:
    """Positions of voxels, all increasing; arrays are (k, j, i), that is (z, y, x).

    Attributes:
        zs, ys, xs: places of the planes, rows and columns, mm LPS (upwards, backwards, to the left).
    """

    zs: np.ndarray
    ys: np.ndarray
    xs: np.ndarray

    @classmethod
    def over(cls, low, high, step) -> Lattice:
        """Voxels of ``step`` mm (one for all axes, or one each) from ``low`` to at least ``high``, all (x, y, z)."""
        steps = np.broadcast_to(step, 3)
        xs, ys, zs = (a + s * np.arange(int(np.ceil((b - a) / s)) + 1) for a, b, s in zip(low, high, steps))
        return cls(zs, ys, xs)

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.zs), len(self.ys), len(self.xs)

    @property
    def step(self) -> tuple[float, float, float]:
        """Distance between voxels along z, y, x, mm."""
        return triple(float(axis[1] - axis[0]) if len(axis) > 1 else 1.0 for axis in (self.zs, self.ys, self.xs))

    def box(self, low, high) -> Box | None:
        """Index box that holds positions ``low`` to ``high`` (x, y, z); None when it misses the lattice."""
        cut = [
            slice(int(np.searchsorted(axis, low[n])), int(np.searchsorted(axis, high[n], "right")))
            for axis, n in ((self.zs, 2), (self.ys, 1), (self.xs, 0))
        ]
        return None if min(s.stop - s.start for s in cut) < 1 else triple(cut)

    def part(self, box: Box) -> Lattice:
        """The lattice of an index box."""
        return Lattice(self.zs[box[0]], self.ys[box[1]], self.xs[box[2]])

    def places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, y, z of the voxels as float32 arrays that broadcast to the shape."""
        x, y, z = (np.asarray(axis, np.float32) for axis in (self.xs, self.ys, self.zs))
        return x[None, None, :], y[None, :, None], z[:, None, None]

    def local(self, centre, axes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates (u, v, w) of all voxels in a frame (rows of ``axes``) around ``centre``, mm, float32."""
        x, y, z = self.places()
        x, y, z = (p - np.float32(c) for p, c in zip((x, y, z), centre))
        m = np.asarray(axes, np.float32)
        return tuple(m[n, 0] * x + m[n, 1] * y + m[n, 2] * z for n in range(3))

    def sample(self, array: np.ndarray, target: Lattice, nearest: bool = False) -> np.ndarray:
        """``array`` of this lattice at the voxels of ``target``: trilinear or nearest, held at the borders."""
        result = array
        for axis, (mine, wanted) in enumerate(((self.zs, target.zs), (self.ys, target.ys), (self.xs, target.xs))):
            place = np.clip((wanted - mine[0]) / (mine[1] - mine[0]), 0, len(mine) - 1)
            if nearest:
                result = np.take(result, np.rint(place).astype(np.intp), axis=axis)
                continue
            first = np.minimum(place.astype(np.intp), len(mine) - 2)
            share = (place - first).astype(np.float32).reshape([-1 if n == axis else 1 for n in range(3)])
            low = np.take(result, first, axis=axis)
            result = low + share * (np.take(result, first + 1, axis=axis) - low)
        return result
