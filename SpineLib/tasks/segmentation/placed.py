"""Segmentation within the column: each lesion with its level, and none that is no lesion of a vertebra."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from SpineLib.models.bundle import ModelBundle
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.column.fitness import (
    NO_COLUMN_MODEL,
    header_doubt,
    narrow_note,
    overlaid_doubt,
    plane_doubt,
    refuse,
    sequence_doubt,
    shows_a_spine,
    small_note,
    spine_doubt,
)
from SpineLib.tasks.column.mr import MrColumn, column_model, column_on_mr
from SpineLib.tasks.segmentation.levels import dropped_note, lowest_unused, lying_notes, renumbered, with_levels
from SpineLib.tasks.segmentation.naming import target_of
from SpineLib.tasks.segmentation.outliers import outliers
from SpineLib.tasks.segmentation.plausible import doubts, doubts_note
from SpineLib.tasks.segmentation.segment import SegmentResult, SegmentSettings, segment
from SpineLib.tasks.stability.find import parts_of
from SpineLib.volume.checks import check_image
from SpineLib.volume.told import reading_notes
from SpineLib.volume.volume import Volume


def segment_placed(
    sequences: Mapping[str, Volume],
    bundle: ModelBundle,
    settings: SegmentSettings = SegmentSettings(),
    progress: Progress = silent,
    vertebrae: Volume | None = None,
) -> SegmentResult:
    """As :func:`SpineLib.tasks.segmentation.segment.segment`, with levels.

    Args:
        sequences, bundle, settings: of the segmentation; ``settings.anywhere`` keeps what is no lesion of a vertebra,
            ``settings.anyway`` uses what the models were not made for.
        progress: told at least once a second; may raise ``Cancelled``.
        vertebrae: VerSe's numbers on any grid, or None: the installed model of the column finds them; where none is
            installed, levels stay unknown and nothing is dropped.

    Raises:
        SpineError: as there; or a scan is axial or coronal, shows no spine, or is another sequence than it was said.
        Cancelled: by ``progress``.
    """
    notes = []
    used = list(bundle.card.inputs_of(sequences))
    reference = settings.reference if settings.reference in used else "T1" if "T1" in used else next(iter(used), "")
    for name in used:
        check_image(sequences[name], name)
    for name in used if settings.levels else ():
        notes += refuse(header_doubt(sequences[name], name), settings.anyway)
        notes += refuse(plane_doubt(sequences[name], name), settings.anyway) + narrow_note(sequences[name], name)
    by: str | dict = "labels"
    parts, column = None, None
    if vertebrae is None and used and settings.levels:
        found, said = _found(sequences[reference], reference, settings, part(progress, 0.0, 0.3))
        notes += said
        if found is not None and found.found:
            vertebrae, by, column = found.vertebrae, found.by, found.column
            parts = parts_of(column, found.by["id"])
            notes += found.notes
    elif vertebrae is not None and used:
        notes += lying_notes(vertebrae, sequences[reference], reference)
    if by == "labels" and vertebrae is not None and settings.lowest:
        notes.append(lowest_unused(settings.lowest))

    def contrasts(images: Mapping[str, Volume]) -> list[str]:
        if column is None:
            return []
        others = ((name, image) for name, image in images.items() if name != reference)
        doubts = (overlaid_doubt(image, column, name) for name, image in others)
        return [note for doubt in doubts for note in refuse(doubt, settings.anyway)]

    share = part(progress, 0.3 if isinstance(by, dict) else 0.0, 0.98)
    result = segment(sequences, bundle, settings, share, vertebrae, contrasts)
    result = replace(result, notes=notes + result.notes, parts=parts)
    if vertebrae is None:
        return result
    progress(0.98, "Naming levels")
    placed = in_vertebrae(result, vertebrae, anywhere=settings.anywhere)
    if bundle.card.target == "metastasis":
        if not settings.anywhere:
            placed = _plausible(placed, vertebrae, isinstance(by, dict))
        placed = replace(placed, notes=[*placed.notes, *_odd_ones(placed, vertebrae)])
    progress(1.0, "Done")
    told = reading_notes(vertebrae) if by == "labels" else []
    return replace(placed, provenance=placed.provenance | {"levels_by": by}, notes=told + placed.notes)


def _found(
    image: Volume, reference: str, settings: SegmentSettings, progress: Progress
) -> tuple[MrColumn | None, list[str]]:
    """The column in the reference sequence, None where it is not looked for; and what was said of fitness."""
    bundle = column_model(reference)
    if bundle is None or not shows_a_spine(image):
        why = small_note(image, reference) if bundle is not None else NO_COLUMN_MODEL
        return None, [f"{why}: levels are unknown, and what lies beside vertebrae was kept."]
    found = column_on_mr(
        image,
        bundle,
        settings.lowest,
        device=settings.device,
        precision=settings.precision,
        progress=progress,
    )
    notes = refuse(spine_doubt(len(found.column.members), reference), settings.anyway)
    if found.found:
        notes += refuse(sequence_doubt(found.column.grid.image, found.column, reference), settings.anyway)
    return found, notes


def _plausible(result: SegmentResult, vertebrae: Volume, whole: bool) -> SegmentResult:
    """A result without the marks that are no lesion of a vertebra; a note tells of each."""
    found = doubts(result.labels, result.lesions, result.images, vertebrae, whole_bones=whole)
    if not found:
        return result
    labels, lesions = renumbered(result.labels, [one for one in result.lesions if one.id not in found])
    mask = result.mask.with_array((labels.array > 0).astype(np.uint8))
    notes = result.notes + doubts_note(found, result.lesions, target_of(result.provenance).many)
    return replace(result, labels=labels, mask=mask, lesions=lesions, notes=notes)


def _odd_ones(result: SegmentResult, vertebrae: Volume) -> list[str]:
    """A note on each vertebra that stands out as a whole, by the sequence in which it does most."""
    odd = [one for name, image in result.images.items() for one in outliers(image, name, vertebrae, result.mask)]
    most = {one.number: one for one in sorted(odd, key=lambda one: abs(math.log(one.ratio)))}
    return [one.note for number, one in sorted(most.items())]


def in_vertebrae(result: SegmentResult, vertebrae: Volume, anywhere: bool = False) -> SegmentResult:
    """A result whose lesions have their levels and touch a vertebra, unless ``anywhere``; a note counts the others."""
    if not np.any(vertebrae.array):
        return replace(result, notes=[*result.notes, "The vertebrae file marks nothing here: levels stay unknown."])
    labels, lesions, dropped = with_levels(result.labels, result.lesions, vertebrae, anywhere)
    mask = result.mask.with_array((labels.array > 0).astype(np.uint8)) if dropped else result.mask
    notes = result.notes + dropped_note(dropped, target_of(result.provenance).many)
    return replace(result, labels=labels, mask=mask, lesions=lesions, notes=notes)
