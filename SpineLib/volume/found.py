"""What a file holds, as it stands there, and its judgement: only a grid that is certain becomes a ``Volume``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.told import NOTES
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: Voxels smaller or larger than this (mm), and images longer than this (mm), are mistakes of a header, not a patient.
SMALLEST_MM, LARGEST_MM, LONGEST_MM = 0.01, 100.0, 5000.0
#: Farther from the origin of the patient's space (mm) no scanner reaches.
FARTHEST_MM = 100_000.0
#: Axes that differ more from right angles (degrees) are refused: a tilted gantry, or a shear from a registration.
MOST_SKEW = 0.5
#: A skew as small as this (of unit vectors) is how numbers are rounded in files; so many mm nobody needs to know.
_ROUNDED, _UNSEEN_MM = 1e-5, 0.05


@dataclass(eq=False)
class Found:
    """The content of a file.

    Attributes:
        array: (k, j, i), or (k, j, i, c) of several values a voxel.
        spacing: along i, j, k, mm; as written, so that it may be 0, NaN or negative.
        origin: centre of voxel (0, 0, 0), LPS, mm.
        direction: (3, 3), columns are the axes i, j, k in LPS, nearly of unit length and nearly at right angles.
        notes: sentences for the user.
        keys: further words of the header (NRRD).
    """

    array: np.ndarray
    spacing: np.ndarray
    origin: np.ndarray
    direction: np.ndarray
    notes: list[str] = field(default_factory=list)
    keys: Mapping[str, str] = field(default_factory=dict)


def volume_of(found: Found, name: str, label: str, meta: Mapping[str, Any] | None = None) -> Volume:
    """The volume in a file.

    Args:
        found: of it.
        name: of the volume.
        label: how messages call the file ("The T1 file").
        meta: what else the file told.

    Raises:
        SpineError: several values a voxel, complex ones, or a grid that :func:`checked_grid` refuses.
    """
    array = found.array
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise SpineError(f"{label} is a colour or vector image; use one with a single grey value a voxel.")
    if np.iscomplexobj(array):
        raise SpineError(f"{label} holds complex numbers; export its magnitude.")
    spacing, origin, direction, notes = checked_grid(found, label)
    told = dict(meta or {})
    if found.notes or notes:
        told[NOTES] = (*told.get(NOTES, ()), *found.notes, *notes)
    return Volume(array, triple(spacing), triple(origin), direction, name, told)


def checked_grid(found: Found, label: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Spacing, origin and direction, straightened where they nearly stood at right angles, and sentences on that.

    Raises:
        SpineError: spacing not told, zero, negative or absurd; no valid origin or direction; axes not at right angles.
    """
    spacing, origin, direction = (np.asarray(one, float) for one in (found.spacing, found.origin, found.direction))
    size = np.array(found.array.shape[2::-1])
    if not size.all():
        raise SpineError(f"{label} holds no voxels; export it again.")
    if (spacing == 0).any():
        raise SpineError(f"{label} has a voxel spacing of zero; export it again with its true spacing.")
    if not np.isfinite(spacing).all() or (spacing < 0).any():
        raise SpineError(f"{label} has a voxel spacing that is no number or negative; export it again.")
    if spacing.min() < SMALLEST_MM or spacing.max() > LARGEST_MM or (spacing * size).max() > LONGEST_MM:
        words = " x ".join(f"{value:.3g}" for value in spacing)
        raise SpineError(f"{label} has an impossible voxel spacing ({words} mm); export it again with its true one.")
    lengths = np.linalg.norm(direction, axis=0)
    if not np.isfinite(direction).all() or np.abs(lengths - 1).max() > 0.01:
        raise SpineError(f"{label} has no valid orientation (its axes are no unit vectors); export it again.")
    if not np.isfinite(origin).all() or np.abs(origin).max() > FARTHEST_MM:
        raise SpineError(f"{label} has no valid position in space; export it again.")
    direction = direction / lengths if np.abs(lengths - 1).max() > _ROUNDED else direction
    cosines = np.abs(direction.T @ direction - np.eye(3))
    if cosines.max() <= _ROUNDED:
        return spacing, origin, direction, []
    skew = float(np.degrees(np.arcsin(min(cosines.max(), 1.0))))
    if skew > MOST_SKEW:
        raise SpineError(
            f"{label} has axes that are not at right angles ({skew:.1f} degrees off: a tilted gantry or a shear); "
            "resample it to a straight grid first."
        )
    left, _, right = np.linalg.svd(direction)
    straight = left @ right
    # The middle stays where it is, so that the corners move least.
    half = (size - 1) / 2
    moved = origin + (direction - straight) @ (spacing * half)
    shift = max(
        np.linalg.norm((straight - direction) @ (spacing * half * signs))
        for signs in np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1).T
    )
    told = (
        f"{label} has axes {skew:.2g} degrees off right angles: they were straightened, which moves its corners by up "
        f"to {shift:.1f} mm."
    )
    return spacing, moved, straight, [told] if shift > _UNSEEN_MM else []


def lowered(label: str) -> str:
    """ "The T1 file" within a sentence."""
    return label[:1].lower() + label[1:]
