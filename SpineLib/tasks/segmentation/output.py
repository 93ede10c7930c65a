"""Results as files: segmentation or labelmap, probability, table, report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from SpineLib.csv_text import csv_text
from SpineLib.json_text import json_text
from SpineLib.metrics.lesion import LESION_MEASURES
from SpineLib.tasks.colours import nth_colour
from SpineLib.tasks.segmentation.lesions import Lesion
from SpineLib.tasks.segmentation.likeness import UNLIKENESS
from SpineLib.tasks.segmentation.naming import (
    LESION_ID,
    LEVEL,
    PROBABILITY,
    PROVENANCE,
    Target,
    lesion_name,
    lesion_terminology,
    provenance_text,
    target_of,
)
from SpineLib.tasks.segmentation.segment import SegmentResult
from SpineLib.volume import SegmentInfo, write_segmentation, write_volume
from SpineLib.volume.files import write_text


def write_result(result: SegmentResult, path: str | Path) -> None:
    """The lesions as a Slicer segmentation with one segment each (".seg.nrrd"), or as a labelmap (any other ending).

    Raises:
        SpineError: it cannot be written; an older file is still whole then.
    """
    if not Path(path).name.lower().endswith(".seg.nrrd"):
        write_volume(result.labels, path)
        return
    segments = lesion_segments(result.lesions, target_of(result.provenance), result.provenance)
    write_segmentation(path, result.labels, segments)


def lesion_segments(
    lesions: Iterable[Lesion], target: Target, provenance: Mapping[str, Any] | None = None
) -> list[SegmentInfo]:
    """A segment for each lesion; drawn ones (no provenance) have no probability."""
    segments = []
    for lesion in lesions:
        tags = {LESION_ID: str(lesion.id)} | ({LEVEL: lesion.level} if lesion.level else {})
        if provenance is not None:
            tags |= {PROBABILITY: f"{lesion.mean_probability:.4f}", PROVENANCE: provenance_text(provenance)}
        segments.append(
            SegmentInfo(
                lesion.id,
                lesion_name(lesion, target),
                nth_colour(lesion.id, target.key),
                lesion_terminology(lesion, target),
                tags,
            )
        )
    return segments


def report(result: SegmentResult) -> dict:
    """Lesions, notes and provenance, JSON-able."""
    return {
        "lesions": [lesion.to_dict() for lesion in result.lesions],
        "total_volume_ml": sum(lesion.volume_ml for lesion in result.lesions),
        "notes": result.notes,
        "provenance": result.provenance,
    }


def write_report(result: SegmentResult, path: str | Path) -> None:
    """:func:`report` as JSON."""
    write_text(path, json_text(report(result)))


def write_table(lesions: list[Lesion], path: str | Path, provenance: Mapping[str, Any] = {}) -> None:
    """The lesions' measures as CSV, one line each; the first column, its number, has the target's name, the last one
    tells in each line how unlike the model's training the scan is, "" where that is not known.
    """
    scan = provenance.get(UNLIKENESS)
    rows: list[list] = [[target_of(provenance).one.lower(), "level", *LESION_MEASURES, UNLIKENESS]]
    for lesion in lesions:
        measures = (one.written(one.of(lesion)) for one in LESION_MEASURES.values())
        rows.append([lesion.id, lesion.level, *measures, "" if scan is None else scan])
    write_text(path, csv_text(rows))
