"""From a mask to a model that prints."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry.triangles import volume_mm3
from SpineLib.mesh.cut import FEW_TILTS, TILTS, Plane, body_plane, cut
from SpineLib.mesh.files import check_ending, in_space, read_mesh, write_mesh
from SpineLib.mesh.gate import GateReport, PrintLimits, check_model, left_out
from SpineLib.mesh.simplify import simplified
from SpineLib.mesh.solid import without_slivers
from SpineLib.mesh.surface import largest_shells, repaired, surface_of
from SpineLib.mesh.thicken import thickened
from SpineLib.mesh.topology import merged
from SpineLib.mesh.wholeness import MOST_EDGE_MM2, MOST_LEFT_OUT, Wholeness, wholeness
from SpineLib.progress import Progress, part, silent
from SpineLib.settings import Settings
from SpineLib.volume.checks import check_mask
from SpineLib.volume.files import whole_files
from SpineLib.volume.volume import Volume

CUTS = ("none", "body", "pedicles")
#: Checks of the gate that less decimation and smoothing may pass.
_OF_THE_SURFACE = {"watertight", "manifold", "winding", "degenerate", "volume", "self-intersection"}
#: Shares of decimation and smoothing that are tried, one after another, until those checks are passed.
_GENTLER = ((1.0, 1.0), (0.3, 1.0), (0.0, 1.0), (0.0, 0.6), (0.0, 0.0))

#: Walls are thickened by a voxel to each side so many times at most.
_THICKENINGS = 3

_STEPS_PER_MM = 16384
#: Where the plane that parts body and arch leaves flakes too thin to print, it is moved along its normal, mm.
_SHIFTS_MM = (0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0, 3.0, -3.0)


#: The smallest and the largest value of the settings that are numbers.
_LIMITS = {
    "smoothing": (0, 1),
    "decimation_mm": (0, 5),
    "scale": (0.01, 100),
    "smallest_island_ml": (0, 1e6),
    "largest_cavity_ml": (0, 1e6),
    "smallest_wall_mm": (0, 50),
    "thin_area_mm2": (0, 1e6),
    "thickening": (0, 0.1),
}


def _between(value: float, low: float, high: float, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not low <= number <= high:
        raise SpineError(f"The setting '{name}' is {value}; choose {low:g} to {high:g}.")
    return number


@dataclass(frozen=True)
class ModelSettings(Settings):
    """What the user may choose.

    Attributes:
        smoothing: 0 (none) to 1, as Slicer's smoothing factor of closed surfaces.
        decimation_mm: how far the surface may move when triangles are saved; 0: none are.
        cut: "none", "body" (what lies in front of the canal) or "pedicles" (cut through them).
        planes: further planes (in the JSON form pairs of a point and a normal, LPS mm); what lies where the normals
            point to is kept.
        scale: of the printed model; 1 is life size.
        bodies: how many separate bodies are kept, the largest first, and asked for; None: any number.
        smallest_island_ml: smaller pieces of the mask are left out.
        largest_cavity_ml: enclosed cavities up to this volume are filled.
        smallest_wall_mm: the printer's; 0: any.
        thin_area_mm2: so much surface, of both sides together, may lie on thinner walls.
        thickening: walls thinner than the printer's are thickened in the mask where that adds no more than this share
            of its volume; 0: never.
        build_volume_mm: the printer's.
    """

    smoothing: float = 0.5
    decimation_mm: float = 0.1
    cut: str = "none"
    planes: tuple[Plane, ...] = ()
    scale: float = 1.0
    bodies: int | None = 1
    smallest_island_ml: float = 0.01
    largest_cavity_ml: float = 1.0
    smallest_wall_mm: float = 0.8
    thin_area_mm2: float = 5.0
    thickening: float = 0.01
    build_volume_mm: tuple[float, float, float] = (250.0, 210.0, 210.0)

    def __post_init__(self):
        for name, (low, high) in _LIMITS.items():
            object.__setattr__(self, name, _between(getattr(self, name), low, high, name))
        if len(sides := tuple(self.build_volume_mm)) != 3:
            raise SpineError("The build volume must be three lengths in mm, e.g. 250 210 210.")
        object.__setattr__(self, "build_volume_mm", tuple(_between(side, 1, 1e5, "build_volume_mm") for side in sides))
        if self.cut not in CUTS:
            raise SpineError(f"There is no cut '{self.cut}'; choose {', '.join(CUTS)}.")
        object.__setattr__(self, "planes", tuple(map(Plane.of, self.planes)))
        if self.bodies is not None and not (isinstance(self.bodies, int) and 1 <= self.bodies <= 1000):
            raise SpineError(f"The number of bodies is {self.bodies}; choose 1 or more, or none for any number.")

    @property
    def limits(self) -> PrintLimits:
        """The printer's part of it."""
        return PrintLimits(self.bodies, self.smallest_wall_mm, self.thin_area_mm2, self.build_volume_mm)


