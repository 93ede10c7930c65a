"""Axial slices of a CT as a detector looks at them: of one pixel size and thickness, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry import resample
from SpineLib.preprocess.ct import BONE_WINDOW, CtPreparation, axial_orientation, prepare_ct
from SpineLib.preprocess.preparation import Prepared
from SpineLib.progress import Progress, silent
from SpineLib.volume.checks import check_image
from SpineLib.volume.triples import triple
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
    """A CT's slices, cranial ones first, as radiologists look at them: rows from anterior to posterior, columns from
    the patient's right to the left.

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
    _axis: int  # of the CT's array, across the slices
    _weights: np.ndarray | None  # (n, own slices) along that axis; None: each is one of the CT's own

    def stack(self, number: int) -> np.ndarray:
        """A slice between its two neighbours, (3, rows, columns); beyond the ends the last one comes again."""
        last = len(self.images) - 1
        return self.images[[max(number - 1, 0), number, min(number + 1, last)]]

    def of_mask(self, array: np.ndarray) -> np.ndarray:
        """A mask (k, j, i) on the CT's own grid as bool (n, rows, columns): where it fills half a slice's thickness."""
        inside = array != 0
        if self._weights is not None:
            inside = resample.along(inside.astype(np.float32), self._weights, self._axis) >= 0.5 - 1e-6
        return self._prepared.from_input(inside, nearest=True)


def axial_slices(
    ct: Volume, preparation: SlicePreparation = SlicePreparation(), progress: Progress = silent
) -> AxialSlices:
    """Cut a CT of any axis order into axial slices.

    Args:
        ct: HU.
        preparation: what the detector wants.
        progress: told what is done.

    Raises:
        SpineError: an image that cannot be used (``check_image``).
    """
    check_image(ct, "CT")
    axis = axial_orientation(ct).axes[0]
    count, own_mm, thick, weights = ct.shape[axis], ct.spacing[2 - axis], ct, None
    where, step = np.arange(count, dtype=float), 1.0
    if own_mm < _THICK_ENOUGH * preparation.slice_mm:
        step = preparation.slice_mm / own_mm
        where = resample.positions(count, max(2, round(count / step)), step)
        weights = _averages(count, where, step)
        thick = _thicker(ct, axis, weights, where, step)
    prepared = prepare_ct(thick, CtPreparation(preparation.window, preparation.pixel_mm), progress)
    own = _own_slices(count, where, step)
    return AxialSlices(
        prepared.channels[0],
        prepared.spacing,
        thick.ijk_to_lps @ _to_input(prepared),
        own[::-1] if prepared.orientation.flips[0] else own,
        prepared,
        axis,
        weights,
    )


def _thicker(ct: Volume, axis: int, weights: np.ndarray, where: np.ndarray, step: float) -> Volume:
    """The CT with its slices averaged, as the scanner would make thicker ones of the same data."""
    array = resample.along(np.ascontiguousarray(ct.array, dtype=np.float32), weights, axis)
    spacing, start = list(ct.spacing), np.zeros(4)
    spacing[2 - axis] *= step
    start[2 - axis], start[3] = where[0], 1.0
    return replace(ct, array=array, spacing=triple(spacing), origin=tuple((ct.ijk_to_lps @ start)[:3]))


def _averages(count: int, where: np.ndarray, step: float) -> np.ndarray:
    """Matrix (len(where), count) of means over slabs ``step`` slices thick; what lies beyond the ends is left out."""
    edges = np.arange(count)[None] - where[:, None]
    shared = np.minimum(edges + 0.5, step / 2) - np.maximum(edges - 0.5, -step / 2)
    matrix = np.maximum(shared, 0.0)
    return (matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32)


def _to_input(prepared: Prepared) -> np.ndarray:
    """4 x 4 from (x, y, z, 1) of the prepared slices to the (i, j, k, 1) of what was prepared."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1.0
    orientation = prepared.orientation
    for number, (axis, flip, where) in enumerate(zip(orientation.axes, orientation.flips, prepared.positions)):
        step = float(where[1] - where[0])
        sign, start = (-1.0, prepared.reference.shape[axis] - 1 - where[0]) if flip else (1.0, where[0])
        matrix[2 - axis, 2 - number] = sign * step
        matrix[2 - axis, 3] = start
    return matrix


def _own_slices(count: int, where: np.ndarray, step: float) -> np.ndarray:
    """First and last of the CT's own slices, on its own axis, of which at least half lies in each slab, (n, 2)."""
    first = np.clip(np.ceil(where - step / 2 - 1e-6), 0, count - 1).astype(int)
    last = np.clip(np.ceil(where + step / 2 - 1e-6) - 1, 0, count - 1).astype(int)
    return np.stack([first, np.maximum(first, last)], axis=1)
