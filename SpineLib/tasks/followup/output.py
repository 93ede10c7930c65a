"""A comparison as files: figures as JSON and CSV, the painted surface as a VTK or PLY model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from SpineLib.csv_text import csv_of_dicts
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.mesh.formats import ply
from SpineLib.mesh.polydata import write_vtp
from SpineLib.metrics.ablation import MEASURES, bin_figure
from SpineLib.tasks.followup.compare import Comparison
from SpineLib.tasks.followup.margin import MarginSurface
from SpineLib.volume.files import whole_files, write_text

#: Name of the array of margins (mm) at the points of a written surface.
MARGIN = "margin_mm"
SURFACE_SUFFIXES = (".vtp", ".ply")


def write_surface(surface: MarginSurface, path: str | Path) -> None:
    """Write the surface, LPS mm, with the point array "margin_mm"; all or nothing.

    Args:
        surface: of a comparison.
        path: ends in ".vtp" (VTK; with a remark that it is LPS, which Slicer reads) or ".ply" (binary, with normals
            left out and the margin as a property of each vertex).

    Raises:
        SpineError: another ending, no permission, disk full.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SURFACE_SUFFIXES:
        raise SpineError(f"A surface cannot be written as '{Path(path).suffix}'; use {' or '.join(SURFACE_SUFFIXES)}.")
    with whole_files(path) as temporary:
        if suffix == ".vtp":
            write_vtp(surface.points, surface.triangles, temporary, {MARGIN: surface.margin_mm})
        else:
            ply.write(surface.points, surface.triangles, temporary, "SPACE=LPS, mm", {MARGIN: surface.margin_mm})


def write_comparison(comparison: Comparison, path: str | Path) -> None:
    """All figures, notes and provenance as JSON."""
    write_text(path, json_text(comparison.to_dict()))


def comparison_row(comparison: Comparison) -> dict:
    """The figures as one flat row; bins as ``share_below_0_mm``, ``share_0_to_5_mm``, ``share_from_10_mm``."""
    pieces = comparison.coverage.pieces
    return {
        "outcome": comparison.verdict.outcome,
        **{key: comparison.values[key] for key, measure in MEASURES.items() if measure.listed},
        "pieces": len(pieces),
        "largest_piece_ml": pieces[0].volume_ml if pieces else 0.0,
        "largest_piece_where": pieces[0].where if pieces else None,
        **{bin_figure(one.low_mm, one.high_mm).key: one.share for one in comparison.bins},
    }


def write_comparison_table(rows: Sequence[tuple[str, Comparison]], path: str | Path) -> None:
    """One line for each name and comparison, as CSV; what there is not stays empty."""
    table = [{"name": name} | comparison_row(comparison) for name, comparison in rows]
    write_text(path, csv_of_dicts([{key: _text(value) for key, value in row.items()} for row in table]))


def _text(value) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
