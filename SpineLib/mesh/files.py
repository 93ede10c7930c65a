"""Models as files: binary STL, 3MF, OBJ and PLY; in LPS and millimetres, which each file says."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.mesh import threemf
from SpineLib.mesh.topology import merged, without_loose_points

SPACES = ("LPS", "RAS")
_MOST_BYTES = 2_000_000_000
_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_PLY_TYPES = {
    "char": "i1",
    "int8": "i1",
    "uchar": "u1",
    "uint8": "u1",
    "short": "<i2",
    "int16": "<i2",
    "ushort": "<u2",
    "uint16": "<u2",
    "int": "<i4",
    "int32": "<i4",
    "uint": "<u4",
    "uint32": "<u4",
    "float": "<f4",
    "float32": "<f4",
    "double": "<f8",
    "float64": "<f8",
}


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
        points, triangles, space = read(path)
    except OSError as error:
        raise SpineError("The model's file cannot be read; check its path and your permissions.") from error
    except (ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
        raise SpineError("The model's file is damaged or of an unknown kind; write it again.") from error
    if not np.isfinite(points).all() or (len(triangles) and not 0 <= triangles.min() <= triangles.max() < len(points)):
        raise SpineError("The model's file is damaged: it names points that are not there; write it again.")
    points = points.astype(np.float32).astype(np.float64)  # as programs that slice read the text formats
    return MeshFile(*without_loose_points(points, triangles), space)


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
    normal = np.cross(*(facets["corners"][:, n].astype(float) - facets["corners"][:, 0] for n in (1, 2)))
    facets["normal"] = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    header = _remark(space).encode("ascii")[:80].ljust(80)  # must not begin with "solid": that is the text format
    path.write_bytes(header + np.array(len(facets), "<u4").tobytes() + facets.tobytes())


def _read_stl(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    data = path.read_bytes()
    count = int(np.frombuffer(data[80:84], "<u4")[0]) if len(data) >= 84 else -1
    if count < 0 or len(data) != 84 + count * _FACET.itemsize:
        raise SpineError("The STL file is damaged, or is not a binary one; write it again as binary STL.")
    corners = np.frombuffer(data, _FACET, count, 84)["corners"].astype(np.float64).reshape(-1, 3)
    if not np.isfinite(corners).all():
        raise SpineError("The STL file is damaged: it holds points that are no numbers; write it again.")
    points, triangles = merged(corners, np.arange(3 * count).reshape(-1, 3))
    return points, triangles, _space_in(data[:80].decode("ascii", "replace"))


def _write_obj(points: np.ndarray, triangles: np.ndarray, path: Path, space: str) -> None:
    lines = [f"# {_remark(space)}"]
    lines += ["v %.9g %.9g %.9g" % tuple(place) for place in points.astype(np.float32).tolist()]
    lines += ["f %d %d %d" % tuple(corners) for corners in (triangles + 1).tolist()]
    path.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    points, triangles, space = [], [], ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "v":
            points.append([float(value) for value in rest.split()[:3]])
        elif kind == "f":
            corners = [int(part.split("/")[0]) for part in rest.split()]
            corners = [corner - 1 if corner > 0 else len(points) + corner for corner in corners]
            triangles += [[corners[0], *pair] for pair in itertools.pairwise(corners[1:])]
        elif kind.startswith("#"):
            space = space or _space_in(rest)
    return np.array(points, float).reshape(-1, 3), np.array(triangles, np.int64).reshape(-1, 3), space


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
    data = path.read_bytes()
    end = data.index(b"end_header\n") + len(b"end_header\n")
    lines = data[:end].decode("ascii").split("\n")
    if lines[0] != "ply" or "format binary_little_endian 1.0" not in lines:
        raise SpineError("The PLY file is not a binary, little-endian one; write it again as such.")
    counts, properties, element = {}, {}, ""
    for words in (line.split() for line in lines):
        if words[:1] == ["element"]:
            element, counts[words[1]] = words[1], int(words[2])
            properties[element] = []
        elif words[:1] == ["property"]:
            properties[element].append(words[1:])
    vertex = np.dtype([(name, _PLY_TYPES[kind]) for kind, name in properties["vertex"]])
    vertices = np.frombuffer(data, vertex, counts["vertex"], end)
    ((_, size, index, _),) = properties["face"]
    face = np.dtype([("count", _PLY_TYPES[size]), ("corners", _PLY_TYPES[index], 3)])
    faces = np.frombuffer(data, face, counts["face"], end + vertices.nbytes)
    if (faces["count"] != 3).any():
        raise SpineError("The PLY file holds faces that are no triangles; triangulate it and write it again.")
    return (
        np.stack([vertices[axis] for axis in "xyz"], axis=1).astype(np.float64),
        faces["corners"].astype(np.int64),
        _space_in(" ".join(lines)),
    )


def _write_3mf(points: np.ndarray, triangles: np.ndarray, path: Path, space: str) -> None:
    threemf.write(points, triangles, path, _remark(space))


def _read_3mf(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    points, triangles, description = threemf.read(path)
    return points, triangles, _space_in(description)


#: Endings of the files of models, each with its writer and its reader.
FORMATS = {
    ".stl": (_write_stl, _read_stl),
    ".3mf": (_write_3mf, _read_3mf),
    ".obj": (_write_obj, _read_obj),
    ".ply": (_write_ply, _read_ply),
}
