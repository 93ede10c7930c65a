"""A comparison as files: figures as JSON and CSV, the painted surface as a VTK or PLY model."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.mesh.polydata import write_vtp
from SpineLib.tasks.followup.compare import Comparison
from SpineLib.tasks.followup.margin import MarginSurface
from SpineLib.volume.files import whole_files, write_text

#: Name of the array of margins (mm) at the points of a written surface.
MARGIN = "margin_mm"
SURFACE_SUFFIXES = (".vtp", ".ply")
_COLUMNS = (
    "outcome",
    "metastasis_ml",
    "necrosis_ml",
    "common_ml",
    "dice",
    "jaccard",
    "covered_share",
    "untreated_ml",
    "necrosis_outside_ml",
    "unseen_ml",
    "minimum_mm",
    "mean_mm",
    "percentile_5_mm",
    "percentile_25_mm",
    "percentile_50_mm",
    "percentile_75_mm",
    "percentile_95_mm",
    "hausdorff_mm",
    "hausdorff95_mm",
    "average_symmetric_mm",
    "surface_mm2",
    "error_mm",
    "uncertain_share",
)


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
            _write_ply(surface, temporary)


def _write_ply(surface: MarginSurface, path: Path) -> None:
    # vtkPLYWriter keeps colours only; the format itself is plain.
    header = "\n".join(
        [
            "ply",
            "format binary_little_endian 1.0",
            "comment SPACE=LPS, mm",
            f"element vertex {len(surface.points)}",
            "property float x",
            "property float y",
            "property float z",
            f"property float {MARGIN}",
            f"element face {len(surface.triangles)}",
            "property list uchar int vertex_indices",
            "end_header\n",
        ]
    )
    vertices = np.column_stack([surface.points, surface.margin_mm]).astype("<f4")
    faces = np.empty(len(surface.triangles), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    faces["count"], faces["corners"] = 3, surface.triangles
    path.write_bytes(header.encode("ascii") + vertices.tobytes() + faces.tobytes())


def write_comparison(comparison: Comparison, path: str | Path) -> None:
    """All figures, notes and provenance as JSON."""
    write_text(path, json.dumps(comparison.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def comparison_row(comparison: Comparison) -> dict:
    """The figures as one flat row; bins as ``share_below_0_mm``, ``share_0_to_5_mm``, ``share_from_5_mm``."""
    overlap, distance = comparison.overlap, comparison.distance
    values = comparison.to_dict()["overlap"] | comparison.to_dict()["distance"]
    percentiles = {f"percentile_{p}_mm": value for p, value in (distance.percentiles_mm or {}).items()}
    row = {"outcome": comparison.verdict.outcome} | {
        key: (values | percentiles).get(key) for key in _COLUMNS if key != "outcome"
    }
    row["pieces"] = len(overlap.pieces)
    row["largest_piece_ml"] = overlap.pieces[0].volume_ml if overlap.pieces else 0.0
    row["largest_piece_where"] = overlap.pieces[0].where if overlap.pieces else None
    for part in distance.bins:
        name = (
            f"share_below_{part.high_mm:g}_mm"
            if part.low_mm is None
            else f"share_from_{part.low_mm:g}_mm"
            if part.high_mm is None
            else f"share_{part.low_mm:g}_to_{part.high_mm:g}_mm"
        )
        row[name] = part.share
    return row


def write_comparison_table(rows: Sequence[tuple[str, Comparison]], path: str | Path) -> None:
    """One line for each name and comparison, as CSV; what there is not stays empty."""
    table = [{"name": name} | comparison_row(comparison) for name, comparison in rows]
    columns = list(dict.fromkeys(key for row in table for key in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _text(value) for key, value in row.items()} for row in table)
    write_text(path, stream.getvalue())


def _text(value) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
