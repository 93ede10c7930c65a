"""The size of a lesion as response criteria measure it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SpineLib.geometry.orientation import Orientation
from SpineLib.metrics.response import SHORTEST_MM, SHORTEST_SLICES
from SpineLib.tasks.segmentation.recist import axes_of
from SpineLib.volume import Volume


@dataclass(frozen=True)
class Size:
    """Of one lesion, or of several taken together.

    Attributes:
        volume_ml: of all voxels.
        longest_mm, across_mm: longest diameter in a slice, and the longest one across it in that slice.
        product_mm2: of the two; of several lesions the sum of products.
        slice_mm: distance of the slices in which it was measured.
    """

    volume_ml: float = 0.0
    longest_mm: float = 0.0
    across_mm: float = 0.0
    product_mm2: float = 0.0
    slice_mm: float = 0.0

    @property
    def measurable(self) -> bool:
        """Whether it is large enough for its diameters to mean something."""
        return self.longest_mm >= max(SHORTEST_MM, SHORTEST_SLICES * self.slice_mm) - 1e-6

    def __add__(self, other: Size) -> Size:
        larger = max(self, other, key=lambda one: one.longest_mm)
        return Size(
            self.volume_ml + other.volume_ml,
            larger.longest_mm,
            larger.across_mm,
            self.product_mm2 + other.product_mm2,
            max(self.slice_mm, other.slice_mm),
        )


def size_of(mask: Volume) -> Size:
    """Size of a lesion in the slices in which its image was taken (sagittal ones of a spine); of nothing all is 0."""
    orientation = Orientation.of(mask)
    array = orientation.apply(mask.array) != 0
    steps = [mask.spacing[2 - axis] for axis in orientation.axes]
    best = (0.0, 0.0)
    for plane in array[np.flatnonzero(array.any(axis=(1, 2)))]:
        best = max(best, axes_of(plane, (steps[1], steps[2])))
    volume = float(np.count_nonzero(array)) * mask.voxel_volume_ml
    return Size(volume, *best, best[0] * best[1], steps[0])
