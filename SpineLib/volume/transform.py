"""Linear transforms between two scans, as ITK transform files (LPS mm), which Slicer and ITK's programs read.

A file holds the resampling direction of ITK: it takes points of the scan before to the scan after. Slicer inverts it on
reading, so that a node of the scan after, put under the transform, moves onto the scan before. Within this program a
transform is the 4 x 4 matrix ``after_to_before``, the inverse of what the file holds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.files import whole_files
from SpineLib.volume.quiet import quiet_libraries, readable_name

#: Endings of the files that are read and written.
TRANSFORM_SUFFIXES = (".tfm", ".txt", ".h5", ".mat")
#: A column of the matrix may be this much longer or shorter than 1 (two scanners' gradients differ by a few percent).
MOST_SCALING = 0.2
#: Cosine between two columns: shear up to about 10 degrees.
MOST_SHEAR = 0.17
#: Largest difference from a rotation that rounding in a file explains.
_RIGID = 1e-5


def check_linear(matrix: np.ndarray) -> np.ndarray:
    """A transform between two scans of one patient, checked.

    Args:
        matrix: (4, 4), acts on column points (LPS mm), either direction.

    Returns:
        The matrix as float64.

    Raises:
        SpineError: not 4 x 4, not finite, no affine matrix, singular, mirroring, or far from rigid.
    """
    try:
        matrix = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (4, 4):
        raise SpineError("The transform is no 4 x 4 matrix; choose a linear (rigid) transform.")
    if not np.isfinite(matrix).all() or np.abs(matrix[3] - (0, 0, 0, 1)).max() > 1e-9:
        raise SpineError("The transform's matrix holds impossible numbers; choose another transform or register again.")
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    if lengths.min() < 1e-6 or abs(np.linalg.det(matrix[:3, :3] / lengths)) < 1e-3:
        raise SpineError("The transform is singular: it presses the scan flat; choose another one or register again.")
    if np.linalg.det(matrix[:3, :3]) < 0:
        raise SpineError("The transform mirrors the scan, which no movement does; choose another one.")
    cosines = (matrix[:3, :3] / lengths).T @ (matrix[:3, :3] / lengths) - np.eye(3)
    if np.abs(lengths - 1).max() > MOST_SCALING or np.abs(cosines).max() > MOST_SHEAR:
        raise SpineError(
            "The transform scales or shears the scan far more than two scans of one patient differ; choose a rigid one."
        )
    return matrix


def rotation_degrees(matrix: np.ndarray) -> float:
    """Angle of the rotation part of a rigid 4 x 4 matrix."""
    return float(np.degrees(np.arccos(np.clip((np.trace(matrix[:3, :3]) - 1) / 2, -1, 1))))


def write_transform(after_to_before: np.ndarray, path: str | Path) -> None:
    """Write a transform, all or nothing: Euler3D where it is rigid, else affine.

    Args:
        after_to_before: (4, 4), LPS mm; the file gets its inverse (see the module's text).
        path: its ending is one of :data:`TRANSFORM_SUFFIXES`.

    Raises:
        SpineError: the matrix (see :func:`check_linear`), an unknown ending, or the file cannot be written.
    """
    import SimpleITK as sitk

    if Path(path).suffix.lower() not in TRANSFORM_SUFFIXES:
        raise SpineError(
            f"A transform cannot be written as '{Path(path).suffix}'; use one of {', '.join(TRANSFORM_SUFFIXES)}."
        )
    matrix = np.linalg.inv(check_linear(after_to_before))
    rigid = np.abs(matrix[:3, :3].T @ matrix[:3, :3] - np.eye(3)).max() < _RIGID
    transform = sitk.Euler3DTransform() if rigid else sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist(), *([_RIGID * 10] if rigid else []))
    transform.SetTranslation(matrix[:3, 3].tolist())
    with whole_files(path) as temporary:
        try:
            with quiet_libraries():
                sitk.WriteTransform(transform, str(temporary))
        except RuntimeError as error:
            raise OSError("the file could not be written") from error


def read_transform(path: str | Path) -> np.ndarray:
    """The matrix ``after_to_before`` (4, 4), LPS mm, of a file as :func:`write_transform` or Slicer writes it.

    Raises:
        SpineError: missing, unreadable, not linear, or see :func:`check_linear`.
    """
    import SimpleITK as sitk

    path = Path(path)
    if not path.is_file():
        raise SpineError("The transform file does not exist; check its path.")
    if path.suffix.lower() not in TRANSFORM_SUFFIXES:
        raise SpineError(f"The transform file has an unknown ending; use one of {', '.join(TRANSFORM_SUFFIXES)}.")
    try:
        with readable_name(path) as name, quiet_libraries():
            transform = sitk.ReadTransform(name)
    except (RuntimeError, OSError) as error:
        raise SpineError(
            "The transform file cannot be read: it is damaged or no ITK transform; save it again."
        ) from error
    if transform.GetDimension() != 3 or not transform.IsLinear():
        raise SpineError("The transform is not linear (a deformation, or not 3-D); choose a rigid one.")
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([transform.TransformPoint(tuple(axis)) for axis in np.eye(3)]).T - origin[:, None]
    matrix[:3, 3] = origin
    return np.linalg.inv(check_linear(matrix))
