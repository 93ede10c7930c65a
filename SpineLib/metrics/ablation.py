"""The measures of an ablation: what the necrosis covers of the metastasis, and the margin. A new one is an entry here.

Tables for programs, table nodes, pages and the shell show what :data:`MEASURES` lists, in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from SpineLib.geometry.shape import Shape, Surface
from SpineLib.metrics.measure import Figure, Measure
from SpineLib.metrics.surface import SurfaceDistances, distances_to, summarise, weighted_percentiles

#: Margins are told apart from a limit, and from 0, only beyond this: a thousandth of the finest voxel, far above the
#: rounding of distances (1e-8 mm between identical surfaces) and far below what any mask can tell.
TOLERANCE_MM = 1e-4

PERCENTS = (5, 25, 50, 75, 95)
#: Keys of the percentiles, and what they are called in the JSON form.
_PERCENTILES = {f"percentile_{percent}_mm": str(percent) for percent in PERCENTS}
#: The two tables of measures.
OVERLAP, DISTANCE = "overlap", "distance"


@dataclass(frozen=True, eq=False)
class Ablation:
    """A metastasis M and the necrosis N after its ablation, in one space, as smooth shapes of their masks' own volumes.

    Attributes:
        metastasis: M.
        necrosis: N; None: nothing was treated.
        surface, necrosis_surface: theirs, LPS mm; None without N.
        area_mm2: (n,) float32, the area that belongs to each point of M's surface.
        margin_mm: (n,) float32, distance of each to N's surface, positive within N; nan without N.
        common_ml: |M and N|.
        unseen_ml: of M, outside the image with the necrosis.
        required_mm: the margin to be reached.
        error_mm: of the registration; None: not known, taken as none.
    """

    metastasis: Shape
    necrosis: Shape | None
    surface: Surface
    necrosis_surface: Surface | None
    area_mm2: np.ndarray
    margin_mm: np.ndarray
    common_ml: float
    unseen_ml: float
    required_mm: float
    error_mm: float | None

    @property
    def metastasis_ml(self) -> float:
        """|M|: the mask's voxels counted."""
        return self.metastasis.volume_ml

    @property
    def necrosis_ml(self) -> float:
        """|N|: the mask's voxels counted."""
        return self.necrosis.volume_ml if self.necrosis is not None else 0.0

    @cached_property
    def distances(self) -> SurfaceDistances:
        """Of the two surfaces from each other; there must be a necrosis."""
        assert self.necrosis_surface is not None
        back = distances_to(self.necrosis_surface.points, Surface(self.surface.points, self.surface.triangles))
        return summarise(np.abs(self.margin_mm), self.area_mm2, back, self.necrosis_surface.areas())

    @cached_property
    def percentiles(self) -> np.ndarray:
        """The margins, mm, that :data:`PERCENTS` of the surface are below."""
        return weighted_percentiles(self.margin_mm, self.area_mm2, PERCENTS)


def _surface_mm2(one: Ablation) -> float:
    return float(one.area_mm2.sum(dtype=float))


def _necrosis_surface_mm2(one: Ablation) -> float:
    return float(one.necrosis_surface.areas().sum(dtype=float)) if one.necrosis_surface is not None else 0.0


def _percentile(number: int, one: Ablation) -> float:
    return float(one.percentiles[number])


def _uncertain_share(one: Ablation) -> float:
    """Share of the surface whose margin lies within the error of the required one: there the error decides."""
    error = one.error_mm or 0.0
    near = (
        np.abs(one.margin_mm - one.required_mm) <= error + TOLERANCE_MM if error else np.zeros(len(one.margin_mm), bool)
    )
    return float(one.area_mm2[near].sum(dtype=float)) / _surface_mm2(one)


def _treated(of: Callable[[Ablation], float]) -> Callable[[Ablation], float | None]:
    """A measure that there is not without a necrosis."""
    return lambda one: None if one.necrosis is None else of(one)


def _overlap(key: str, label: str, unit: str, digits: int, of: Callable[[Ablation], float | None]) -> Measure:
    return Measure(key, label, unit, digits, of=of, group=OVERLAP)


def _distance(
    key: str, label: str, unit: str, digits: int, of: Callable[[Ablation], float | None], **more: Any
) -> Measure:
    return Measure(key, label, unit, digits, of=of, group=DISTANCE, **more)


