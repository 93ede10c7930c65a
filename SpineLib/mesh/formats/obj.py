"""Wavefront OBJ, as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from vtkmodules.vtkIOGeometry import vtkOBJReader

from SpineLib.mesh.reading import by_vtk

SUFFIX, TITLE, ORDER = ".obj", "OBJ", 2


def write(points: np.ndarray, triangles: np.ndarray, path: Path, remark: str) -> None:
    """Write it."""
    lines = [f"# {remark}"]
    lines += ["v %.9g %.9g %.9g" % tuple(place) for place in points.astype(np.float32).tolist()]
    lines += ["f %d %d %d" % tuple(corners) for corners in (triangles + 1).tolist()]
    path.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")


def read(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Read it."""
    return by_vtk(vtkOBJReader(), path)
