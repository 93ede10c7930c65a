"""The fine grid on which a simulated patient is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Grid:
    """Positions of the drawing's voxels; arrays are (s, row, column).

    Attributes:
        xs: to the left, one an (oversampled) slice, mm LPS, increasing.
        zs: upwards, one a row, decreasing (row 0 is the most superior).
        ys: backwards, one a column, increasing (column 0 is the most anterior).
        oversampling: drawn sub-slices a slice.
    """

    xs: np.ndarray
    zs: np.ndarray
    ys: np.ndarray
    oversampling: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.xs), len(self.zs), len(self.ys)

    @property
    def step(self) -> tuple[float, float, float]:
        """Distance between voxels along s, row, column (mm)."""
        return (float(self.xs[1] - self.xs[0]), float(self.zs[0] - self.zs[1]), float(self.ys[1] - self.ys[0]))

    def extended(self, more: tuple[int, int, int]) -> Grid:
        """The grid with so many more voxels at both ends along (s, row, column)."""
        wide = [
            np.concatenate([axis[0] - d * np.arange(n, 0, -1), axis, axis[-1] + d * np.arange(1, n + 1)])
            for axis, d, n in zip((self.xs, self.zs, self.ys), (self.step[0], -self.step[1], self.step[2]), more)
        ]
        return Grid(wide[0], wide[1], wide[2], self.oversampling)

    def box(self, low, high) -> tuple[slice, slice, slice] | None:
        """Index box that holds LPS positions ``low`` to ``high`` (x, y, z); None when it misses the grid."""
        s = slice(*np.searchsorted(self.xs, (low[0], high[0])))
        r = slice(*np.searchsorted(-self.zs, (-high[2], -low[2])))
        c = slice(*np.searchsorted(self.ys, (low[1], high[1])))
        return None if min(s.stop - s.start, r.stop - r.start, c.stop - c.start) < 1 else (s, r, c)

    def local(self, box, centre, axes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Local coordinates (u, v, w) of the voxels of a box, mm, float32."""
        x = (self.xs[box[0]] - centre[0]).astype(np.float32)[:, None, None]
        z = (self.zs[box[1]] - centre[2]).astype(np.float32)[None, :, None]
        y = (self.ys[box[2]] - centre[1]).astype(np.float32)[None, None, :]
        m = axes.astype(np.float32)
        return tuple(m[n, 0] * x + m[n, 1] * y + m[n, 2] * z for n in range(3))
