"""Binary STL; its header of 80 bytes names space and unit, which the format itself does not know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from vtkmodules.vtkIOGeometry import vtkSTLReader

from SpineLib.geometry.triangles import crossed
from SpineLib.mesh.reading import by_vtk
from SpineLib.mesh.topology import merged

SUFFIX, TITLE, ORDER = ".stl", "STL", 0
_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def write(points: np.ndarray, triangles: np.ndarray, path: Path, remark: str) -> None:
    """Write it."""
    facets = np.zeros(len(triangles), _FACET)
    facets["corners"] = points[triangles]
    normal = crossed(points.astype(np.float32).astype(float), triangles)
    facets["normal"] = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    header = remark.encode("ascii")[:80].ljust(80)  # must not begin with "solid": that is the text format
    path.write_bytes(header + np.array(len(facets), "<u4").tobytes() + facets.tobytes())


def read(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Read it, or the text format."""
    reader = vtkSTLReader()
    reader.MergingOff()  # it would leave triangles without area out before they are counted
    points, triangles, remark = by_vtk(reader, path)
    return *merged(points, triangles), remark
