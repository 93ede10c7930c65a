"""Models as files (:mod:`SpineLib.mesh.formats`), in LPS and millimetres, which each file says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.mesh.formats import formats
from SpineLib.mesh.topology import without_loose_points
from SpineLib.volume.places import ras_lps

SPACES = ("LPS", "RAS")
_MOST_BYTES = 2_000_000_000


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
    return ras_lps(points_lps) if space == "RAS" else points_lps


def write_mesh(points_lps: np.ndarray, triangles: np.ndarray, path: Path, space: str = "LPS") -> None:
    """Write triangles to a file; its ending names the format (:func:`SpineLib.mesh.formats.formats`).

    Args:
        points_lps: (n, 3) LPS mm; written as float32.
        triangles: (m, 3).
        path: written at once; the caller sees to it that it is all or nothing.
        space: of the file.

    Raises:
        SpineError: another ending or space.
    """
    _format(path).write(in_space(points_lps, space), triangles, path, _remark(space))


def read_mesh(path: str | Path) -> MeshFile:
    """Read the triangles of a file that :func:`write_mesh` or another program wrote.

    Raises:
        SpineError: another ending, missing, damaged, too large, or of a kind that is not supported.
    """
    path = Path(path)
    read = _format(path).read
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


def check_ending(path: Path) -> None:
    """Refuse a file whose ending names no format.

    Raises:
        SpineError: it does.
    """
    if path.suffix.lower() not in formats():
        raise SpineError(f"A model cannot be a '{path.suffix}' file; use {', '.join(formats())}.")


def _format(path: Path) -> ModuleType:
    check_ending(path)
    return formats()[path.suffix.lower()]


def _remark(space: str) -> str:
    # "SPACE=LPS" is what Slicer writes and looks for.
    return f"SPACE={space} unit=mm; {space} mm; SpineOncology, research use only"


def _space_in(text: str) -> str:
    return next((space for space in SPACES if f"SPACE={space}" in text), "")
