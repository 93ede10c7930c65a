"""The measures of a lesion, as tables of lesions show them: files, table nodes, pages and the shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from SpineLib.metrics.measure import Measure


def _measure(key: str, label: str, unit: str, digits: int, stored: int, of: Callable[[Any], float]) -> Measure:
    return Measure(key, label, unit, digits, stored=stored, of=of)


#: Of a :class:`SpineLib.tasks.segmentation.lesions.Lesion`, by key, in the order of the columns.
LESION_MEASURES: dict[str, Measure] = {
    one.key: one
    for one in (
        _measure("volume_ml", "Volume", "ml", 2, 4, lambda one: one.volume_ml),
        _measure("diameter_in_plane_mm", "Longest diameter in plane", "mm", 1, 2, lambda one: one.diameter_in_plane_mm),
        _measure("diameter_3d_mm", "3-D diameter", "mm", 1, 2, lambda one: one.diameter_3d_mm),
        _measure("centre_r_mm", "R", "mm", 1, 2, lambda one: one.centre_ras_mm[0]),
        _measure("centre_a_mm", "A", "mm", 1, 2, lambda one: one.centre_ras_mm[1]),
        _measure("centre_s_mm", "S", "mm", 1, 2, lambda one: one.centre_ras_mm[2]),
        _measure("mean_probability", "Mean probability", "", 2, 4, lambda one: one.mean_probability),
    )
}
