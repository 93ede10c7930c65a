"""Binary PLY, with figures at the points where wanted (vtkPLYWriter keeps colours only; the format itself is plain)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from vtkmodules.vtkIOPLY import vtkPLYReader

from SpineLib.errors import SpineError
from SpineLib.mesh.reading import by_vtk

SUFFIX, TITLE, ORDER = ".ply", "PLY", 3
#: Bytes of a point and of a triangle in what :func:`read` takes.
_POINT, _TRIANGLE = 12, 13


def write(
    points: np.ndarray,
    triangles: np.ndarray,
    path: Path,
    remark: str,
    at_points: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write it; ``at_points``: arrays (n,) by name, each a property of the vertices."""
    header = "\n".join(
        [
            "ply",
            "format binary_little_endian 1.0",
            f"comment {remark}",
            f"element vertex {len(points)}",
            *(f"property float {name}" for name in ("x", "y", "z", *(at_points or {}))),
            f"element face {len(triangles)}",
            "property list uchar int vertex_indices",
            "end_header\n",
        ]
    )
    vertices = np.column_stack([points, *(at_points or {}).values()]).astype("<f4")
    faces = np.empty(len(triangles), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    faces["count"], faces["corners"] = 3, triangles
    path.write_bytes(header.encode("ascii") + vertices.tobytes() + faces.tobytes())


def read(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Read binary triangles without further properties."""
    # VTK's reader crashes on a file that ends too soon.
    header, _, rest = path.read_bytes().partition(b"end_header\n")
    points, triangles = (int(count) for count in re.findall(rb"^element (?:vertex|face) (\d+)$", header, re.M))
    if len(rest) != points * _POINT + triangles * _TRIANGLE:
        raise SpineError("The PLY file is damaged, or not one of binary triangles; write it again as such.")
    return by_vtk(vtkPLYReader(), path)