@dataclass(frozen=True, eq=False)
class Model:
    """A surface, and what the print gate says of it.

    Attributes:
        points: (n, 3) float64, LPS mm; no finer than float32, which files hold.
        triangles: (m, 3) int32, corners counterclockwise seen from outside.
        report: of the gate.
        settings: it was made with.
        measures: figures: "mask_ml" and "whole_ml" (mask and surface before cuts, life size), "volume_error" (share by
            which they differ), "volume_ml" (of the model), "decimation_mm" (how far the surface really moved at most,
            life size), "triangles"; "thickened_ml" where walls were thickened; and those of
            :class:`SpineLib.mesh.wholeness.Wholeness`.
        planes: it was cut with, those found by the canal too.
        notes: sentences the user should read.
        attention: sentences the user must read first: what the mask lacks of a whole vertebra.
    """

    points: np.ndarray
    triangles: np.ndarray
    report: GateReport
    settings: ModelSettings = ModelSettings()
    planes: tuple[Plane, ...] = ()
    measures: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    attention: list[str] = field(default_factory=list)


def build_model(mask: Volume, settings: ModelSettings = ModelSettings(), progress: Progress = silent) -> Model:
    """The printable surface of a mask.

    Where triangles intersect it is made again with less decimation, then with less smoothing; where walls are too thin
    the mask is thickened there. The notes say so.

    Args:
        mask: not 0 inside; any spacing and direction.
        settings: the user's choices.
        progress: may raise ``Cancelled``.

    Returns:
        The model, also when the gate refuses it: ``report`` says why, and which triangles are to blame.

    Raises:
        SpineError: the mask is empty or has no place in space; nothing is left after the cut.
    """
    progress(0.0, "Cleaning the mask")
    clean, planes, notes, whole = _prepared(mask, settings)
    return _judged(_built(clean, planes, notes, settings, progress), whole)


def _judged(model: Model, whole: Wholeness) -> Model:
    """The model with what it lacks of a whole vertebra."""
    check = left_out(whole.left_out, MOST_LEFT_OUT, whole.left_out_words())
    report = replace(model.report, checks=[*model.report.checks, check])
    return replace(model, report=report, measures=model.measures | whole.measures(), attention=whole.attention())


def _built(
    clean: Volume, planes: tuple[Plane, ...], notes: list[str], settings: ModelSettings, progress: Progress
) -> Model:
    """The model of a repaired mask."""
    before_ml = _ml(clean)
    refused: Model | None = None
    for _ in range(_THICKENINGS + 1):
        first, model = _gentlest(clean, before_ml, settings, planes, notes, progress)
        if not (failed := _failed(model)):
            break
        refused = refused or first
        if "smallest wall" not in failed or not settings.thickening:
            break
        thicker = thickened(
            clean, model.points / settings.scale, model.triangles, settings.smallest_wall_mm / settings.scale
        )
        clean, _ = repaired(thicker, settings.bodies, settings.smallest_island_ml, settings.largest_cavity_ml)
        if _ml(clean) - before_ml > settings.thickening * before_ml:
            break
    progress(1.0, "Done")
    if failed and refused:
        return refused
    if _ml(clean) > before_ml:
        added_ml = model.measures["thickened_ml"] = _ml(clean) - before_ml
        model.notes.append(
            f"Walls thinner than {settings.smallest_wall_mm:g} mm were thickened by a voxel: "
            f"{added_ml:.3f} ml ({added_ml / before_ml:.1%}) were added."
        )
    return model


