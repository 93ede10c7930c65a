"""A transform as a file that keeps what is known of it: quality and error lie beside it, as JSON of the same name.

An ITK transform file has no room for that, and whoever compares with it has to know how far it may be off.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.tasks.registration.quality import RegistrationQuality, record_of
from SpineLib.tasks.registration.register import Registration
from SpineLib.volume.files import write_text
from SpineLib.volume.json_object import json_object
from SpineLib.volume.transform import read_transform, write_transform

#: A file whose matrix differs by more than this (mm, 10 cm around the origin) from its record was changed since.
_CHANGED_MM = 1e-2
_CHANGED = (
    "The transform was changed since it was registered, so what the file beside it says of its error no longer holds."
)


@dataclass(frozen=True, eq=False)
class KeptTransform:
    """A transform as it was read.

    Attributes:
        after_to_before: (4, 4) float64, LPS mm.
        registration: what is known of it; None where nothing is, or it was changed since.
        notes: sentences the user should read.
    """

    after_to_before: np.ndarray
    registration: Registration | None
    notes: tuple[str, ...] = ()

    @property
    def quality(self) -> RegistrationQuality | None:
        """How good the registration is; None where nothing is known of it."""
        return self.registration.quality if self.registration is not None else None

    @property
    def error_mm(self) -> float | None:
        """The registration's error; None: not known."""
        return self.quality.error_mm if self.quality is not None else None

    @property
    def trusted(self) -> bool:
        """Whether it is to be trusted; one of which nothing is known is the user's own word."""
        return self.quality.trusted if self.quality is not None else True


def write_registration(registration: Registration, path: str | Path) -> None:
    """Write the transform, and beside it what is known of it (:meth:`Registration.to_dict`).

    Raises:
        SpineError: an unknown ending, or the files cannot be written.
    """
    write_transform(registration.after_to_before, path)
    write_text(record_of(path), json_text(registration.to_dict()))


def read_registration(path: str | Path) -> KeptTransform:
    """Read a transform with what :func:`write_registration` wrote beside it.

    Raises:
        SpineError: the transform cannot be read.
    """
    matrix = read_transform(path)
    values = json_object(record_of(path))
    if "quality" not in values:
        return KeptTransform(matrix, None)
    try:
        registration = Registration.from_dict(values)
    except (SpineError, KeyError, TypeError, ValueError):
        return KeptTransform(matrix, None, ("The file beside the transform is no record of its registration.",))
    corners = np.array([[x, y, z, 1] for x in (-100, 100) for y in (-100, 100) for z in (-100, 100)], float).T
    if np.abs((matrix - registration.after_to_before) @ corners).max() > _CHANGED_MM:
        return KeptTransform(matrix, None, (_CHANGED,))
    return KeptTransform(matrix, registration)
