"""The page of one repaired vertebra: pictures before and after, the model, its checks, volumes, how it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from SpineLib.mesh.model import Model
from SpineLib.metrics.overlap import overlap
from SpineLib.metrics.printing import MODEL_FIGURES, REPAIR_FIGURES, figures_of
from SpineLib.models.card import ModelCard
from SpineLib.reports.page import Section, Tile, facts, readable, write_page
from SpineLib.reports.surface import colour_scale, surface_radius_mm, surface_views
from SpineLib.reports.tables import Column, Table
from SpineLib.reports.viewer import Layer, close_ups, slice_viewer
from SpineLib.tasks.colours import BEFORE, LESION, REPAIRED, TRUTH, hexadecimal
from SpineLib.tasks.inpainting.inpaint import Repair
from SpineLib.tasks.inpainting.settings import METHODS
from SpineLib.tasks.printing.reconstruct import Reconstruction
from SpineLib.volume import Volume
from SpineLib.volume.crop import crop
from SpineLib.volume.levels import level_name
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.triples import triple

#: HU shown black and white: bone with the soft tissue around it still to be told.
WINDOW = (-250.0, 900.0)
#: Around the vertebra, mm.
_BORDER_MM = 14.0
#: Distance between the surfaces in mm and the colour there: bone that stayed, bone that the repair put there.
_STOPS = (
    (0.0, (0.93, 0.89, 0.80)),
    (0.4, (0.93, 0.89, 0.80)),
    (1.5, (0.98, 0.75, 0.35)),
    (4.0, (0.89, 0.37, 0.24)),
    (10.0, (0.52, 0.08, 0.33)),
)
#: Within so many mm nine of ten places lie, and the colour there: known bone, then from sure to unsure.
_UNSURE_STOPS = (
    (0.0, (0.93, 0.89, 0.80)),
    (0.3, (0.93, 0.89, 0.80)),
    (0.8, (0.80, 0.88, 0.93)),
    (2.0, (0.34, 0.62, 0.80)),
    (4.0, (0.45, 0.25, 0.62)),
    (6.0, (0.20, 0.03, 0.30)),
)
_CHECK_COLUMNS = (
    Column("name", "Check"),
    Column("passed", "Passed"),
    Column("value", "Found"),
    Column("limit", "Allowed"),
    Column("text", ""),
)


@dataclass(frozen=True, eq=False)
class RepairReport:
    """All that a page shows.

    Attributes:
        repair: the repaired vertebra.
        lesion: not 0 inside; on any grid.
        ct: the scan; None: the masks alone are shown.
        reconstruction: the printable model; None without one.
        models: cards of the models that segmented and repaired.
        truth: the vertebra as it really was before the lesion, where it is known (simulated patients); on any grid.
        notes: sentences the user should read, beside those of the repair and of the model.
        files: names of files that lie beside the page; linked.
        simulated: whether the scan is.
    """

    repair: Repair
    lesion: Volume
    ct: Volume | None = None
    reconstruction: Reconstruction | None = None
    models: Sequence[ModelCard] = ()
    truth: Volume | None = None
    notes: Sequence[str] = ()
    files: Sequence[str] = ()
    simulated: bool = False


def distance_colours(distance_mm: np.ndarray) -> np.ndarray:
    """Red, green, blue (n, 3), 0 to 1, of the distance (n,) between the surfaces, mm, whatever its sign."""
    places, colours = [place for place, _ in _STOPS], np.array([colour for _, colour in _STOPS])
    distance_mm = np.abs(np.asarray(distance_mm, float))
    return np.stack([np.interp(distance_mm, places, channel) for channel in colours.T], axis=-1)


def uncertainty_colours(mm: np.ndarray) -> np.ndarray:
    """Red, green, blue (n, 3), 0 to 1, of how far from the true surface a place may lie (n,), mm."""
    places, colours = [place for place, _ in _UNSURE_STOPS], np.array([colour for _, colour in _UNSURE_STOPS])
    return np.stack([np.interp(np.asarray(mm, float), places, channel) for channel in colours.T], axis=-1)


def repair_page(path: str | Path, report: RepairReport) -> None:
    """Write the page; it stands alone and holds nothing of the patient.

    Raises:
        SpineError: it cannot be written.
    """
    repair, model = report.repair, report.reconstruction
    sections = []
    first = model.model.attention if model else []
    notes = list(dict.fromkeys([*first, *report.notes, *repair.notes, *(model.notes if model else ())]))
    if notes:
        items = "".join(f"<li>{f'<b>{escape(note)}</b>' if note in first else escape(note)}</li>" for note in notes)
        sections.append(Section("Please read", f'<ul class="notes">{items}</ul>'))
    sections.append(Section("Before and after", _slices(report)))
    if model is not None:
        sections.append(Section("Model", _surfaces(model)))
        sections.append(Section("Print gate", _checks(model)))
    sections.append(Section("Measures", _measures(report)))
    sections.append(_made(report))
    if report.files:
        links = "".join(f'<li><a href="{escape(name)}">{escape(name)}</a></li>' for name in report.files)
        sections.append(Section("Files", f"<ul>{links}</ul>"))
    badges = ["Simulated data, not a patient"] if report.simulated else []
    if any(card.training_data["simulated"] for card in report.models):
        badges.append("Simulated training data")
    write_page(
        path,
        f"{level_name(repair.label)}, repaired",
        METHODS[repair.measures["method"]],
        sections,
        tiles=_tiles(report),
        badges=badges,
        footer="Made by SpineOncology. The repaired part is an estimate of bone that is gone; look at it "
        "together with the scan.",
    )


def agreement(repair: Repair, truth: Volume) -> dict[str, float]:
    """How well a repair agrees with the vertebra as it was: figures within the region that was repaired, and volumes.

    Returns:
        "dice" and "covered" (share of the lost bone that is there again) within the region, "volume_error" (share of
        the true volume), "piece_error" (the same error as a share of the bone that was to be found).
    """
    there = resample_like(truth, repair.mask, nearest=True).array > 0
    inside = repair.region.array > 0
    found = overlap(there[inside], repair.mask.array[inside] > 0)
    ml = repair.mask.voxel_volume_ml
    true_ml = float(there.sum()) * ml
    off_ml = abs(float((repair.mask.array > 0).sum()) * ml - true_ml)
    return {
        "dice": found.dice,
        "covered": found.tpr,
        "volume_error": off_ml / max(true_ml, 1e-9),
        "piece_error": off_ml / max(float(there[inside].sum()) * ml, 1e-9),
    }


def _slices(report: RepairReport) -> str:
    """All three planes with the outlines, and a viewer through the axial slices."""
    image, layers, changed = _cut_out(report)
    window = WINDOW if report.ct is not None else (0.0, 1.0)
    rows = []
    for plane in ("axial", "sagittal", "coronal"):
        shown = {"before": layers[:1], "after": layers[1:2], "all outlines": layers}
        pictures = [(f"{plane.capitalize()}, {title}", image, outlines) for title, outlines in shown.items()]
        rows.append(close_ups(pictures, changed, 26.0, plane, window))
    viewer = slice_viewer({"Axial": image}, layers, plane="axial", window=window, around=2, key="axial")
    return (
        f'{"".join(rows)}<div class="narrow">{viewer}</div><p class="small">The slices that show most of '
        "what was changed. Axial and coronal: the patient's right at the left; sagittal: anterior at the left.</p>"
    )


def _cut_out(report: RepairReport) -> tuple[Volume, list[Layer], Volume]:
    """The image around the vertebra, the outlines, and what was changed; all on the vertebrae's grid."""
    repair = report.repair
    grid = repair.mask
    box = []
    for axis, (where, spacing) in enumerate(
        zip(np.nonzero((grid.array > 0) | (repair.before.array > 0)), grid.spacing[::-1])
    ):
        border = round(_BORDER_MM / spacing)
        box.append(slice(max(int(where.min()) - border, 0), min(int(where.max()) + border + 1, grid.shape[axis])))
    around = crop(grid, triple(box))

    def part(volume: Volume) -> Volume:
        on_grid = resample_like(volume, around, nearest=True)
        return on_grid.with_array((on_grid.array > 0).astype(np.uint8))

    if report.ct is None:
        image = around.with_array(part(repair.before).array.astype(np.float32))
    else:
        image = resample_like(report.ct, around)
    after, before, lesion = part(repair.mask), part(repair.before), part(report.lesion)
    layers = [
        Layer("Vertebra before", before, hexadecimal(BEFORE), dashed=True),
        Layer("Repaired", after, hexadecimal(REPAIRED)),
        Layer("Lesion", lesion, hexadecimal(LESION)),
    ]
    if report.truth is not None:
        layers.append(Layer("Truth (simulated)", part(report.truth), hexadecimal(TRUTH), dashed=True))
    changed = (after.array != before.array).astype(np.uint8)
    return image, layers, around.with_array(changed if changed.any() else after.array)


