"""Models as files, in LPS and millimetres unless asked otherwise: binary STL."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.mesh.topology import merged

_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def write_stl(points: np.ndarray, triangles: np.ndarray, path: Path, space: str = "LPS") -> None:
    """Binary STL; its header names space and unit, which the format itself does not know."""
    header = f"SpineOncology; space {space}, unit mm".encode("ascii").ljust(80)
    facets = np.zeros(len(triangles), _FACET)
    facets["corners"] = points[triangles]
    normal = np.cross(*(facets["corners"][:, n].astype(float) - facets["corners"][:, 0] for n in (1, 2)))
    facets["normal"] = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    path.write_bytes(header + np.uint32(len(facets)).astype("<u4").tobytes() + facets.tobytes())


def read_stl(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points and triangles of a binary STL; corners in one place are one point.

    Raises:
        SpineError: truncated, or not a binary STL.
    """
    data = path.read_bytes()
    count = int(np.frombuffer(data[80:84], "<u4")[0]) if len(data) >= 84 else -1
    if count < 0 or len(data) != 84 + count * _FACET.itemsize:
        raise SpineError("The STL file is damaged, or is not a binary one; write it again.")
    corners = np.frombuffer(data, _FACET, count, 84)["corners"].astype(np.float64).reshape(-1, 3)
    return merged(corners, np.arange(3 * count).reshape(-1, 3))
