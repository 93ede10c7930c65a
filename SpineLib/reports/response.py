"""The report of two examinations: what became of each lesion, and the response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.metrics.response import COMPLETE, PARTIAL, PROGRESSIVE, RESPONSE_FIGURES, RESPONSES, SOURCE, change_words
from SpineLib.reports.followup import spine_section
from SpineLib.reports.page import Section, Tile, facts, write_page
from SpineLib.reports.tables import Column, Table
from SpineLib.reports.viewer import Layer, slice_viewer
from SpineLib.tasks.colours import METASTASIS, hexadecimal
from SpineLib.tasks.response.response import Response
from SpineLib.volume import Volume
from SpineLib.volume.resampling import resample_like


class _Change(Column):
    """A change that is told on its side of the thresholds."""

    def show(self, value: Any) -> str:
        return super().show(value) if value is None else change_words(value)


#: What people read; a table for programs has all of :data:`SpineLib.metrics.response.RESPONSE_FIGURES`.
COLUMNS = (
    Column("lesion", "Lesion"),
    Column("level", "Level"),
    *(Column.of(RESPONSE_FIGURES[key]) for key in ("earlier_ml", "later_ml", "volume_change")),
    *(Column.of(RESPONSE_FIGURES[key]) for key in ("earlier_mm", "later_mm")),
    _Change.of(RESPONSE_FIGURES["product_change"]),
    Column("response_in_words", "Response"),
    Column("remark", "Remark"),
)
_CLASSES = {COMPLETE: "complete", PARTIAL: "complete", PROGRESSIVE: "incomplete"}


@dataclass(frozen=True, eq=False)
class Examination:
    """A scan that is shown: what it is called, its image, its lesions (not 0 inside, any grid)."""

    name: str
    image: Volume
    lesions: Volume


def lesion_words(earlier: Sequence[str], later: Sequence[str]) -> str:
    """ "Lesion 1", "Lesion 1 + Lesion 2 → Lesion 4", "Lesion 3 (new)", "Lesion 2 (gone)"."""
    one, two = " + ".join(earlier), " + ".join(later)
    if not one or not two:
        return f"{one or two} ({'gone' if one else 'new'})"
    return one if one == two else f"{one} → {two}"


def response_rows(result: Response) -> list[dict[str, Any]]:
    """A line for each lesion, with all figures."""
    return [
        {
            "lesion": lesion_words(one.earlier, one.later),
            "level": one.level or "–",
            **one.values,
            "response": one.response,
            "response_in_words": RESPONSES[one.response],
            "remark": one.remark,
            "centre_ras_mm": one.centre_ras_mm,
        }
        for one in result.changes
    ]


def response_page(
    path: str | Path,
    result: Response,
    examinations: Sequence[Examination] = (),
    *,
    simulated: bool = False,
    patient: Mapping[str, Any] | None = None,
    spine: Sequence[str] = (),
) -> None:
    """Write the page; it stands alone and holds nothing of the patient but what ``patient`` says.

    Args:
        spine: sentences on the canal and on scores that a reader has confirmed.

    Raises:
        SpineError: it cannot be written.
    """
    overall = RESPONSES.get(result.overall, result.overall.capitalize())
    verdict = (
        f'<div class="verdict {_CLASSES.get(result.overall, "open")}"><b>{escape(overall)}</b>'
        f'<ul class="notes"><li>{escape(result.reason)}</li></ul></div><p class="small">{escape(SOURCE)}.</p>'
    )
    table = Table(COLUMNS, response_rows(result)).to_html()
    sections = [Section("Patient", facts(patient))] if patient else []
    sections += [Section("Response", verdict), Section("Lesions", table)]
    if spine:
        sections.append(spine_section(spine))
    if result.notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in result.notes)
        sections.append(Section("Please read", f'<ul class="notes">{items}</ul>'))
    if examinations:
        shown = "".join(f"<div>{_viewer(one, f'e{n}')}</div>" for n, one in enumerate(examinations))
        sections.append(Section("Scans", f'<div class="columns">{shown}</div>'))
    counts = {kind: sum(one.response == kind for one in result.changes) for kind in RESPONSES}
    tiles = [Tile(overall, "response", ""), *_sums(result)]
    tiles += [Tile(str(count), RESPONSES[kind].lower(), "") for kind, count in counts.items() if count]
    write_page(
        path,
        "Two examinations",
        " and ".join(one.name for one in examinations),
        sections,
        tiles=tiles,
        badges=["Simulated data, not a patient"] if simulated else [],
        footer="Made by SpineOncology. Read together with the images, never alone.",
    )


def _sums(result: Response) -> list[Tile]:
    before, after = (sum(one.values[key] or 0.0 for one in result.changes) for key in ("earlier_ml", "later_ml"))
    return [Tile(f"{after:.1f} ml", "all lesions now", f"{before:.1f} ml earlier")]


def _viewer(one: Examination, key: str) -> str:
    mask = resample_like(one.lesions.with_array((one.lesions.array != 0).astype(np.uint8)), one.image, nearest=True)
    return slice_viewer({one.name: one.image}, [Layer("Lesions", mask, hexadecimal(METASTASIS))], around=2, key=key)
