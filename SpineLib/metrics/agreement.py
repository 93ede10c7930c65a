"""How a mask agrees with a reference, by voxels and by surfaces: the measures of a table, a line for each lesion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from SpineLib.geometry.shape import shape_of
from SpineLib.metrics.measure import Measure
from SpineLib.metrics.overlap import Overlap, overlap
from SpineLib.metrics.surface import SurfaceDistances, distances_to, summarise
from SpineLib.volume import Volume


@dataclass(frozen=True, eq=False)
class Agreement:
    """Two masks on one grid.

    Attributes:
        reference: the truth, not 0 inside; None: there is no such lesion.
        result: what is judged; None likewise.
    """

    reference: Volume | None
    result: Volume | None

    @cached_property
    def overlap(self) -> Overlap:
        """Voxel by voxel on the whole grid."""
        there = self.reference if self.reference is not None else self.result
        assert there is not None
        nothing = np.zeros(there.shape, bool)
        arrays = [nothing if one is None else one.array for one in (self.reference, self.result)]
        return overlap(*arrays)

    @cached_property
    def distances(self) -> SurfaceDistances | None:
        """Of the surfaces of both from each other; None where one is empty."""
        shapes = [None if one is None else shape_of(one) for one in (self.reference, self.result)]
        if shapes[0] is None or shapes[1] is None:
            return None
        first, second = (shape.surface() for shape in shapes if shape is not None)
        return summarise(
            distances_to(first.points, second), first.areas(), distances_to(second.points, first), second.areas()
        )


def _ml(mask: Volume | None) -> float | None:
    return None if mask is None else float(np.count_nonzero(mask.array)) * mask.voxel_volume_ml


def _apart(of: Callable[[SurfaceDistances], float]) -> Callable[[Agreement], float | None]:
    return lambda one: None if one.distances is None else of(one.distances)


def _measure(key: str, label: str, unit: str, digits: int, of: Callable[[Any], float | None]) -> Measure:
    return Measure(key, label, unit, digits, of=of)


#: By key: Dice, true positive and true negative rate (Hille et al. 2020), distances from surface to surface, weighted
#: by area (:class:`SpineLib.metrics.surface.SurfaceDistances`).
AGREEMENT_MEASURES: dict[str, Measure] = {
    one.key: one
    for one in (
        _measure("dice", "Dice", "%", 1, lambda one: one.overlap.dice),
        _measure("tpr", "TPR", "%", 1, lambda one: one.overlap.tpr),
        _measure("tnr", "TNR", "%", 2, lambda one: one.overlap.tnr),
        _measure("average_symmetric_mm", "Average distance", "mm", 2, _apart(lambda one: one.average_symmetric)),
        _measure("hausdorff95_mm", "95 % Hausdorff distance", "mm", 1, _apart(lambda one: one.hausdorff95)),
        _measure("reference_ml", "Reference", "ml", 2, lambda one: _ml(one.reference)),
        _measure("result_ml", "Result", "ml", 2, lambda one: _ml(one.result)),
    )
}