def _gentlest(
    clean: Volume,
    before_ml: float,
    settings: ModelSettings,
    planes: tuple[Plane, ...],
    notes: list[str],
    progress: Progress,
) -> tuple[Model, Model]:
    """The model as it was asked for, and the first one that does not need less decimation or smoothing than it has."""
    first: Model | None = None
    tried: ModelSettings | None = None
    for decimation, smoothing in _GENTLER:
        gentler = replace(
            settings, decimation_mm=decimation * settings.decimation_mm, smoothing=smoothing * settings.smoothing
        )
        if gentler == tried:
            continue
        tried = gentler
        whole = _whole(clean, before_ml, gentler, part(progress, 0.1, 0.6))
        for shift_mm in _SHIFTS_MM if settings.cut != "none" else (0.0,):
            moved = _shifted(planes, settings, shift_mm)
            points, triangles, measures = _finished(whole, settings, moved)
            progress(0.6, "Checking the model")
            report = check_model(points, triangles, settings.limits)
            model = Model(points, triangles, report, settings, moved, measures, list(notes))
            failed = _failed(model)
            first = first or model
            if failed != {"smallest wall"}:
                break
        if shift_mm and not failed:
            model.notes.append(
                f"The plane of the cut was moved by {shift_mm:+g} mm towards the body, so that it "
                "leaves no thin flakes."
            )
        if not failed & _OF_THE_SURFACE:
            if gentler != settings:
                model.notes.append(
                    f"Decimation was lowered to {gentler.decimation_mm:.2g} mm and smoothing to "
                    f"{gentler.smoothing:.2g}, so that the surface closes without intersections."
                )
            break
    assert first is not None
    return first, model


def _failed(model: Model) -> set[str]:
    """Names of the checks that it does not pass."""
    return {check.name for check in model.report.checks if not check.passed}


def _ml(mask: Volume) -> float:
    return float(np.count_nonzero(mask.array)) * mask.voxel_volume_ml


def build_surface(
    mask: Volume, settings: ModelSettings = ModelSettings(), progress: Progress = silent
) -> tuple[np.ndarray, np.ndarray, dict]:
    """As :func:`build_model`, without the checks: points (n, 3) LPS mm, triangles (m, 3) and measures."""
    check_mask(mask, "vertebra")
    clean, _ = repaired(mask, settings.bodies, settings.smallest_island_ml, settings.largest_cavity_ml)
    planes = _planes(clean, settings)
    return _finished(_whole(clean, _ml(clean), settings, progress), settings, planes)


def _prepared(mask: Volume, settings: ModelSettings) -> tuple[Volume, tuple[Plane, ...], list[str], Wholeness]:
    """The repaired mask, the planes of all cuts, notes, and what it lacks of a whole vertebra."""
    check_mask(mask, "vertebra")
    clean, repairs = repaired(mask, settings.bodies, settings.smallest_island_ml, settings.largest_cavity_ml)
    whole = wholeness(mask, clean, repairs)
    told_first = whole.left_out > MOST_LEFT_OUT
    notes = (replace(repairs, islands=0) if told_first else repairs).sentences()
    if 0 < whole.edge_mm2 <= MOST_EDGE_MM2:
        notes.append(
            "The mask touches the edge of its image: there the model ends in a flat face where the vertebra may go on."
        )
    return clean, _planes(clean, settings, whole.arch.closed), notes, whole


