"""The scan after an ablation registered to the one before: rigid, for the treated vertebra.

Spines bend between two examinations, so no rigid transform fits all of them; within one vertebra it does. The spine
around the metastasis is found first (``registration_search``), then the region alone is fitted
(``registration_refine``); ``registration_quality`` says whether the result is to be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry.orientation import Orientation
from SpineLib.progress import Progress, part, silent
from SpineLib.settings import Settings
from SpineLib.tasks.provenance import provenance
from SpineLib.tasks.registration.fat import fit_fat
from SpineLib.tasks.registration.quality import RegistrationQuality, judge
from SpineLib.tasks.registration.refine import (
    cut_patches,
    locally_normalised,
    near_region,
    refine,
    shrunken,
    smoothed,
)
from SpineLib.tasks.registration.region import Region
from SpineLib.tasks.registration.search import (
    Candidate,
    Fit,
    distance,
    polished,
    rigid_matrix,
    rigid_parameters,
    search,
)
from SpineLib.volume.checks import check_image, looks_like_ct
from SpineLib.volume.places import to_lps
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.told import reading_notes
from SpineLib.volume.transform import check_linear, rotation_degrees
from SpineLib.volume.volume import Volume

_LIBRARIES = ("numpy", "scipy", "SimpleITK")
#: The spine around the region that is searched for, mm, and spacings of its points in the search and in its polish.
_SPINE_MM, _SEARCH_MM, _POLISH_MM = 60.0, 8.0, 5.0
#: Starts of the last fit: the found place moved a little (rotation vector in radians, shift in mm).
_STARTS = ((0, 0, 0, 0, 0, 0), (0.03, 0.03, -0.03, 1.5, 1.5, -1.5))
#: Of the region's fit: size of the surroundings against which signal is measured, and grid, mm.
_LOCAL_MM, _GRID_MM = 12.0, 1.2
#: Candidates further apart than this at the region are rivals, nearer ones the same place.
_RIVAL_MM = 8.0


@dataclass(frozen=True)
class RegisterSettings(Settings):
    """What the user may choose.

    Attributes:
        margin_mm: how far around the metastasis the scans are compared: bone, endplates and the next discs.
        chemical_shift: fit the scanner's displacement of fat too: for T1 to T1.
        headers: where both scans' headers tell how far fat is displaced, fit only to which side
            (``registration_told``); otherwise the displacement is fitted freely (``registration_layers``).
    """

    margin_mm: float = 30.0
    chemical_shift: bool = True
    headers: bool = True

    def __post_init__(self):
        if not 3 <= self.margin_mm <= 60:
            raise SpineError(f"The margin around the metastasis is {self.margin_mm} mm; choose one between 3 and 60.")


@dataclass(frozen=True, eq=False)
class Registration:
    """A rigid transform and what is known about it.

    Attributes:
        after_to_before: (4, 4) float64, takes points of the scan after to the scan before (LPS mm).
        quality: whether it is to be trusted.
        provenance: JSON-able; what is needed to make the same result again.
        notes: sentences the user should read.
    """

    after_to_before: np.ndarray
    quality: RegistrationQuality
    provenance: dict
    notes: list[str]

    def to_dict(self) -> dict:
        """The JSON form."""
        return {
            "after_to_before_lps": self.after_to_before.tolist(),
            "quality": self.quality.to_dict(),
            "provenance": self.provenance,
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, values: Mapping) -> Registration:
        """The inverse of :meth:`to_dict`; other keys are left alone."""
        return cls(
            check_linear(values["after_to_before_lps"]),
            RegistrationQuality.from_dict(values["quality"]),
            dict(values["provenance"]),
            list(values["notes"]),
        )


def register(
    before: Volume,
    after: Volume,
    region: Region,
    settings: RegisterSettings = RegisterSettings(),
    progress: Progress = silent,
    start: np.ndarray | None = None,
) -> Registration:
    """Register the scan after to the scan before, rigidly, for the vertebra of the region.

    The same input gives the same transform.

    Args:
        before, after: MR of one patient, e.g. T1 and contrast-enhanced T1, or T2 and T2; any grids. What their headers
            tell of the displacement of fat (:func:`~SpineLib.volume.told.fat_shift_of`) makes the result more exact.
        region: the metastasis or a box around it, in the space of ``before``.
        settings: the user's choices.
        progress: told at least once a second; may raise ``Cancelled``.
        start: ``after_to_before`` (4, 4) to begin at, e.g. of
            :func:`SpineLib.tasks.registration.points.rigid_from_points`: the place next to it is taken, and others
            that fit as well are only told of.

    Raises:
        SpineError: an image cannot be used, the region lies outside the scan before, or nothing of it in the scan
            after.
        Cancelled: by ``progress``.
    """
    started = perf_counter()
    _check(before, after, region)
    scan, begin = after, np.eye(4)
    if start is not None:
        begin = _rigid(check_linear(start))
        after = _placed(after, begin)
    progress(0.02, "Preparing the scans")
    fits = _Fits.of(before, after, region)
    progress(0.1, "Searching for the place")
    candidates = search(fits.coarse, fits.fine, fits.centre, part(progress, 0.1, 0.4))
    best = candidates[0] if start is None else polished(fits.fine, [np.zeros(6)], fits.centre)[0]
    if best.fit <= 0:
        raise SpineError(
            "The scan after does not show the region of the metastasis; choose scans of one place, "
            "or place pairs of points."
        )
    patches = cut_patches(
        before,
        after,
        region,
        best.matrix,
        settings.margin_mm,
        lambda volume: locally_normalised(volume, _LOCAL_MM),
        _GRID_MM,
    )
    weight = near_region(patches[0], region, settings.margin_mm)
    found = rigid_parameters(best.matrix, fits.centre)
    starts = [rigid_matrix(found + np.array(offset), fits.centre) for offset in _STARTS]
    ends = refine(*patches, weight, starts, fits.centre, part(progress, 0.4, 0.7))
    matrix, metric = max(ends, key=lambda one: one[1])
    corners = region.corners()
    spread = sum(distance(one, matrix, corners) for one, _ in ends) / (len(ends) - 1)
    fat = None
    if settings.chemical_shift:
        fat = fit_fat(before, after, region, matrix, settings.margin_mm, settings.headers, part(progress, 0.7, 0.95))
        matrix, spread = fat.matrix, max(spread, fat.spread_mm)
    measured: dict[str, Any] = {
        "metric": metric,
        "rival": _rival(best, candidates, corners),
        "overlap": fits.local.share(rigid_parameters(matrix, fits.centre)),
        "spread_mm": float(spread),
        "bend_mm": distance(best.matrix, matrix, corners),
        "voxel_mm": (_in_plane(before) + _in_plane(after)) / 2,
        "fat": fat.way if fat else "ignored",
    }
    quality = judge(**measured)
    if not quality.trusted or quality.doubtful:
        progress(0.95, "Looking for a flipped scan")
        quality = judge(**measured, flipped=_flip(before, after, region, best.fit))
    applied = {
        "start": None if start is None else np.asarray(start).tolist(),
        "region": "box" if region.mask is None else "mask",
    }
    made = provenance(
        "register",
        started,
        asdict(settings) | applied,
        libraries=_LIBRARIES,
        inputs=[before.name or "before", scan.name or "after"],
        fat=None if fat is None else fat.facts,
    )
    after_to_before = np.linalg.inv(matrix) @ begin
    matrix = np.linalg.inv(after_to_before)
    shift = np.linalg.norm(matrix[:3, :3] @ fits.centre + matrix[:3, 3] - fits.centre)
    notes = [
        *reading_notes(before, scan, region.mask),
        f"Registered rigidly around the metastasis: shift {shift:.1f} mm, "
        f"turn {rotation_degrees(matrix):.1f} degrees, estimated error {quality.error_mm:.1f} mm.",
        *([fat.note] if fat else ()),
    ]
    if not quality.trusted:
        notes.append("This registration is not to be trusted. " + " ".join(quality.reasons))
    progress(1.0, "Done")
    return Registration(after_to_before, quality, made, notes)


def resample_after(after: Volume, before: Volume, after_to_before: np.ndarray, *, nearest: bool = False) -> Volume:
    """The scan after (or, with ``nearest``, labels of it) on the grid of the scan before; 0 where it does not reach.

    Args:
        after_to_before: (4, 4), LPS mm.

    Raises:
        SpineError: the transform cannot be used, see :func:`SpineLib.volume.transform.check_linear`.
    """
    return resample_like(after, before, np.linalg.inv(check_linear(after_to_before)), nearest=nearest)


@dataclass(frozen=True)
class _Fits:
    """Fits of the spine around the region at two resolutions, of the region itself, and the centre of all turns."""

    coarse: Fit
    fine: Fit
    local: Fit
    centre: np.ndarray

    @classmethod
    def of(cls, before: Volume, after: Volume, region: Region) -> _Fits:
        small = [locally_normalised(shrunken(volume, 3.0), 20.0) for volume in (before, after)]
        rough, finer = ((smoothed(small[0], sigma), smoothed(small[1], sigma)) for sigma in (3.0, 2.0))
        centre = region.centre
        return cls(
            Fit(*rough, _points(small[0], region, _SPINE_MM, _SEARCH_MM), centre),
            Fit(*finer, _points(small[0], region, _SPINE_MM, _POLISH_MM), centre),
            Fit(*finer, _points(small[0], region, 15.0, 3.0), centre),
            centre,
        )


def _points(volume: Volume, region: Region, margin_mm: float, step_mm: float) -> np.ndarray:
    """Voxel centres (n, 3), LPS mm, about ``step_mm`` apart, within the margin around the region."""
    steps = [max(1, round(step_mm / spacing)) for spacing in volume.spacing[::-1]]
    index = np.stack(
        np.meshgrid(*[np.arange(step // 2, size, step) for step, size in zip(steps, volume.shape)], indexing="ij"), -1
    ).reshape(-1, 3)
    points = to_lps(index, volume)
    return points[np.isfinite(region.distance(points, margin_mm))]


def _flip(before: Volume, after: Volume, region: Region, fit: float) -> str | None:
    """How the scan after has to be flipped to fit far better than ``fit``, or None.

    Mirrored left and right it cannot be told: a body is nearly symmetric.
    """
    _, rows, columns = Orientation.of(after).axes
    for axis, way in ((rows, "upside down"), (columns, "with front and back exchanged")):
        fits = _Fits.of(before, after.with_array(np.flip(after.array, axis)), region)
        if search(fits.coarse, fits.fine, fits.centre, count=2)[0].fit > max(1.5 * fit, fit + 0.1):
            return way
    return None


def _rival(best: Candidate, candidates: list[Candidate], corners: np.ndarray) -> float:
    others = [one.fit for one in candidates if distance(one.matrix, best.matrix, corners) > _RIVAL_MM]
    return max(others, default=0.0) / best.fit


def _placed(volume: Volume, matrix: np.ndarray) -> Volume:
    """The scan moved rigidly: its grid moves, no voxel is interpolated."""
    origin = matrix[:3, :3] @ volume.origin + matrix[:3, 3]
    return replace(volume, origin=tuple(origin), direction=matrix[:3, :3] @ volume.direction)


def _rigid(matrix: np.ndarray) -> np.ndarray:
    """The rotation nearest to a linear transform, and its shift."""
    left, _, right = np.linalg.svd(matrix[:3, :3])
    result = np.array(matrix)
    result[:3, :3] = left @ right
    return result


def _in_plane(volume: Volume) -> float:
    """Mean of the two smaller spacings, mm."""
    return sum(sorted(volume.spacing)[:2]) / 2


def _check(before: Volume, after: Volume, region: Region) -> None:
    for volume, when in ((before, "before"), (after, "after")):
        check_image(volume, volume.name or when)
        if looks_like_ct(volume):
            raise SpineError(f"The scan {when} is a CT, not an MR image; choose an MR sequence.")
    inverse = np.linalg.inv(before.ijk_to_lps)
    centre = inverse[:3, :3] @ region.centre + inverse[:3, 3]
    if ((centre < -0.5) | (centre > np.array(before.shape[::-1]) - 0.5)).any():
        raise SpineError("The region lies outside the scan before; draw the metastasis or the box on that scan.")
