"""What a segmentation of metastases looks like on a page: lesions, agreement with a truth, model and settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from SpineLib.metrics.lesion import LESION_MEASURES
from SpineLib.metrics.literature import METASTASES, METASTASES_READERS, NECROSIS, Published
from SpineLib.models.card import ModelCard
from SpineLib.reports.charts import Interval, interval_chart
from SpineLib.reports.page import Section, facts, readable
from SpineLib.reports.tables import Column, Table

if TYPE_CHECKING:
    from SpineLib.metrics.overlap import Overlap
    from SpineLib.tasks.segmentation.lesions import Lesion

LESION_COLUMNS = (
    Column("id", "Lesion"),
    Column("level", "Level"),
    Column.of(LESION_MEASURES["volume_ml"]),
    Column.of(LESION_MEASURES["diameter_in_plane_mm"]),
    Column.of(LESION_MEASURES["diameter_3d_mm"]),
    Column("centre_ras_mm", "Centre R, A, S", "mm", 1),
    Column.of(LESION_MEASURES["mean_probability"]),
)
TRUTH_COLUMNS = (
    Column("number", "Metastasis"),
    Column("level", "Vertebra"),
    Column("kind", "Type"),
    Column("place", "Place"),
    Column("volume_ml", "Volume", "ml", 2),
    Column("found", "Found"),
    Column("covered", "Covered", "%", 0, percent=True),
)
AGREEMENT_COLUMNS = (
    Column("what", "Compared"),
    Column("dice", "Dice", "%", 1),
    Column("sensitivity", "Sensitivity", "%", 1),
    Column("specificity", "Specificity", "%", 1),
    Column("data", "Data"),
)


def lesion_table(lesions: Iterable[Lesion], more: Iterable[Column] = (), values: Sequence[Mapping] = ()) -> Table:
    """The lesions' measures, with columns ``more`` whose cells ``values`` holds row by row."""
    rows = [lesion.to_dict() for lesion in lesions]
    return Table((*LESION_COLUMNS, *more), [{**row, **extra} for row, extra in zip(rows, values or [{}] * len(rows))])


def agreement_section(
    card: ModelCard, own: Overlap, readers: Overlap | None = None, simulated: bool = True, note: str = ""
) -> Section:
    """This case beside what the paper reports for the same inputs, as a chart and a table.

    Args:
        card: of the model that made the result.
        own: result against truth.
        readers: one (simulated) reader against the other on the same case.
        simulated: whether the case is.
        note: plain text under the chart.
    """
    data = "simulated" if simulated else "real"
    rows = [_row("This case", own, data)]
    if readers is not None:
        rows.append(_row("Two simulated readers" if simulated else "Two readers", readers, data))
    intervals = {
        key: [Interval(row["what"], row[key], own=row is rows[0], note=row["data"]) for row in rows]
        for key in ("dice", "sensitivity")
    }
    necrosis = card.target == "necrosis"
    paper = (NECROSIS if necrosis else METASTASES).get((tuple(card.inputs), card.network["dimensions"]))
    for published in filter(None, (paper, None if necrosis else METASTASES_READERS)):
        rows.append(_published_row(published))
        for key, lines in intervals.items():
            mean, std = getattr(published, key)
            lines.append(Interval(published.what, mean, std, note=published.on))
    charts = "".join(
        f"<div><h3>{title}</h3>{interval_chart(intervals[key])}</div>"
        for key, title in (("dice", "Dice coefficient"), ("sensitivity", "Sensitivity"))
    )
    table = Table(AGREEMENT_COLUMNS, rows).to_html()
    small = f'<p class="small">{escape(note)}</p>' if note else ""
    return Section("Beside the truth and the literature", f'<div class="columns">{charts}</div>{table}{small}')


def model_section(card: ModelCard, provenance: Mapping[str, Any]) -> Section:
    """Model card, settings and versions: what is needed to make the same result again."""
    model = {
        "Model": f"{card.title} ({card.id}, version {card.version})",
        "Training data": _training_data(card),
        "Licence": card.licence,
        "SHA-256 of the weights": card.sha256,
    }
    settings = {
        "Device": f"{provenance['device']}, {provenance['precision']}",
        **readable(provenance["parameters"], leave_out=("device", "precision")),
        "Time": f"{provenance['time']}, {provenance['seconds']} s",
        "SpineOncology": provenance["version"],
        "Libraries": ", ".join(f"{name} {version}" for name, version in provenance["libraries"].items()),
    }
    html = f'<div class="columns"><div>{facts(model)}</div><div>{facts(settings)}</div></div>'
    if card.text:
        html += f"<details><summary>Model card</summary><pre>{escape(card.text)}</pre></details>"
    return Section("Model and settings", html)


def _training_data(card: ModelCard) -> str:
    description = str(card.training_data.get("description", ""))
    said = not card.training_data["simulated"] or "simulated" in description.lower()
    return description if said else f"Simulated. {description}"


def _row(what: str, overlap: Overlap, data: str) -> dict[str, Any]:
    return {
        "what": what,
        "dice": 100 * overlap.dice,
        "sensitivity": 100 * overlap.tpr,
        "specificity": 100 * overlap.tnr,
        "data": data,
    }


def _published_row(published: Published) -> dict[str, Any]:
    spreads = {key: published.spread(key) for key in ("dice", "sensitivity", "specificity")}
    return {"what": published.what, "data": f"{published.source}, {published.on}", **spreads}