def _surfaces(model: Reconstruction) -> str:
    points, triangles = model.model.points, model.model.triangles
    radius = surface_radius_mm(points)
    parts = []
    if model.before is not None:
        radius = max(radius, surface_radius_mm(model.before.points))
        parts.append(
            "<h3>Before</h3>"
            + surface_views(
                model.before.points,
                model.before.triangles,
                model.before.distance_mm,
                distance_colours,
                "The vertebra before",
                radius_mm=radius,
            )
        )
    painted = model.distance_mm if model.distance_mm is not None else np.zeros(len(points))
    parts.append(
        "<h3>After</h3>"
        + surface_views(points, triangles, painted, distance_colours, "The repaired vertebra", radius_mm=radius)
    )
    if model.distance_mm is not None:
        parts.append(
            colour_scale(
                distance_colours,
                (0.0, 10.0),
                (0, 2, 5, 10),
                "Distance between the surfaces",
                ("as before", "changed by the repair"),
            )
        )
    if model.uncertainty_mm is not None and model.uncertainty_mm.any():
        parts.append(
            "<h3>How sure</h3>"
            + surface_views(
                points,
                triangles,
                model.uncertainty_mm,
                uncertainty_colours,
                "How sure the repaired vertebra is",
                radius_mm=radius,
            )
            + colour_scale(
                uncertainty_colours,
                (0.0, 6.0),
                (0, 2, 4, 6),
                "Nine of ten places lie within",
                ("known bone", "unsure"),
            )
            + '<p class="small">As it was on real vertebrae that pieces were cut from; see the evaluation. What a '
            "tumour did to a vertebra may be another matter.</p>"
        )
    bad = model.model.report.bad_triangles
    if bad.any():
        marked = np.zeros(len(points))
        marked[np.unique(triangles[bad])] = 1.0
        parts.append(
            "<h3>What the gate refuses, in red</h3>"
            + surface_views(points, triangles, marked, _refused_colours, "What the gate refuses", radius_mm=radius)
        )
    return "".join(parts)


