"""Axial slices of a CT as a detector looks at them: of one pixel size and thickness, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.preprocess import resample
from SpineLib.preprocess.ct import BONE_WINDOW, CtPreparation, prepare_ct
from SpineLib.preprocess.preparation import Prepared
from SpineLib.progress import Progress, silent
from SpineLib.volume.volume import Volume

#: Slices at least this share of the wanted thickness are left as they are.
_THICK_ENOUGH = 0.75


@dataclass(frozen=True)
class SlicePreparation:
    """How a detector wants its slices.

    Attributes:
        window: HU that become 0 and 1.
        pixel_mm: edge of a pixel.
        slice_mm: thinner slices are averaged to about this; thicker ones stay.
    """

    window: tuple[float, float] = BONE_WINDOW
    pixel_mm: float = 0.8
    slice_mm: float = 3.0

    def __post_init__(self):
        CtPreparation(self.window, self.pixel_mm)  # refuses what is wrong
        object.__setattr__(self, "window", tuple(float(value) for value in self.window))
        if not 0.1 <= self.slice_mm <= 20:
            raise SpineError(f"This is no valid preparation of a CT: {self}; correct the model's description.")

    @classmethod
    def from_dict(cls, values: Mapping) -> SlicePreparation:
        """Of the JSON form; a key that does not exist is an error."""
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise SpineError(f"This is no valid preparation of a CT: {dict(values)}; correct the model.") from error

    def to_dict(self) -> dict:
        """The JSON form."""
        return asdict(self) | {"window": list(self.window)}


@dataclass(frozen=True, eq=False)
class AxialSlices:
    """A CT's slices, cranial ones first, as radiologists look at them: rows from anterior to posterior, columns from the
    patient's right to the left.

    Attributes:
        images: float32 (n, rows, columns), 0 to 1.
        spacing: mm between slices, rows, columns.
        to_lps: 4 x 4, from (x, y, z, 1), columns, rows and slices counted from the first one's centre, to LPS mm.
        own: (n, 2) first and last of the CT's own slices that each is of, counted along the CT's own axis.
    """

    images: np.ndarray
    spacing: tuple[float, float, float]
    to_lps: np.ndarray
    own: np.ndarray
    _prepared: Prepared
    _weights: np.ndarray | None  # (n, own slices); None: each is one of the CT's own

    def stack(self, number: int) -> np.ndarray:
        """A slice between its two neighbours, (3, rows, columns); beyond the ends the last one comes again."""
        last = len(self.images) - 1
        return self.images[[max(number - 1, 0), number, min(number + 1, last)]]

    def of_mask(self, array: np.ndarray) -> np.ndarray:
        """A mask (k, j, i) on the CT's own grid as bool (n, rows, columns): where it fills half a slice's thickness."""
        inside = self._prepared.from_input(array != 0, nearest=True)
        if self._weights is None:
            return inside
        return resample.along(inside.astype(np.float32), self._weights, 0) >= 0.5 - 1e-6


def axial_slices(ct: Volume, preparation: SlicePreparation = SlicePreparation(),
                 progress: Progress = silent) -> AxialSlices:
    """Cut a CT of any axis order into axial slices.

    Args:
        ct: HU.
        preparation: what the detector wants.
        progress: told what is done.

    Raises:
        SpineError: an image that cannot be used (``check_image``).
    """
    prepared = prepare_ct(ct, CtPreparation(preparation.window, preparation.pixel_mm), progress)
    images, spacing, positions = prepared.channels[0], prepared.spacing, [*prepared.positions]
    count, weights = len(images), None
    if spacing[0] < _THICK_ENOUGH * preparation.slice_mm:
        step = preparation.slice_mm / spacing[0]
        positions[0] = resample.positions(count, max(1, round(count / step)), step)
        weights = _averages(count, positions[0], step)
        images = resample.along(images, weights, 0)
        spacing = (preparation.slice_mm, *spacing[1:])
    to_own = ct.ijk_to_lps @ _to_input(prepared, positions)
    return AxialSlices(images, spacing, to_own, _own_slices(prepared, positions[0], spacing[0]), prepared, weights)


def _averages(count: int, where: np.ndarray, step: float) -> np.ndarray:
    """Matrix (len(where), count) of means over slabs ``step`` slices thick; what lies beyond the ends is left out."""
    edges = np.arange(count)[None] - where[:, None]
    shared = np.minimum(edges + 0.5, step / 2) - np.maximum(edges - 0.5, -step / 2)
    matrix = np.maximum(shared, 0.0)
    return (matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32)


def _to_input(prepared: Prepared, positions: list[np.ndarray]) -> np.ndarray:
    """4 x 4 from (x, y, z, 1) of the slices to the CT's own (i, j, k, 1)."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1.0
    orientation = prepared.orientation
    for number, (axis, flip, where) in enumerate(zip(orientation.axes, orientation.flips, positions)):
        step = float(where[1] - where[0]) if len(where) > 1 else 1.0
        sign, start = (-1.0, prepared.reference.shape[axis] - 1 - where[0]) if flip else (1.0, where[0])
        matrix[2 - axis, 2 - number] = sign * step
        matrix[2 - axis, 3] = start
    return matrix


def _own_slices(prepared: Prepared, where: np.ndarray, thickness: float) -> np.ndarray:
    """First and last of the CT's own slices, on its own axis, of which at least half lies in each slice's thickness."""
    axis, flip = prepared.orientation.axes[0], prepared.orientation.flips[0]
    count = prepared.reference.shape[axis]
    half = thickness / prepared.reference.spacing[2 - axis] / 2
    first = np.clip(np.ceil(where - half - 1e-6), 0, count - 1).astype(int)
    last = np.clip(np.ceil(where + half - 1e-6) - 1, 0, count - 1).astype(int)
    last = np.maximum(first, last)
    return np.stack([count - 1 - last, count - 1 - first] if flip else [first, last], axis=1)
