"""The page of a segmentation: the scans with outlines, the lesions' measures, and how they were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np

from SpineLib.models.card import ModelCard
from SpineLib.reports.dicom_objects import Marked
from SpineLib.reports.followup import spine_section
from SpineLib.reports.lesions_archive import Examination
from SpineLib.reports.page import Section, Tile, write_page
from SpineLib.reports.segmentation import LESION_COLUMNS, model_section
from SpineLib.reports.tables import Column, Table
from SpineLib.reports.viewer import Layer, sagittal_index, slice_viewer
from SpineLib.tasks.colours import TARGETS as COLOURS
from SpineLib.tasks.colours import hexadecimal
from SpineLib.tasks.segmentation.likeness import unlike_note
from SpineLib.volume import Volume
from SpineLib.volume.resampling import resample_like
from SpineLib.words import counted


def lesions_table(marked: Marked) -> Table:
    """A line a lesion, called as its segment is."""
    called = {segment.label: segment.name for segment in marked.segments}
    columns = [Column("name", "Lesion"), *(one for one in LESION_COLUMNS if one.key != "id")]
    return Table(columns, [lesion.to_dict() | {"name": called[label]} for label, lesion in marked.lesions.items()])


def lesions_page(
    path: str | Path,
    marked: Marked,
    examination: Examination,
    card: ModelCard | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write the page; it stands alone and holds nothing of the patient.

    Args:
        path: the file.
        marked: the segmentation; its series is not needed.
        examination: what was read.
        card: of the model that found the lesions.
        notes: sentences the user should read.

    Raises:
        SpineError: it cannot be written.
    """
    reference, target = next(iter(examination.images.values())), examination.target
    images: Mapping[str, Volume] = {
        name: image if image.same_grid(reference) else resample_like(image, reference)
        for name, image in examination.images.items()
    }
    labels = resample_like(marked.labels, reference, nearest=True)
    colour = hexadecimal(COLOURS[target.key][0])
    layer = Layer(target.disease.capitalize(), labels.with_array((labels.array != 0).astype(np.uint8)), colour)
    sections = []
    unlike = unlike_note(examination.provenance)
    if notes := [*unlike, *(note for note in notes if note not in unlike)]:
        items = "".join(f"<li>{escape(note)}</li>" for note in notes)
        sections.append(Section("Please read", f'<ul class="notes">{items}</ul>'))
    slices = [sagittal_index(reference, lesion.centre_ras_mm) for lesion in marked.lesions.values()]
    table = lesions_table(marked).to_html(slices) if marked.lesions else f"<p>No {target.many}.</p>"
    sections.append(Section("Lesions", table + '<p class="small">Click a line to see its slice below.</p>'))
    if examination.spine:
        sections.append(spine_section(examination.spine))
    sections.append(Section("Scans", slice_viewer(images, [layer])))
    if card is not None and examination.provenance:
        sections.append(model_section(card, examination.provenance))
    badges = ["Simulated data, not a patient"] if examination.simulated else []
    if card is not None and card.training_data["simulated"]:
        badges.append("Simulated training data")
    volumes = [lesion.volume_ml for lesion in marked.lesions.values()]
    longest = max((lesion.diameter_3d_mm for lesion in marked.lesions.values()), default=0.0)
    tiles = [Tile(str(len(volumes)), target.one.lower() if len(volumes) == 1 else target.many)]
    if volumes:
        tiles += [Tile(f"{sum(volumes):.1f} ml", "in all"), Tile(f"{longest:.0f} mm", "longest diameter", "in space")]
    write_page(
        path,
        f"{counted(len(volumes), target.one.lower(), target.many, 'no').capitalize()} of the spine",
        " and ".join(examination.images),
        sections,
        tiles=tiles,
        badges=badges,
        footer="Made by SpineOncology. Read together with the images, never alone.",
    )
