"""The metastasis before and the necrosis after an ablation, in one space: overlap, margin, verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from time import perf_counter

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry.shape import Shape, shape_of
from SpineLib.json_text import plain
from SpineLib.metrics.ablation import DISTANCE, OVERLAP, Ablation, json_form, measured
from SpineLib.progress import Progress, silent
from SpineLib.settings import Settings
from SpineLib.tasks.followup.coverage import Coverage, coverage
from SpineLib.tasks.followup.margin import (
    MarginBin,
    MarginSurface,
    ThinnestPlace,
    margin_bins,
    share_below,
    signed_margin,
    thinnest_place,
)
from SpineLib.tasks.followup.required import BANDS_MM, REQUIRED_MARGIN_MM
from SpineLib.tasks.followup.verdict import Evidence, Shortfall, Verdict, judge
from SpineLib.tasks.provenance import provenance
from SpineLib.volume.checks import check_mask
from SpineLib.volume.places import shows
from SpineLib.volume.told import reading_notes
from SpineLib.volume.transform import check_linear
from SpineLib.volume.volume import Volume

_LIBRARIES = ("numpy", "scipy", "vtk")


@dataclass(frozen=True)
class CompareSettings(Settings):
    """What the user may choose.

    Attributes:
        required_margin_mm: the margin that has to be reached (:mod:`SpineLib.tasks.followup.required`); 0: it is enough
            that the metastasis is covered.
        tolerated_share: of the metastasis's surface (0 to 1) that may lack it.
        smallest_untreated_ml: from which an untreated piece matters; None: a cube with the longest side of a voxel of
            either mask, since less cannot be told from the masks' own raggedness.
        margin_bins_mm: limits of the margins whose shares of the surface are given, increasing.
    """

    required_margin_mm: float = REQUIRED_MARGIN_MM
    tolerated_share: float = 0.01
    smallest_untreated_ml: float | None = None
    margin_bins_mm: tuple[float, ...] = BANDS_MM

    def __post_init__(self):
        object.__setattr__(self, "margin_bins_mm", tuple(float(value) for value in self.margin_bins_mm))
        if not -50 <= self.required_margin_mm <= 50:
            raise SpineError(f"The required margin is {self.required_margin_mm} mm; choose one between -50 and 50.")
        if not 0 <= self.tolerated_share < 1:
            raise SpineError(f"The tolerated share is {self.tolerated_share}; choose 0 or more, and less than 1.")
        if self.smallest_untreated_ml is not None and not 0 <= self.smallest_untreated_ml < 1e6:
            raise SpineError(f"The smallest untreated piece is {self.smallest_untreated_ml} ml; choose 0 or more.")
        bins = self.margin_bins_mm
        if not bins or not all(map(math.isfinite, bins)) or any(a >= b for a, b in pairwise(bins)):
            raise SpineError("The limits of the margin's bins must be numbers that increase, e.g. 0 and 5 mm.")


@dataclass(frozen=True, eq=False)
class Comparison:
    """What an ablation did to one metastasis.

    Attributes:
        values: all of :data:`SpineLib.metrics.ablation.MEASURES` by key; None where there is none.
        coverage: what is left untreated, piece by piece.
        bins: shares of the surface between the limits of the settings; () without a necrosis.
        thinnest: where the margin is smallest; None without a necrosis.
        verdict: complete, covered without the required margin, incomplete or not to be told.
        surface: of the metastasis, painted with the margin; LPS, in the space of the scan before.
        provenance: JSON-able; what is needed to make the same result again.
        notes: sentences the user should read.
    """

    values: Mapping[str, float | None]
    coverage: Coverage
    bins: tuple[MarginBin, ...]
    thinnest: ThinnestPlace | None
    verdict: Verdict
    surface: MarginSurface
    provenance: dict
    notes: list[str]

    def to_dict(self) -> dict:
        """The JSON form, without the surface; what there is not (nan) is null."""
        form, thinnest = json_form(self.values), self.thinnest
        distance = {
            "thinnest_ras_mm": thinnest.ras_mm if thinnest else None,
            "thinnest_where": thinnest.where if thinnest else None,
            "bins": [asdict(one) for one in self.bins],
        }
        return plain(
            {
                OVERLAP: form[OVERLAP] | self.coverage.to_dict(),
                DISTANCE: form[DISTANCE] | distance,
                "verdict": self.verdict.to_dict(),
                "notes": list(self.notes),
                "provenance": self.provenance,
            }
        )


def compare(
    metastasis: Volume,
    necrosis: Volume,
    after_to_before: np.ndarray | None = None,
    settings: CompareSettings = CompareSettings(),
    progress: Progress = silent,
    error_mm: float | None = None,
    trusted: bool = True,
) -> Comparison:
    """Compare the metastasis with the necrosis that was to cover it.

    Both masks are taken as the smooth shapes that they sample (:func:`SpineLib.geometry.shape.shape_of`), each from its
    own grid; nothing is resampled to the other's voxels.

    Args:
        metastasis: mask on a grid of the scan before; not 0 inside.
        necrosis: mask on a grid of the scan after; may be empty: nothing was treated that this grid shows.
        after_to_before: 4 x 4, rigid or affine, LPS mm of the scan after to LPS mm of the scan before; None: both are
            in one space.
        settings: the user's choices.
        progress: may raise ``Cancelled``.
        error_mm: how far the registration may be off; the verdict takes it into account.
        trusted: False when the registration says of itself that it is not to be trusted.

    Raises:
        SpineError: the metastasis is empty, a mask is not 3-D, the transform singular or mirroring.
        Cancelled: by ``progress``.
    """
    started = perf_counter()
    matrix = np.eye(4) if after_to_before is None else check_linear(after_to_before)
    if error_mm is not None and not 0 <= error_mm < 1000:
        raise SpineError(f"The registration error is {error_mm} mm; it must be 0 or more.")
    progress(0.0, "Finding the surfaces")
    tumour = _shape(metastasis, "metastasis")
    if tumour is None:
        raise SpineError("The metastasis is empty: segment it, or choose another mask of the scan before.")
    dead = _shape(necrosis, "necrosis")
    dead = dead.moved(matrix) if dead is not None else None
    tumour_surface = tumour.surface()
    dead_surface = dead.surface() if dead is not None else None
    areas = tumour_surface.areas().astype(np.float32)
    progress(0.3, "Measuring the margin")
    margin = (
        signed_margin(tumour_surface, dead, dead_surface)
        if dead is not None and dead_surface is not None
        else np.full(len(areas), np.nan, np.float32)
    )
    surface = MarginSurface(tumour_surface.points, tumour_surface.triangles, margin, areas)
    progress(0.6, "Measuring what is covered")
    smallest = settings.smallest_untreated_ml
    if smallest is None:
        smallest = max(shape.voxel_mm[-1] for shape in (tumour, dead or tumour)) ** 3 / 1000
    covered = coverage(tumour, dead, tumour_surface, dead_surface, smallest)
    required = settings.required_margin_mm
    values = measured(
        Ablation(
            tumour,
            dead,
            tumour_surface,
            dead_surface,
            areas,
            margin,
            covered.common_ml,
            covered.unseen_ml,
            required,
            error_mm,
        )
    )
    evidence = None
    if dead is not None:
        error = error_mm or 0.0
        evidence = Evidence(
            uncovered=_shortfall(surface, min(required, 0.0), error),
            short=_shortfall(surface, required, error),
            pieces=[(piece.volume_ml, piece.depth_mm) for piece in covered.pieces if piece.seen_share > 0.5],
            unseen_ml=covered.unseen_ml,
            error_mm=error,
        )
    shown = dead is not None or shows(necrosis, metastasis, np.linalg.inv(matrix))
    verdict = judge(evidence, required, settings.tolerated_share, smallest, trusted, shown)
    applied = {
        "smallest_untreated_ml": smallest,
        "error_mm": error_mm,
        "trusted": trusted,
        "after_to_before_lps": matrix.tolist(),
    }
    made = provenance("compare", started, asdict(settings) | applied, libraries=_LIBRARIES)
    error_unknown = after_to_before is not None and error_mm is None
    notes = reading_notes(metastasis, necrosis) + _notes(tumour, dead, covered, matrix, error_unknown, shown)
    progress(1.0, "Done")
    bins = margin_bins(surface, settings.margin_bins_mm) if dead is not None else ()
    thinnest = thinnest_place(surface) if dead is not None else None
    return Comparison(values, covered, bins, thinnest, verdict, surface, made, notes)


def _shortfall(surface: MarginSurface, wanted_mm: float, error_mm: float) -> Shortfall:
    return Shortfall(share_below(surface, wanted_mm - error_mm), share_below(surface, wanted_mm + error_mm))


def _shape(mask: Volume, name: str) -> Shape | None:
    check_mask(mask, name)
    return shape_of(mask)


def _notes(
    tumour: Shape, dead: Shape | None, covered: Coverage, matrix: np.ndarray, error_unknown: bool, shown: bool
) -> list[str]:
    notes = []
    for name, shape in (("metastasis", tumour), ("necrosis", dead)):
        if shape is not None and shape.edges:
            notes.append(
                f"The {name} touches the edge of its image ({', '.join(shape.edges)}): there its surface is "
                "the edge of the field of view."
            )
    if dead is None:
        notes.append(
            "The necrosis is empty: the whole metastasis counts as untreated, and there is no margin."
            if shown
            else "The necrosis is empty, and the image with it does not show the metastasis whole: no figure tells of "
            "a treatment."
        )
        return notes
    if covered.unseen_ml > 0.001 * tumour.volume_ml:
        notes.append(
            f"{covered.unseen_ml:.2f} ml of the metastasis lie outside the image with the necrosis and count "
            "as untreated."
        )
    if covered.common_ml == 0:
        notes.append("Metastasis and necrosis do not overlap: check the registration, and that they belong together.")
    scales = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    if np.abs(scales - 1).max() > 0.01:
        notes.append(f"The transform is not rigid: it scales the necrosis by {scales[-1]:.2f} to {scales[0]:.2f}.")
    if error_unknown:
        notes.append("The registration's error is not known: the verdict takes the margin as exact.")
    return notes
