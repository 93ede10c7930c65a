"""An image with its place in the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D image on a regular, possibly oblique, grid.

    Attributes:
        array: voxels, shape (k, j, i) (slowest axis first, as ``SimpleITK.GetArrayFromImage`` gives them).
        spacing: distance between neighbouring voxels along i, j, k, in mm.
        origin: centre of voxel (0, 0, 0), LPS, mm.
        direction: 3 x 3; column n is the direction of index axis n (i, j, k) in LPS, unit length.
        name: a label for messages ("T1"); never a patient's name.
        meta: what its file told beside that, by key (:mod:`SpineLib.volume.told`); it holds wherever the grid is turned
            or cut, and tells nothing of the patient.
    """

    array: np.ndarray
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: np.ndarray = field(default_factory=lambda: np.eye(3))
    name: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "spacing", tuple(float(v) for v in self.spacing))
        object.__setattr__(self, "origin", tuple(float(v) for v in self.origin))
        object.__setattr__(self, "direction", np.asarray(self.direction, dtype=float).reshape(3, 3))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the array (k, j, i)."""
        return self.array.shape

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel, ml."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def ijk_to_lps(self) -> np.ndarray:
        """4 x 4 matrix from index (i, j, k, 1) to LPS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.direction * np.asarray(self.spacing)
        matrix[:3, 3] = self.origin
        return matrix

    def with_array(self, array: np.ndarray, name: str | None = None) -> Volume:
        """The same grid with other voxels."""
        if array.shape != self.array.shape:
            raise ValueError(f"array of shape {array.shape} on a grid of shape {self.array.shape}")
        return replace(self, array=array, name=self.name if name is None else name)

    def with_meta(self, more: Mapping[str, Any]) -> Volume:
        """The same image, of which more is told."""
        return replace(self, meta={**self.meta, **more})

    def same_grid(self, other: Volume, tolerance_mm: float = 1e-3) -> bool:
        """Whether both grids put every voxel in the same place, to ``tolerance_mm`` at the farthest corner."""
        if self.array.shape[-3:] != other.array.shape[-3:]:
            return False
        k, j, i = self.array.shape[-3:]
        corners = np.array([[a, b, c, 1] for a in (0, i) for b in (0, j) for c in (0, k)], dtype=float).T
        return bool(np.abs((self.ijk_to_lps - other.ijk_to_lps) @ corners).max() <= tolerance_mm)
