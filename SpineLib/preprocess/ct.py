"""CT for networks that look at axial slices: Hounsfield units through a window, one pixel size, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry import resample
from SpineLib.geometry.orientation import Orientation
from SpineLib.preprocess.preparation import Prepared
from SpineLib.progress import Progress, part, silent
from SpineLib.volume.checks import check_image
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: Window for bone, HU: marrow, disc and muscle (0 to 250) take the middle third, cortical bone is not cut off.
BONE_WINDOW = (-250.0, 1000.0)
#: Progress is told after so many slices.
_TOLD = 16


@dataclass(frozen=True)
class CtPreparation:
    """How a model wants its axial slices.

    Attributes:
        window: HU that become 0 and 1, in 8 bit as the paper's (Miao, section II.A; DeepLesion gives one an image).
        pixel_mm: edge of a pixel; None keeps the input's own (the paper's 512 x 512).
    """

    window: tuple[float, float] = BONE_WINDOW
    pixel_mm: float | None = None

    def __post_init__(self):
        object.__setattr__(self, "window", tuple(float(value) for value in self.window))
        pixel_fits = self.pixel_mm is None or 0.1 <= self.pixel_mm <= 10
        if len(self.window) != 2 or not self.window[0] < self.window[1] or not pixel_fits:
            raise SpineError(f"This is no valid preparation of a CT: {self}; correct the model's description.")

    @classmethod
    def from_dict(cls, values: Mapping) -> CtPreparation:
        """Of the JSON form; a key that does not exist is an error."""
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise SpineError(f"This is no valid preparation of a CT: {dict(values)}; correct the model.") from error

    def to_dict(self) -> dict:
        """The JSON form."""
        return asdict(self) | {"window": list(self.window)}


def window_to_8bit(hu: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Hounsfield units as grey values: uint8, 0 at and below the window's lower end, 255 from its upper end on."""
    low, high = window
    return np.rint((np.clip(hu, low, high) - np.float32(low)) * np.float32(255 / (high - low))).astype(np.uint8)


def axial_orientation(volume: Volume) -> Orientation:
    """How the array (k, j, i) becomes axial slices (z, y, x): from cranial to caudal, anterior to posterior, right to
    left, as radiologists look at them."""
    sagittal = Orientation.of(volume)
    order = (1, 2, 0)
    return Orientation(triple(sagittal.axes[n] for n in order), triple(sagittal.flips[n] for n in order))


def prepare_ct(ct: Volume, preparation: CtPreparation = CtPreparation(), progress: Progress = silent) -> Prepared:
    """A CT as axial slices for a network.

    The slices are those of the CT's own grid across its most cranio-caudal axis; only their plane is resampled (cubic,
    with a low-pass where pixels grow).

    Args:
        ct: HU, in any axis order.
        preparation: what the model wants.
        progress: told what is done.

    Returns:
        ``channels`` float32 (1, z, y, x), 0 to 1 in steps of 1/255; z runs from cranial to caudal, y from anterior to
        posterior, x from the patient's right to the left. ``to_input`` brings an array (z, y, x) back to the CT's own
        grid, ``from_input`` one on the CT's own grid there.

    Raises:
        SpineError: an image that cannot be used (:func:`check_image`).
    """
    slices = axial_hu(ct, preparation.pixel_mm, part(progress, 0.0, 0.7))
    hu = slices.channels[0]
    for number in range(len(hu)):  # in place: a copy of a large CT costs memory, and one step of all of it time
        if number % _TOLD == 0:
            progress(0.7 + 0.3 * number / len(hu), "Preparing the CT")
        hu[number] = window_to_8bit(hu[number], preparation.window) * np.float32(1 / 255)
    return slices


def axial_hu(ct: Volume, pixel_mm: float | None = None, progress: Progress = silent) -> Prepared:
    """The slices of :func:`prepare_ct` before the window: ``channels`` are HU."""
    check_image(ct, "CT")
    progress(0.0, "Preparing the CT")
    orientation = axial_orientation(ct)
    spacing = [round(ct.spacing[2 - axis], 6) for axis in orientation.axes]
    array = orientation.apply(ct.array)
    where = [np.arange(array.shape[0], dtype=float)]
    for axis in (1, 2):
        where.append(_pixels(array.shape[axis], spacing[axis], pixel_mm))
    for number, axis in enumerate((1, 2)):
        count = array.shape[axis]
        if len(where[axis]) != count or np.abs(where[axis] - np.arange(count)).max() > 1e-9:
            tell = part(progress, number / 2, (number + 1) / 2)
            array = resample.in_steps(array, resample.cubic(count, where[axis]), axis, tell, "Preparing the CT")
    pixels = (spacing[axis] * float(where[axis][1] - where[axis][0]) for axis in (1, 2))
    prepared_spacing = triple([spacing[0], *pixels])
    if array.base is not None or array.dtype != np.float32:  # never the CT's own voxels: they are written to
        array = np.array(array, dtype=np.float32, order="C")
    progress(1.0, "Prepared")
    return Prepared(array[None], ("CT",), prepared_spacing, [], ct, "CT", orientation, triple(where))


def _pixels(count: int, own: float, wanted: float | None) -> np.ndarray:
    """Centres of the pixels along one axis, in voxels of the input."""
    # Within one percent the input's own pixels serve as well as interpolated ones.
    if wanted is None or abs(wanted / own - 1) < 0.01:
        return np.arange(count, dtype=float)
    return resample.positions(count, max(2, round(count * own / wanted)), wanted / own)