#: By key. Dice and Jaccard: 2 |M and N| / (|M| + |N|), |M and N| / |M or N|; covered: |M and N| / |M|, the ablation's
#: completeness. Distances run from surface to surface and are weighted by area; the margin is that of
#: :class:`Ablation`, its smallest value the minimal ablative margin. Hausdorff: the largest distance of a point of
#: either surface from the other one; its 95 %: the larger of the two surfaces' 95 % percentiles.
MEASURES: dict[str, Measure] = {
    one.key: one
    for one in (
        _overlap("metastasis_ml", "Metastasis", "ml", 2, lambda one: one.metastasis_ml),
        _overlap("necrosis_ml", "Necrosis", "ml", 2, lambda one: one.necrosis_ml),
        _overlap("common_ml", "In common", "ml", 2, lambda one: one.common_ml),
        _overlap("dice", "Dice", "%", 1, lambda one: 2 * one.common_ml / (one.metastasis_ml + one.necrosis_ml)),
        _overlap(
            "jaccard",
            "Jaccard",
            "%",
            1,
            lambda one: one.common_ml / (one.metastasis_ml + one.necrosis_ml - one.common_ml),
        ),
        _overlap("covered_share", "Covered (completeness)", "%", 1, lambda one: one.common_ml / one.metastasis_ml),
        _overlap("untreated_ml", "Untreated", "ml", 2, lambda one: one.metastasis_ml - one.common_ml),
        _overlap(
            "necrosis_outside_ml",
            "Necrosis outside the metastasis",
            "ml",
            2,
            lambda one: max(one.necrosis_ml - one.common_ml, 0.0),
        ),
        _overlap("unseen_ml", "Not on the scan after", "ml", 2, lambda one: one.unseen_ml),
        _distance("minimum_mm", "Minimal ablative margin", "mm", 1, _treated(lambda one: float(one.margin_mm.min()))),
        _distance(
            "mean_mm",
            "Mean margin",
            "mm",
            1,
            _treated(lambda one: float(np.average(one.margin_mm, weights=one.area_mm2))),
        ),
        *(
            _distance(
                key,
                f"Margin, {percent} % of the surface below",
                "mm",
                1,
                _treated(partial(_percentile, number)),
            )
            for number, (key, percent) in enumerate(_PERCENTILES.items())
        ),
        _distance("hausdorff_mm", "Hausdorff distance", "mm", 1, _treated(lambda one: one.distances.hausdorff)),
        _distance(
            "hausdorff95_mm", "95 % Hausdorff distance", "mm", 1, _treated(lambda one: one.distances.hausdorff95)
        ),
        _distance(
            "average_symmetric_mm",
            "Average symmetric surface distance",
            "mm",
            2,
            _treated(lambda one: one.distances.average_symmetric),
        ),
        _distance("surface_mm2", "Surface of the metastasis", "mm²", 0, _surface_mm2),
        _distance("necrosis_surface_mm2", "Surface of the necrosis", "mm²", 0, _necrosis_surface_mm2, listed=False),
        _distance(
            "error_mm", "Registration error", "mm", 1, lambda one: one.error_mm, missing="not known, taken as none"
        ),
        _distance("uncertain_share", "Surface on which that error decides", "%", 1, _treated(_uncertain_share)),
    )
}


def measured(one: Ablation) -> dict[str, float | None]:
    """All measures by key."""
    return {key: measure.of(one) for key, measure in MEASURES.items()}


def range_words(low: float | None, high: float | None, unit: str = "") -> str:
    """ "below 0 mm", "0 to 5 mm", "5 mm and more" for the unit " mm": a bin of margins, None where it has no limit."""
    if low is None:
        return f"below {high:g}{unit}"
    return f"{low:g}{unit} and more" if high is None else f"{low:g} to {high:g}{unit}"


def bin_figure(low: float | None, high: float | None) -> Figure:
    """How the share of the surface in a bin of margins is called."""
    if low is None:
        key = f"share_below_{high:g}_mm"
    else:
        key = f"share_from_{low:g}_mm" if high is None else f"share_{low:g}_to_{high:g}_mm"
    return Figure(key, f"Surface with a margin of {range_words(low, high, ' mm')}", "%", 1)


def json_form(values: Mapping[str, float | None]) -> dict[str, dict[str, Any]]:
    """All measures in their groups, the percentiles in a dictionary of their own (None without a necrosis)."""
    form: dict[str, dict[str, Any]] = {OVERLAP: {}, DISTANCE: {}}
    percentiles = {name: values[key] for key, name in _PERCENTILES.items()}
    for key, measure in MEASURES.items():
        if key not in _PERCENTILES:
            form[measure.group][key] = values[key]
        elif "percentiles_mm" not in form[DISTANCE]:
            form[DISTANCE]["percentiles_mm"] = None if None in percentiles.values() else percentiles
    return form


def figures_of(comparison: Mapping[str, Any], group: str | None = None) -> Iterator[tuple[Figure, float | None]]:
    """The measures of a comparison in its JSON form, which an older version may have written; None where it has none.

    Args:
        comparison: :meth:`SpineLib.tasks.followup.compare.Comparison.to_dict`.
        group: :data:`OVERLAP` or :data:`DISTANCE`; None: both.
    """
    percentiles = comparison[DISTANCE].get("percentiles_mm") or {}
    for key, measure in MEASURES.items():
        if group in (None, measure.group):
            yield measure, percentiles.get(_PERCENTILES.get(key), comparison[measure.group].get(key))


def bin_figures_of(comparison: Mapping[str, Any]) -> Iterator[tuple[Figure, float]]:
    """The shares of the surface by margin of a comparison in its JSON form."""
    for one in comparison[DISTANCE]["bins"]:
        yield bin_figure(one["low_mm"], one["high_mm"]), one["share"]
