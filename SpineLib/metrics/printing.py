"""The figures of a model to print and of a repair, as table nodes, the panel, pages and the shell show them.

Their values come from :func:`SpineLib.tasks.printing.reconstruct.reconstruct` and
:func:`SpineLib.tasks.inpainting.inpaint.inpaint`, by key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from SpineLib.metrics.measure import Figure

#: In the order in which they are listed.
MODEL_FIGURES: dict[str, Figure] = {
    one.key: one
    for one in (
        Figure("before_ml", "Vertebra before", "ml", 2),
        Figure("mask_ml", "Mask of the vertebra", "ml", 2),
        Figure("added_ml", "Added", "ml", 2),
        Figure("removed_ml", "Removed", "ml", 2),
        Figure("volume_ml", "Model", "ml", 2),
        Figure("whole_ml", "Model before it was cut, life size", "ml", 2),
        Figure("volume_error", "Model against voxels", "%", 2),
        Figure("thickened_ml", "Walls thickened by", "ml", 3),
        Figure("changed_mm2", "Changed surface", "mm²", 0),
        Figure("distance_95_mm", "Distance to before, 95 %", "mm", 1),
        Figure("distance_max_mm", "Distance to before, largest", "mm", 1),
        Figure("uncertain_mm2", "Surface that is an estimate", "mm²", 0),
        Figure("uncertainty_median_mm", "of which nine of ten places lie within, median", "mm", 1),
        Figure("uncertainty_95_mm", "the same, 95 % of that surface", "mm", 1),
        Figure("smallest_wall_mm", "Smallest wall", "mm", 2),
        Figure("surface_mm2", "Surface of the model", "mm²", 0),
        Figure("decimation_mm", "Moved by decimation", "mm", 3),
        Figure("triangles", "Triangles", "", 0),
        Figure("left_out", "Left out of the mask", "%", 1),
        Figure("edge_mm2", "Cut by the image's edge", "mm²", 0),
        Figure("canal_mm", "Canal through the model, radius", "mm", 1),
        Figure("left_pedicle_mm2", "Left pedicle, thinnest section", "mm²", 0),
        Figure("right_pedicle_mm2", "Right pedicle, thinnest section", "mm²", 0),
    )
}
REPAIR_FIGURES: dict[str, Figure] = {
    one.key: one
    for one in (
        Figure("volume_before_ml", "Vertebra before", "ml", 2),
        Figure("volume_after_ml", "Repaired", "ml", 2),
        Figure("added_ml", "Added", "ml", 2),
        Figure("removed_ml", "Taken away", "ml", 2),
        Figure("region_ml", "Region that might change", "ml", 2),
    )
}


def figures_of(measures: Mapping[str, Any], figures: Mapping[str, Figure]) -> Iterator[tuple[Figure, float | None]]:
    """Those of the figures that were measured, with their values."""
    for key, figure in figures.items():
        if key in measures:
            yield figure, measures[key]
