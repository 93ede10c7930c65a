"""Models as files: binary STL, 3MF, OBJ and PLY; in LPS and millimetres, which each file says.

STL, OBJ and PLY are read by VTK, not by the writer's other half: what both understand is what the file says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry.triangles import crossed
from SpineLib.mesh import threemf
from SpineLib.mesh.topology import merged, without_loose_points

SPACES = ("LPS", "RAS")
_MOST_BYTES = 2_000_000_000
#: Bytes of a point and of a triangle in the binary PLY that :func:`write_mesh` writes.
_PLY_POINT, _PLY_TRIANGLE = 12, 13
_REMARKS_WITHIN = 4096
_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


@dataclass(frozen=True, eq=False)
class MeshFile:
    """What a file holds.

    Attributes:
        points: (n, 3) float64, in the file's own space and unit; each place once.
        triangles: (m, 3) int32.
        space: "LPS" or "RAS" as the file says, "" where it says nothing.
    """

    points: np.ndarray
    triangles: np.ndarray
    space: str

    @property
    def points_lps(self) -> np.ndarray:
        """The points in LPS; a file that says nothing is taken as LPS, as Slicer does."""
        return in_space(self.points, self.space) if self.space else self.points


def in_space(points_lps: np.ndarray, space: str) -> np.ndarray:
    """Points of LPS in "LPS" or "RAS"; the way back is the same. Half a turn: triangles stay as they are."""
    if space not in SPACES:
        raise SpineError(f"There is no space '{space}'; use {' or '.join(SPACES)}.")
    return points_lps * (-1.0, -1.0, 1.0) if space == "RAS" else points_lps


def write_mesh(points_lps: np.ndarray, triangles: np.ndarray, path: Path, space: str = "LPS") -> None:
    """Write triangles to a file; its ending names the format (:data:`FORMATS`).

    Args:
        points_lps: (n, 3) LPS mm; written as float32.
        triangles: (m, 3).
        path: written at once; the caller sees to it that it is all or nothing.
        space: of the file.

    Raises:
        SpineError: another ending or space.
    """
    _functions(path)[0](in_space(points_lps, space), triangles, path, space)


def read_mesh(path: str | Path) -> MeshFile:
    """Read the triangles of a file that :func:`write_mesh` or another program wrote.

    Raises:
        SpineError: another ending, missing, damaged, too large, or of a kind that is not supported.
    """
    path = Path(path)
    read = _functions(path)[1]
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SpineError("The model's file is larger than 2 GB; save triangles and write it again.")
        points, triangles, remarks = read(path)
    except OSError as error:
        raise SpineError("The model's file cannot be read; check its path and your permissions.") from error
    except (ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
        raise SpineError("The model's file is damaged or of an unknown kind; write it again.") from error
    if not np.isfinite(points).all() or (len(triangles) and not 0 <= triangles.min() <= triangles.max() < len(points)):
        raise SpineError("The model's file is damaged: it names points that are not there; write it again.")
    points = points.astype(np.float32).astype(np.float64)  # as programs that slice read the text formats
    return MeshFile(*without_loose_points(points, triangles), _space_in(remarks))


def _functions(path: Path):
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise SpineError(f"A model cannot be a '{path.suffix}' file; use {', '.join(FORMATS)}.")
    return FORMATS[suffix]


def _remark(space: str) -> str:
    # "SPACE=LPS" is what Slicer writes and looks for.
    return f"SPACE={space} unit=mm; {space} mm; SpineOncology, research use only"


def _space_in(text: str) -> str:
    return next((space for space in SPACES if f"SPACE={space}" in text), "")


def _write_stl(points: np.ndarray, triangles: np.ndarray, path: Path, space: str) -> None:
    """Binary STL; its header of 80 bytes names space and unit, which the format itself does not know."""
    facets = np.zeros(len(triangles), _FACET)
    facets["corners"] = points[triangles]
    normal = crossed(points.astype(np.float32).astype(float), triangles)
    facets["normal"] = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    header = _remark(space).encode("ascii")[:80].ljust(80)  # must not begin with "solid": that is the text format
    path.write_bytes(header + np.array(len(facets), "<u4").tobytes() + facets.tobytes())


def _read_stl(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    from vtkmodules.vtkIOGeometry import vtkSTLReader

    reader = vtkSTLReader()
    reader.MergingOff()  # it would leave triangles without area out before they are counted
    points, triangles, remark = _by_vtk(reader, path)
    return *merged(points, triangles), remark


def _write_obj(points: np.ndarray, triangles: np.ndarray, path: Path, space: str) -> None:
    lines = [f"# {_remark(space)}"]
    lines += ["v %.9g %.9g %.9g" % tuple(place) for place in points.astype(np.float32).tolist()]
    lines += ["f %d %d %d" % tuple(corners) for corners in (triangles + 1).tolist()]
    path.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    from vtkmodules.vtkIOGeometry import vtkOBJReader

    return _by_vtk(vtkOBJReader(), path)


def _write_ply(points: np.ndarray, triangles: np.ndarray, path: Path, space: str) -> None:
    header = "\n".join(
        [
            "ply",
            "format binary_little_endian 1.0",
            f"comment {_remark(space)}",
            f"element vertex {len(points)}",
            "property float x",
            "property float y",
            "property float z",
            f"element face {len(triangles)}",
            "property list uchar int vertex_indices",
            "end_header\n",
        ]
    )
    faces = np.empty(len(triangles), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    faces["count"], faces["corners"] = 3, triangles
    path.write_bytes(header.encode("ascii") + points.astype("<f4").tobytes() + faces.tobytes())


def _read_ply(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    from vtkmodules.vtkIOPLY import vtkPLYReader

    # VTK's reader crashes on a file that ends too soon.
    header, _, rest = path.read_bytes().partition(b"end_header\n")
    points, triangles = (int(count) for count in re.findall(rb"^element (?:vertex|face) (\d+)$", header, re.M))
    if len(rest) != points * _PLY_POINT + triangles * _PLY_TRIANGLE:
        raise SpineError("The PLY file is damaged, or not one of binary triangles; write it again as such.")
    return _by_vtk(vtkPLYReader(), path)


def _by_vtk(reader, path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Points, triangles (larger faces cut into some), and the file's beginning, where remarks stand.

    Raises:
        ValueError: VTK complains of the file, or finds no triangle.
    """
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkFiltersCore import vtkTriangleFilter

    complaints: list[str] = []
    for one in (reader, reader.GetExecutive()):
        for event in ("ErrorEvent", "WarningEvent"):
            one.AddObserver(event, lambda _, event: complaints.append(event))
    reader.SetFileName(str(path))
    triangulated = vtkTriangleFilter()
    triangulated.SetInputConnection(reader.GetOutputPort())
    triangulated.Update()
    found = triangulated.GetOutput()
    if complaints or not found.GetNumberOfPolys():
        raise ValueError(f"no whole model in the {path.suffix} file")
    points = vtk_to_numpy(found.GetPoints().GetData()).astype(np.float64)
    triangles = vtk_to_numpy(found.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    with path.open("rb") as file:
        return points, triangles, file.read(_REMARKS_WITHIN).decode("utf-8", "replace")


def _write_3mf(points: np.ndarray, triangles: np.ndarray, path: Path, space: str) -> None:
    threemf.write(points, triangles, path, _remark(space))


def _read_3mf(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    return threemf.read(path)


#: Endings of the files of models, each with its writer, and its reader of points, triangles and remarks.
FORMATS = {
    ".stl": (_write_stl, _read_stl),
    ".3mf": (_write_3mf, _read_3mf),
    ".obj": (_write_obj, _read_obj),
    ".ply": (_write_ply, _read_ply),
}
