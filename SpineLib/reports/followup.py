"""The report of a follow-up: one page, a CSV line, a JSON object for each treated patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.geometry.orientation import canonical
from SpineLib.json_text import plain
from SpineLib.metrics.ablation import figures_of
from SpineLib.models.card import ModelCard
from SpineLib.reports.followup_scans import OneSpace, in_one_space
from SpineLib.reports.followup_tables import (
    NOT_TREATED,
    bins_table,
    distance_facts,
    overlap_facts,
    pieces_table,
    registration_facts,
)
from SpineLib.reports.margin import histogram_chart, margin_views
from SpineLib.reports.page import Section, Tile, facts, write_page
from SpineLib.reports.viewer import Layer, close_ups, slice_viewer
from SpineLib.tasks.colours import METASTASIS, NECROSIS, hexadecimal
from SpineLib.tasks.followup.margin import MarginSurface, margin_histogram
from SpineLib.tasks.followup.verdict import COMPLETE, INCOMPLETE, NOT_TO_BE_TOLD, TITLES
from SpineLib.tasks.segmentation.lesions import Lesion
from SpineLib.tasks.segmentation.naming import metastasis_name
from SpineLib.volume import Volume
from SpineLib.volume.resampling import resample_like

_CLASSES = {COMPLETE: "complete", INCOMPLETE: "incomplete"}
_TITLES = {**TITLES, NOT_TREATED: "Not treated"}
_UNTREATED_RULE = "No necrosis lies at this metastasis: it counts as not treated."


@dataclass(frozen=True, eq=False)
class LesionPart:
    """What the page says about one metastasis.

    Attributes:
        lesion: its measures before.
        comparison: :meth:`SpineLib.tasks.followup.compare.Comparison.to_dict`; None when no necrosis lies at it.
        surface: painted with the margin; None when no necrosis lies at it.
        after_to_before: 4 x 4, LPS mm; None when it was not treated or both scans are in one space.
        registration: :meth:`SpineLib.tasks.registration.register.Registration.to_dict`; None when the
            transform was given.
        untold: why it is not to be told whether it was treated; "": it is.
    """

    lesion: Lesion
    comparison: Mapping[str, Any] | None = None
    surface: MarginSurface | None = None
    after_to_before: np.ndarray | None = None
    registration: Mapping[str, Any] | None = None
    untold: str = ""

    @property
    def outcome(self) -> str:
        """One of :data:`SpineLib.tasks.followup.verdict.TITLES`, or "not treated"."""
        if self.comparison:
            return self.comparison["verdict"]["outcome"]
        return NOT_TO_BE_TOLD if self.untold else NOT_TREATED


@dataclass(frozen=True, eq=False)
class FollowUpReport:
    """All that a page shows.

    Attributes:
        before, after: the two scans that are shown; any grids.
        names: what they are called, "T1 before" or "ceT1 after".
        metastases, necroses: masks, not 0 inside, in the space of the scan before and of the one after.
        parts: the metastases, the treated ones first.
        models: cards of the models that segmented.
        provenance: of the whole follow-up, JSON-able.
        notes: sentences the user should read.
        simulated: whether the scans are.
        patient: what to show of the patient, e.g. {"Name": ..., "Before": ...}; None: nothing.
        spine: sentences on distances to the spinal canal, and on SINS and Bilsky's grade that a reader has confirmed.
    """

    before: Volume
    after: Volume
    names: tuple[str, str]
    metastases: Volume
    necroses: Volume
    parts: Sequence[LesionPart]
    models: Sequence[ModelCard] = ()
    provenance: Mapping[str, Any] | None = None
    notes: Sequence[str] = ()
    simulated: bool = False
    patient: Mapping[str, Any] | None = None
    spine: Sequence[str] = ()


def followup_page(path: str | Path, report: FollowUpReport) -> None:
    """Write the page; it stands alone and holds nothing of the patient but what ``report.patient`` says.

    Raises:
        SpineError: it cannot be written.
    """
    sections = []
    if report.patient:
        sections.append(Section("Patient", facts(report.patient)))
    for part in report.parts:
        sections.append(_verdict_section(part))
    if report.spine:
        sections.append(spine_section(report.spine))
    if report.notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
        sections.append(Section("Please read", f'<ul class="notes">{items}</ul>'))
    for part in report.parts:
        if part.comparison is not None:
            sections += _part_sections(report, part)
    if all(part.comparison is None for part in report.parts):
        sections.append(Section("Scans", _scans_apart(report)))
    sections.append(_settings_section(report))
    badges = ["Simulated data, not a patient"] if report.simulated else []
    if any(card.training_data["simulated"] for card in report.models):
        badges.append("Simulated training data")
    first = report.parts[0]
    write_page(
        path,
        "Follow-up after ablation",
        " and ".join(report.names),
        sections,
        tiles=_tiles(first),
        badges=badges,
        footer="Made by SpineOncology. Read together with the images, never alone.",
    )


def spine_section(sentences: Sequence[str]) -> Section:
    """Distances to the canal and confirmed scores."""
    items = "".join(f"<li>{escape(one)}</li>" for one in sentences)
    source = "SINS: Fourney et al. 2011, J Clin Oncol 29(22). Grades: Bilsky et al. 2010, J Neurosurg Spine 13."
    return Section("Spinal canal and stability", f'<ul class="notes">{items}</ul><p class="small">{source}</p>')


def case_json(report: FollowUpReport) -> dict[str, Any]:
    """All figures of the follow-up, JSON-able; nothing of the patient."""
    return {
        "metastases": [
            {
                "lesion": plain(part.lesion.to_dict()),
                "outcome": part.outcome,
                "untold": part.untold,
                "comparison": part.comparison,
                "registration": part.registration,
                "after_to_before_lps": None
                if part.after_to_before is None
                else np.asarray(part.after_to_before).tolist(),
            }
            for part in report.parts
        ],
        "models": [card.id for card in report.models],
        "simulated_data": report.simulated,
        "simulated_training_data": any(card.training_data["simulated"] for card in report.models),
        "spine": list(report.spine),
        "notes": list(report.notes),
        "provenance": report.provenance,
    }


def one_space(report: FollowUpReport, part: LesionPart) -> OneSpace:
    """The scans around a metastasis."""
    masks = report.metastases, report.necroses
    return in_one_space((report.before, report.after), report.names, masks, part.lesion.id, part.after_to_before)


def _verdict_section(part: LesionPart) -> Section:
    decimals = 1 if part.lesion.volume_ml >= 0.95 else 2
    name = metastasis_name(part.lesion, f"{part.lesion.volume_ml:.{decimals}f} ml")
    if part.comparison is None:
        html = f'<div class="verdict open"><b>{_TITLES[part.outcome]}</b>{escape(part.untold or _UNTREATED_RULE)}</div>'
        return Section(name, html)
    verdict = part.comparison["verdict"]
    outcome = verdict["outcome"]
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in verdict["reasons"])
    return Section(
        name,
        f'<div class="verdict {_CLASSES.get(outcome, "open")}"><b>{escape(_TITLES[outcome])}</b>'
        f'<ul class="notes">{reasons}</ul></div>'
        f'<p class="small">{escape(verdict["rule"])}</p>',
    )


def _part_sections(report: FollowUpReport, part: LesionPart) -> list[Section]:
    comparison = part.comparison
    assert comparison is not None
    title = f"metastasis {part.lesion.id}"
    bins = [one["low_mm"] for one in comparison["distance"]["bins"] if one["low_mm"] is not None] or [0.0]
    sections = [Section(f"Scans in one space, {title}", _scans(report, part))]
    if part.surface is not None and np.isfinite(part.surface.margin_mm).all():
        edges, shares = margin_histogram(part.surface)
        views = margin_views(part.surface.points, part.surface.triangles, part.surface.margin_mm)
        chart = histogram_chart(edges, shares, comparison["distance"]["error_mm"], bins)
        band = "The grey band is the registration's error. " if comparison["distance"]["error_mm"] else ""
        sections.append(
            Section(
                f"Margin, {title}",
                f'{views}<div class="columns"><div><h3>Histogram</h3>{chart}<p class="small">{band}'
                f"Weighed by area.</p></div><div><h3>Shares of the surface</h3>{bins_table(comparison).to_html()}</div>"
                "</div>",
            )
        )
    pieces = pieces_table(comparison)
    left = pieces.to_html() if pieces.rows else "<p>None that matters.</p>"
    sections.append(
        Section(
            f"Measures, {title}",
            f'<div class="columns"><div><h3>Overlap</h3>{facts(overlap_facts(comparison))}</div>'
            f"<div><h3>Distance</h3>{facts(distance_facts(comparison))}</div></div><h3>Untreated pieces</h3>{left}",
        )
    )
    if part.registration is not None:
        sections.append(Section(f"Registration, {title}", facts(registration_facts(part.registration))))
    return sections


def _scans(report: FollowUpReport, part: LesionPart) -> str:
    """Before, after in the space of before, and one in the other, with both outlines."""
    space = one_space(report, part)
    near = close_ups(space.pictures, space.own)
    viewer = slice_viewer(
        dict(zip(space.names, space.images)),
        space.layers,
        _slice_with_most(space.own),
        blend=True,
        around=2,
        key=f"m{part.lesion.id}",
    )
    return (
        f'{near}{viewer}<p class="small">Sagittal, anterior (A) at the left, head (H) above; the scan after was '
        "resampled into the space of the scan before. R and L with millimetres: where the slice lies in the scanner's "
        "coordinates, right or left. Fade, or switch to the checkerboard, to see how well they lie on each other.</p>"
    )


def _scans_apart(report: FollowUpReport) -> str:
    """Both scans as they are, where nothing brought them into one space."""
    pages = []
    for name, image, mask, layer, colour, key in (
        (report.names[0], report.before, report.metastases, "Metastasis before", hexadecimal(METASTASIS), "b"),
        (report.names[1], report.after, report.necroses, "Necrosis after", hexadecimal(NECROSIS), "a"),
    ):
        on_image = resample_like(mask, image, nearest=True)
        pages.append(f"<div>{slice_viewer({name: image}, [Layer(layer, on_image, colour)], around=2, key=key)}</div>")
    return f'<div class="columns">{"".join(pages)}</div>'


def _slice_with_most(mask: Volume) -> int | None:
    amount = np.count_nonzero(canonical(mask)[0].array, axis=(1, 2))
    return int(np.argmax(amount)) if amount.any() else None


def _tiles(part: LesionPart) -> list[Tile]:
    if part.comparison is None:
        return [Tile(_TITLES[part.outcome], "largest metastasis", f"{part.lesion.volume_ml:.1f} ml")]
    overlap, distance = part.comparison["overlap"], part.comparison["distance"]
    shown = {figure.key: figure.text(value) for figure, value in figures_of(part.comparison)}
    tiles = [
        Tile(_TITLES[part.outcome], "verdict", f"metastasis {part.lesion.id}"),
        Tile(shown["covered_share"], "covered", f"of {shown['metastasis_ml']}"),
        Tile(shown["untreated_ml"], "untreated", _pieces(len(overlap["pieces"]))),
    ]
    if distance["minimum_mm"] is not None:
        error = f" ± {distance['error_mm']:.1f}" if distance["error_mm"] else ""
        tiles.append(
            Tile(f"{distance['minimum_mm']:.1f}{error} mm", "minimal ablative margin", distance["thinnest_where"])
        )
    return tiles


def _pieces(count: int) -> str:
    return "1 piece that matters" if count == 1 else f"{count} pieces that matter"


def _settings_section(report: FollowUpReport) -> Section:
    provenance = report.provenance or {}
    models = {card.title: f"{card.id}, version {card.version}, SHA-256 {card.sha256}" for card in report.models}
    for card in report.models:
        if card.training_data["simulated"]:
            models[card.title] += " (simulated training data)"
    first = next((part.comparison for part in report.parts if part.comparison), None)
    settings = _settings_in_words(first["provenance"]["parameters"]) if first else {}
    made = {
        "SpineOncology": provenance.get("version", "–"),
        "Time": provenance.get("time", "–"),
        "Took": f"{provenance['seconds']} s" if "seconds" in provenance else "–",
        "Libraries": ", ".join(f"{name} {version}" for name, version in _libraries(report).items()),
    }
    html = (
        f'<div class="columns"><div><h3>Models</h3>{facts(models or {"Segmentation": "given, no model"})}</div>'
        f"<div><h3>Settings</h3>{facts(settings)}</div></div><h3>Made</h3>{facts(made)}"
    )
    return Section("Models, settings, versions", html)


def _settings_in_words(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What a comparison was asked for, by name."""
    error, required = parameters.get("error_mm"), parameters["required_margin_mm"]
    known = "error not known" if error is None else f"error {error:.1f} mm"
    trusted = "to be trusted" if parameters.get("trusted", True) else "not to be trusted"
    limits = [f"{one:g}" for one in parameters["margin_bins_mm"]]
    return {
        "Required margin": f"{required:g} mm" if required else "none: covered is enough",
        "Surface that may lack it": f"{100 * parameters['tolerated_share']:g} %",
        "Untreated pieces that matter": f"from {parameters['smallest_untreated_ml']:.2g} ml",
        "Bands of the margin": f"limits {', '.join(limits)} mm",
        "Registration": f"{trusted}, {known}",
    }


def _libraries(report: FollowUpReport) -> dict[str, str]:
    found: dict[str, str] = {}
    provenance = report.provenance or {}
    sources = [provenance, provenance.get("metastases"), provenance.get("necroses")]
    for part in report.parts:
        sources += [each.get("provenance") for each in (part.comparison, part.registration) if each]
    for source in sources:
        if isinstance(source, Mapping):
            found |= source.get("libraries", {})
    return found