def _refused_colours(share: np.ndarray) -> np.ndarray:
    share = np.clip(np.asarray(share, float), 0, 1)[..., None]
    return np.array(_STOPS[0][1]) * (1 - share) + np.array([0.85, 0.10, 0.12]) * share


def _checks(model: Reconstruction) -> str:
    report = model.model.report
    rows = [
        {
            "name": check.name,
            "passed": check.passed,
            "value": _plain(check.value),
            "limit": _plain(check.limit),
            "text": check.text,
        }
        for check in report.checks
    ]
    verdict = "Every check passed: the model can be printed." if report.passed else "The model is refused."
    if report.passed and model.model.attention:
        verdict = "The model can be printed, but it is not a whole vertebra. " + " ".join(model.model.attention)
    state = "complete" if report.passed and not model.model.attention else "incomplete"
    return f'<div class="verdict {state}"><b>{escape(verdict)}</b></div>{Table(_CHECK_COLUMNS, rows).to_html()}'


def _plain(value: float | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _measures(report: RepairReport) -> str:
    measures = report.repair.measures
    volumes = {figure.label: figure.text(value) for figure, value in figures_of(measures, REPAIR_FIGURES)}
    columns = [("Volumes", facts(volumes))]
    if report.reconstruction is not None:
        columns.append(("Model", facts(_model_facts(report.reconstruction.measures))))
    if report.truth is not None:
        found = agreement(report.repair, report.truth)
        columns.append(
            (
                "Beside the simulated truth",
                facts(
                    {
                        "Dice within the repaired region": f"{100 * found['dice']:.1f} %",
                        "Of the bone that was there": f"{100 * found['covered']:.1f} %",
                        "Error of the volume": f"{100 * found['volume_error']:.1f} % of the vertebra, "
                        f"{100 * found['piece_error']:.1f} % of the repaired piece",
                    }
                ),
            )
        )
    parts = "".join(f"<div><h3>{title}</h3>{html}</div>" for title, html in columns)
    return f'<div class="columns">{parts}</div>'


def _model_facts(measures: Mapping) -> dict[str, str]:
    size = " x ".join(f"{side:.1f}" for side in measures["size_mm"]) + " mm"
    found = figures_of(measures, MODEL_FIGURES)
    return {"Size": size, **{figure.label: figure.text(value) for figure, value in found}}


def printable(model: Model) -> str:
    """In a word or two, whether a model may be printed."""
    if not model.report.passed:
        return "refused"
    return "printable, but not a whole vertebra" if model.attention else "printable"


def _tiles(report: RepairReport) -> list[Tile]:
    repair, model = report.repair, report.reconstruction
    measures = repair.measures
    tiles = [
        Tile(level_name(repair.label), "repaired", measures["method"]),
        Tile(
            f"{measures['added_ml']:.1f} ml",
            "bone added",
            f"{measures['volume_before_ml']:.1f} ml before, {measures['volume_after_ml']:.1f} ml after",
        ),
    ]
    if report.truth is not None:
        found = agreement(repair, report.truth)
        tiles.append(Tile(f"{100 * found['dice']:.1f} %", "Dice with the truth", "within the repaired region"))
    if model is not None:
        checks = model.model.report.checks
        tiles.append(
            Tile(
                f"{sum(check.passed for check in checks)} of {len(checks)}",
                "checks passed",
                printable(model.model),
            )
        )
    tiles.append(Tile(f"{repair.provenance['seconds']:.0f} s", "to repair", ""))
    return tiles


def _made(report: RepairReport) -> Section:
    provenance = report.repair.provenance
    models = {
        card.title: f"{card.id}, version {card.version}, SHA-256 {card.sha256}"
        + (" (simulated training data)" if card.training_data["simulated"] else "")
        for card in report.models
    }
    settings = {"Repair": readable(provenance["parameters"])}
    if report.reconstruction is not None:
        settings["Model"] = readable(report.reconstruction.provenance["parameters"], leave_out=("planes",))
    libraries = dict(provenance.get("libraries", {}))
    if report.reconstruction is not None:
        libraries |= report.reconstruction.provenance.get("libraries", {})
    made = {
        "SpineOncology": provenance["version"],
        "Time": provenance["time"],
        "Libraries": ", ".join(f"{name} {version}" for name, version in libraries.items()),
    }
    return Section(
        "Models, settings, versions",
        f'<div class="columns"><div><h3>Models</h3>{facts(models or {"Repair": "without a model"})}</div>'
        f"<div><h3>Settings</h3>{facts(settings)}</div></div><h3>Made</h3>{facts(made)}",
    )
