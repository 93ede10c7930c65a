"""The place in a scan around which another scan is registered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from SpineLib.errors import SpineError
from SpineLib.volume.places import to_lps
from SpineLib.volume.volume import Volume

#: More points than this of a mask's edge make distances no truer, only slower.
_MOST_POINTS = 20000


@dataclass(frozen=True, eq=False)
class Region:
    """A metastasis (from its mask) or a box, in the space of the scan before the ablation.

    Attributes:
        mask: not 0 inside, on any grid; None for a box.
        low, high: corners of the box that holds the region, (3,), LPS mm, along the patient's axes.
    """

    low: np.ndarray
    high: np.ndarray
    mask: Volume | None = None

    @classmethod
    def from_mask(cls, mask: Volume) -> Region:
        """The region where ``mask`` is not 0.

        Raises:
            SpineError: the mask is empty.
        """
        index = np.argwhere(mask.array)
        if not len(index):
            raise SpineError("The metastasis's segmentation is empty; draw the metastasis or choose another segment.")
        points = to_lps(index, mask)
        half = np.abs(mask.direction * mask.spacing).sum(axis=1) / 2  # of a voxel, along the patient's axes
        return cls(points.min(axis=0) - half, points.max(axis=0) + half, mask)

    @classmethod
    def from_box(cls, centre_lps_mm: Sequence[float], size_mm: Sequence[float]) -> Region:
        """A box along the patient's axes.

        Raises:
            SpineError: its size is not positive, or a number is none.
        """
        try:
            centre, size = (np.asarray(values, dtype=float).reshape(3) for values in (centre_lps_mm, size_mm))
        except (TypeError, ValueError):
            raise SpineError(
                "The region's box needs three numbers for its centre and three for its size, in mm."
            ) from None
        if not (np.isfinite(centre).all() and np.isfinite(size).all() and (size > 0).all()):
            raise SpineError("The region's box must have a size above 0 mm; draw it again around the metastasis.")
        return cls(centre - size / 2, centre + size / 2)

    @property
    def centre(self) -> np.ndarray:
        """Middle of the box, (3,), LPS mm."""
        return (self.low + self.high) / 2

    def corners(self, margin_mm: float = 0.0) -> np.ndarray:
        """The eight corners (8, 3), LPS mm, of the box grown by a margin."""
        ends = np.stack([self.low - margin_mm, self.high + margin_mm])
        return np.stack(np.meshgrid(*ends.T, indexing="ij"), -1).reshape(-1, 3)

    def inside(self, points: np.ndarray) -> np.ndarray:
        """Whether points (n, 3), LPS mm, lie in the region."""
        if self.mask is None:
            return np.all((points >= self.low) & (points <= self.high), axis=1)
        inverse = np.linalg.inv(self.mask.ijk_to_lps)
        index = np.rint(points @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)[:, ::-1]
        seen = ((index >= 0) & (index < self.mask.shape)).all(axis=1)
        result = np.zeros(len(points), bool)
        result[seen] = self.mask.array[tuple(index[seen].T)] != 0
        return result

    def distance(self, points: np.ndarray, farthest_mm: float) -> np.ndarray:
        """Distance of points (n, 3), LPS mm, to the region in mm; 0 inside, infinite beyond ``farthest_mm``."""
        outside = np.maximum(np.maximum(self.low - points, points - self.high), 0)
        distance = np.linalg.norm(outside, axis=1)
        distance[distance > farthest_mm] = np.inf
        if self.mask is not None:
            near = np.isfinite(distance)
            distance[near], _ = self._tree.query(points[near], distance_upper_bound=farthest_mm)
            distance[self.inside(points)] = 0.0
        return distance

    @cached_property
    def _tree(self):
        """Of the mask's edge voxels."""
        assert self.mask is not None
        inside = self.mask.array != 0
        edge = np.argwhere(inside & ~ndimage.binary_erosion(inside))
        return KDTree(to_lps(edge[:: max(1, len(edge) // _MOST_POINTS)], self.mask))
