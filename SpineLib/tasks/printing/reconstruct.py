"""A vertebra's mask as a model that prints, beside the model of the vertebra as it was before its repair."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry.triangles import areas, areas_at_points
from SpineLib.mesh.model import Model, ModelSettings, build_model, build_surface
from SpineLib.mesh.polydata import distances_to_triangles, write_vtp
from SpineLib.metrics.repair import bound_at
from SpineLib.metrics.surface import weighted_percentiles
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.provenance import provenance
from SpineLib.volume.files import whole_files
from SpineLib.volume.told import reading_notes
from SpineLib.volume.volume import Volume

#: Names of the arrays in a written model.
THICKNESS, DISTANCE, UNCERTAINTY, BAD = "thickness_mm", "distance_mm", "uncertainty_mm", "bad"
_LIBRARIES = ("numpy", "scipy", "vtk", "manifold3d")
#: A point moved farther than this belongs to what the repair changed, mm.
_CHANGED_MM = 0.25


@dataclass(frozen=True, eq=False)
class BeforeSurface:
    """The vertebra before its repair, made like the model and cut like it, but not checked.

    Attributes:
        points: (n, 3) float64, LPS mm, in the model's scale.
        triangles: (m, 3) int32.
        distance_mm: (n,) at its points, signed distance to the model's surface, life size: negative where the model
            covers it.
    """

    points: np.ndarray
    triangles: np.ndarray
    distance_mm: np.ndarray


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A model, and how it differs from the vertebra before.

    Attributes:
        model: with what the print gate says of it.
        before: None where none was given.
        distance_mm: (n,) at the model's points, signed distance to the surface before, life size: positive where the
            repair added; None without it.
        uncertainty_mm: (n,) at the model's points, life size: nine of ten places lie no farther from the true surface;
            0 where the bone was known. None where it is not told.
        measures: figures of the model and of the difference, JSON-able; see :func:`reconstruct`.
        provenance: JSON-able; what is needed to make the same model again.
        notes: sentences the user should read, those of ``model.attention`` first.
    """

    model: Model
    before: BeforeSurface | None
    distance_mm: np.ndarray | None
    measures: dict
    provenance: dict
    notes: list[str]
    uncertainty_mm: np.ndarray | None = None


def reconstruct(
    mask: Volume,
    before: Volume | None = None,
    settings: ModelSettings = ModelSettings(),
    progress: Progress = silent,
    uncertainty: Volume | None = None,
) -> Reconstruction:
    """Make a model of a mask and compare it with the mask before its repair.

    The measures are "mask_ml", "whole_ml", "volume_error", "volume_ml", "decimation_mm", "triangles" (see
    :class:`SpineLib.mesh.model.Model`), "surface_mm2", "size_mm" (three sides of the box) and "smallest_wall_mm"; with
    a mask before also "before_ml" (its voxels), "added_ml" and "removed_ml" (of voxels, None where the grids differ),
    "changed_mm2" (surface more than 0.25 mm from the one before, life size), "distance_95_mm" and "distance_max_mm";
    with an uncertainty "uncertain_mm2" (surface whose place is an estimate, life size), "uncertainty_median_mm" and
    "uncertainty_95_mm" of it.

    Args:
        mask: the vertebra to be printed, not 0 inside.
        before: as it was; on any grid.
        settings: the user's choices.
        progress: may raise ``Cancelled``.
        uncertainty: of the repair (:class:`SpineLib.tasks.inpainting.inpaint.Repair`), mm, on any grid.

    Raises:
        SpineError: a mask is empty or has no place in space; nothing is left after the cut.
        Cancelled: by ``progress``.
    """
    started = perf_counter()
    model = build_model(mask, settings, part(progress, 0.0, 0.7 if before is not None else 1.0))
    measures = model.measures | {
        "surface_mm2": float(areas(model.points, model.triangles).sum()),
        "size_mm": [float(side) for side in np.ptp(model.points, axis=0)],
        "smallest_wall_mm": next(
            (
                check.value
                for check in model.report.checks
                if check.name == "smallest wall" and check.value != "unknown"
            ),
            None,
        ),
    }
    earlier = distance = None
    if before is not None:
        progress(0.75, "Comparing with the vertebra before")
        earlier, distance = _compared(model, before, settings)
        measures |= _differences(model, mask, before, distance, settings.scale)
    uncertain = None
    if uncertainty is not None:
        uncertain = bound_at(model.points / settings.scale, uncertainty)
        measures |= _uncertain_measures(model, uncertain, settings.scale)
    notes = [*model.attention, *reading_notes(mask, before), *model.notes]
    if not model.report.passed:
        notes.append("The model cannot be printed as it is; the triangles to blame are red.")
    made = provenance("reconstruct", started, asdict(settings), libraries=_LIBRARIES)
    progress(1.0, "Done")
    return Reconstruction(model, earlier, distance, measures, made, notes, uncertain)


