"""Segmentation within the column: each lesion with its level, and none that touches no vertebra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from SpineLib.models.bundle import ModelBundle
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.segmentation.levels import dropped_note, with_levels
from SpineLib.tasks.segmentation.naming import target_of
from SpineLib.tasks.segmentation.segment import SegmentResult, SegmentSettings, segment
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
        sequences, bundle, settings: of the segmentation; ``settings.anywhere`` keeps what touches no vertebra.
        progress: told at least once a second; may raise ``Cancelled``.
        vertebrae: VerSe's numbers on any grid, or None: levels stay unknown and nothing is dropped.

    Raises:
        SpineError: as there.
        Cancelled: by ``progress``.
    """
    result = segment(sequences, bundle, settings, progress if vertebrae is None else part(progress, 0.0, 0.98))
    if vertebrae is None:
        return result
    progress(0.98, "Naming levels")
    placed = in_vertebrae(result, vertebrae, anywhere=settings.anywhere)
    progress(1.0, "Done")
    return replace(
        placed,
        provenance=placed.provenance | {"levels_by": "labels"},
        notes=reading_notes(vertebrae) + placed.notes,
    )


def in_vertebrae(result: SegmentResult, vertebrae: Volume, anywhere: bool = False) -> SegmentResult:
    """A result whose lesions have their levels and touch a vertebra, unless ``anywhere``; a note counts the others."""
    if not np.any(vertebrae.array):
        return replace(result, notes=[*result.notes, "The vertebrae file marks nothing here: levels stay unknown."])
    labels, lesions, dropped = with_levels(result.labels, result.lesions, vertebrae, anywhere)
    mask = result.mask.with_array((labels.array > 0).astype(np.uint8)) if dropped else result.mask
    notes = result.notes + dropped_note(dropped, target_of(result.provenance).many)
    return replace(result, labels=labels, mask=mask, lesions=lesions, notes=notes)
