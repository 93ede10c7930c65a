"""Vertebrae as files: segmentation or labelmap, table, report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from SpineLib.csv_text import csv_text
from SpineLib.json_text import json_text
from SpineLib.tasks.ct.vertebra_naming import vertebra_colour, vertebra_terminology
from SpineLib.tasks.ct.vertebrae import Vertebrae, VertebraInfo
from SpineLib.tasks.segmentation.naming import PROVENANCE, provenance_text
from SpineLib.volume import SegmentInfo, write_segmentation, write_volume
from SpineLib.volume.files import write_text
from SpineLib.volume.places import ras_lps

COLUMNS = ("label", "name", "volume_ml", "centre_r_mm", "centre_a_mm", "centre_s_mm", "touches_border", "incomplete")


def write_vertebrae(result: Vertebrae, path: str | Path) -> None:
    """The vertebrae as a Slicer segmentation with one segment each (".seg.nrrd"), or as a labelmap (other endings).

    Raises:
        SpineError: it cannot be written; an older file is still whole then.
    """
    if not Path(path).name.lower().endswith(".seg.nrrd"):
        write_volume(result.labels, path)
        return
    write_segmentation(path, result.labels, vertebra_segments(result.vertebrae, result.provenance))


def vertebra_segments(vertebrae: Iterable[VertebraInfo], provenance: Mapping[str, Any]) -> list[SegmentInfo]:
    """A segment for each vertebra, coded where its level is known."""
    return [
        SegmentInfo(
            one.label,
            one.name,
            vertebra_colour(one.label),
            vertebra_terminology(one.name),
            {PROVENANCE: provenance_text(provenance)},
        )
        for one in vertebrae
    ]


def write_vertebra_report(result: Vertebrae, path: str | Path) -> None:
    """Vertebrae, notes and provenance as JSON."""
    values = {
        "vertebrae": [one.to_dict() for one in result.vertebrae],
        "notes": result.notes,
        "provenance": result.provenance,
    }
    write_text(path, json_text(values))


def write_vertebra_table(vertebrae: Iterable[VertebraInfo], path: str | Path) -> None:
    """The vertebrae as CSV, one line each under :data:`COLUMNS`; centres in RAS, mm."""
    rows: list[tuple | list] = [COLUMNS]
    for one in vertebrae:
        rows.append(
            [
                one.label,
                one.name,
                f"{one.volume_ml:.2f}",
                *(f"{value:.2f}" for value in ras_lps(one.centre_lps_mm)),
                "yes" if one.touches_border else "no",
                "; ".join(one.incomplete),
            ]
        )
    write_text(path, csv_text(rows))