def _uncertain_measures(model: Model, uncertain: np.ndarray, scale: float) -> dict:
    area = areas_at_points(model.points, model.triangles) / scale**2
    there = uncertain > 0
    if not there.any():
        return {"uncertain_mm2": 0.0}
    median, most = weighted_percentiles(uncertain[there], area[there], [50, 95])
    return {
        "uncertain_mm2": float(area[there].sum()),
        "uncertainty_median_mm": float(median),
        "uncertainty_95_mm": float(most),
    }


def _compared(model: Model, before: Volume, settings: ModelSettings) -> tuple[BeforeSurface, np.ndarray]:
    if not before.array.any():
        raise SpineError("The mask of the vertebra before its repair is empty; choose another one, or none.")
    # A tumour may have left the vertebra in pieces, and its planes are those of the whole one.
    loose = replace(settings, bodies=None, cut="none", planes=model.planes)
    points, triangles, _ = build_surface(before, loose)
    distance = distances_to_triangles(model.points, points, triangles) / settings.scale
    back = distances_to_triangles(points, model.points, model.triangles) / settings.scale
    return BeforeSurface(points, triangles, back), distance


def _differences(model: Model, mask: Volume, before: Volume, distance: np.ndarray, scale: float) -> dict:
    added = removed = None
    if mask.same_grid(before):
        now, then = mask.array != 0, before.array != 0
        added = float(np.count_nonzero(now & ~then)) * mask.voxel_volume_ml
        removed = float(np.count_nonzero(then & ~now)) * mask.voxel_volume_ml
    area = areas_at_points(model.points, model.triangles) / scale**2
    away = np.abs(distance)
    return {
        "before_ml": float(np.count_nonzero(before.array)) * before.voxel_volume_ml,
        "added_ml": added,
        "removed_ml": removed,
        "changed_mm2": float(area[away > _CHANGED_MM].sum()),
        "distance_95_mm": float(weighted_percentiles(away, area, [95])[0]),
        "distance_max_mm": float(away.max()),
    }


def write_models(result: Reconstruction, folder: str | Path) -> tuple[str, str | None]:
    """Write ``model.vtp`` (:func:`write_painted`) and, with a mask before, ``before.vtp``, whose points carry
    "distance_mm"; LPS mm; names of the files.

    Raises:
        SpineError: no permission, disk full.
    """
    folder = Path(folder)
    write_painted(result, folder / "model.vtp")
    if result.before is None:
        return "model.vtp", None
    with whole_files(folder / "before.vtp") as temporary:
        write_vtp(
            result.before.points,
            result.before.triangles,
            temporary,
            {DISTANCE: result.before.distance_mm.astype(np.float32)},
        )
    return "model.vtp", "before.vtp"


def write_painted(result: Reconstruction, path: str | Path) -> None:
    """Write the model as ".vtp", LPS mm, whatever the gate says of it.

    Its points carry "distance_mm" (where there is a surface before), "thickness_mm" and "uncertainty_mm" (of a repair),
    its triangles "bad" (1 where
    the gate complains).

    Raises:
        SpineError: no permission, disk full.
    """
    model = result.model
    arrays = {} if result.distance_mm is None else {DISTANCE: result.distance_mm.astype(np.float32)}
    arrays[THICKNESS] = model.report.thickness_mm.astype(np.float32)
    if result.uncertainty_mm is not None:
        arrays[UNCERTAINTY] = result.uncertainty_mm.astype(np.float32)
    with whole_files(path) as temporary:
        write_vtp(model.points, model.triangles, temporary, arrays, {BAD: model.report.bad_triangles.astype(np.uint8)})