def _planes(clean: Volume, settings: ModelSettings, closed: bool = True) -> tuple[Plane, ...]:
    """The planes of all cuts, that found by the canal last; without a ``closed`` arch it is not looked for long."""
    if settings.cut == "none":
        return settings.planes
    return (*settings.planes, body_plane(clean, settings.cut, TILTS if closed else FEW_TILTS))


def _shifted(planes: tuple[Plane, ...], settings: ModelSettings, shift_mm: float) -> tuple[Plane, ...]:
    """The planes; the last, which was found by the canal, moved along its normal."""
    if settings.cut == "none":
        return planes
    found = planes[-1]
    return (*planes[:-1], Plane(tuple(np.add(found.point, shift_mm * np.asarray(found.normal))), found.normal))


def _whole(
    clean: Volume, mask_ml: float, settings: ModelSettings, progress: Progress
) -> tuple[np.ndarray, np.ndarray, dict]:
    """The surface before cuts, life size, and measures; ``mask_ml`` is what its volume is compared with."""
    progress(0.0, "Finding the surface")
    points, triangles = surface_of(clean, settings.smoothing)
    progress(0.4, "Saving triangles")
    points, triangles, moved_mm = simplified(points, triangles, settings.decimation_mm)
    whole_ml = volume_mm3(points, triangles) / 1000
    return (
        points,
        triangles,
        {"mask_ml": mask_ml, "whole_ml": whole_ml, "volume_error": whole_ml / mask_ml - 1, "decimation_mm": moved_mm},
    )


def _finished(
    whole: tuple[np.ndarray, np.ndarray, dict], settings: ModelSettings, planes: tuple[Plane, ...]
) -> tuple[np.ndarray, np.ndarray, dict]:
    """The surface after cuts and scaling, as files hold it, and all measures."""
    points, triangles, measures = whole
    if planes:
        points, triangles = largest_shells(*cut(points, triangles, planes), settings.bodies)
    points, triangles = as_in_files(points * settings.scale, triangles)
    if planes:
        points, triangles = without_slivers(points, triangles)
    return (
        points,
        triangles,
        measures | {"volume_ml": volume_mm3(points, triangles) / 1000, "triangles": len(triangles)},
    )


def as_in_files(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points rounded to what files hold, those in the same place as one: what is checked is what is read.

    Steps of 1/16384 mm are exact in float32 up to a metre, and flat faces along an axis stay flat.
    """
    steps = np.round(points * _STEPS_PER_MM) / _STEPS_PER_MM
    return merged(steps.astype(np.float32).astype(np.float64), triangles)


def write_model(model: Model, path: str | Path, overwrite: bool = False, space: str = "LPS") -> GateReport:
    """Write a model that the gate has passed; read it back, check it again, and only then let the file be.

    Args:
        model: of :func:`build_model`.
        path: its ending names the format (:func:`SpineLib.mesh.formats.formats`).
        overwrite: replace a file that exists.
        space: "LPS", as Slicer writes models, or "RAS"; millimetres, which the file says.

    Returns:
        What the gate says of the file read back.

    Raises:
        SpineError: the gate refuses the model or the file, the file exists, no permission, disk full.
    """
    path = Path(path)
    check_ending(path)
    in_space(model.points, space)
    if not model.report.passed:
        raise SpineError(f"The model was not written, it cannot be printed: {' '.join(model.report.reasons)}")
    if path.exists() and not overwrite:
        raise SpineError("The model's file exists already; choose another name or allow to overwrite it.")
    with whole_files(path) as temporary:
        write_mesh(model.points, model.triangles, temporary, space)
        found = read_mesh(temporary)
        if len(found.triangles) != len(model.triangles) or found.space not in (space, ""):
            raise OSError("the file could not be written completely")
        report = check_model(found.points, found.triangles, model.settings.limits)
        if not report.passed:
            raise SpineError(f"The model was not written, its file cannot be printed: {' '.join(report.reasons)}")
    return report
