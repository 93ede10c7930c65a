"""The grid a trunk is drawn on, and the map that is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.spine import Vertebra
from SpineLib.volume.triples import triple

Box = tuple[slice, slice, slice]


@dataclass(eq=False)
class Trunk:
    """A trunk while it is drawn; arrays are (z, y, x).

    Attributes:
        zs, ys, xs: LPS positions of the voxels, mm, increasing.
        stuff: uint8, :class:`SpineLib.phantom.trunk.stuff.Stuff`.
        parts: uint8; 1 body, 2 arch, 3 sacrum, 4 disc, 5 canal, 6 other bone.
        instances: uint8, VerSe's numbers.
        spine: vertebrae from the lowest to the highest.
        rng: source of all randomness.
    """

    zs: np.ndarray
    ys: np.ndarray
    xs: np.ndarray
    spine: list[Vertebra]
    rng: np.random.Generator
    stuff: np.ndarray = field(init=False)
    parts: np.ndarray = field(init=False)
    instances: np.ndarray = field(init=False)

    def __post_init__(self):
        self.stuff, self.parts, self.instances = (np.zeros(self.shape, np.uint8) for _ in range(3))

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.zs), len(self.ys), len(self.xs)

    @property
    def step(self) -> tuple[float, float, float]:
        """Voxel sizes along (z, y, x), mm."""
        return triple(float(axis[1] - axis[0]) for axis in (self.zs, self.ys, self.xs))

    @property
    def open_grid(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """z, y, x, float32, ready to broadcast."""
        z, y, x = (axis.astype(np.float32) for axis in (self.zs, self.ys, self.xs))
        return z[:, None, None], y[None, :, None], x[None, None, :]

    def box(self, low, high) -> Box | None:
        """Index box of LPS positions ``low`` to ``high``, (x, y, z) each; None when it misses the grid."""
        parts = [
            slice(*np.searchsorted(axis, (low[n], high[n]))) for axis, n in ((self.zs, 2), (self.ys, 1), (self.xs, 0))
        ]
        return None if min(p.stop - p.start for p in parts) < 1 else (parts[0], parts[1], parts[2])

    def local(self, box: Box, centre, axes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Local coordinates (u, v, w) of a box's voxels, mm, float32."""
        z, y, x = (
            (axis[part] - centre[n]).astype(np.float32)
            for axis, part, n in zip((self.zs, self.ys, self.xs), box, (2, 1, 0))
        )
        m = axes.astype(np.float32)
        return tuple(
            m[n, 0] * x[None, None, :] + m[n, 1] * y[None, :, None] + m[n, 2] * z[:, None, None] for n in range(3)
        )

    def field(self, mm: float | tuple[float, float, float], box: Box | None = None) -> np.ndarray:
        """Random field of about unit deviation whose values change over ``mm`` (z, y, x)."""
        shape = self.shape if box is None else tuple(p.stop - p.start for p in box)
        sizes = (mm, mm, mm) if isinstance(mm, int | float) else mm
        return smooth_field(self.rng, shape, tuple(a / b for a, b in zip(sizes, self.step)))

    def put(self, box: Box, where: np.ndarray, stuff, part: int | None = None, number: int | None = None) -> None:
        """Write stuff, and part and instance where given, into a box's voxels ``where``; other parts are taken off."""
        self.stuff[box][where] = stuff
        self.parts[box][where] = part or 0
        self.instances[box][where] = number or 0

    def ball(self, centre, radii, axes=None, rough: float = 0.0):
        """Box and (squared) relative radius of an ellipsoid, or None when it misses the grid."""
        centre, radii = np.asarray(centre, float), np.asarray(radii, float)
        reach = np.full(3, radii.max()) if axes is not None else radii
        box = self.box(centre - 1.3 * reach, centre + 1.3 * reach)
        if box is None:
            return None
        u, v, w = self.local(box, centre, np.eye(3) if axes is None else axes)
        rho = (u / radii[0]) ** 2 + (v / radii[1]) ** 2 + (w / radii[2]) ** 2
        if rough:
            rho = rho * (1 + np.float32(rough) * self.field(float(max(radii.mean() * 0.8, 3.0)), box))
        return box, rho
