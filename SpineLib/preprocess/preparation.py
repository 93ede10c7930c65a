"""The paper's preparation: one grid for all sequences, 64 sagittal slices, whitened (Hille 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import combinations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry import resample
from SpineLib.geometry.orientation import Orientation, canonical
from SpineLib.preprocess.evening import evened
from SpineLib.preprocess.registration import align
from SpineLib.progress import Progress, part, silent
from SpineLib.volume.black import from_black
from SpineLib.volume.checks import check_image, same_image
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume


@dataclass(frozen=True)
class Preparation:
    """How a model wants its input.

    Attributes:
        slices: sagittal slices, interpolated over the input's own extent from its first slice's centre to its last's.
        in_plane_spacing: mm within the slice; None keeps the input's own.
        whitening: "volume" (mean 0, standard deviation 1 over each whole sequence), or "patch" (the same, and each
            training patch or inference window is whitened once more by who cuts it out).
        even_mm: sigma of the Gaussian by whose mean of the image each voxel is divided, which evens out coils that fall
            off; 0 is none. Mean and standard deviation are then taken over the patient alone, without the air.
        clip: percentiles of the voxels that intensities are limited to beforehand, or None.
        registration: "grids" leaves sequences on one grid as they lie, "always" registers them all the same, as Hille
            et al. (2020) do, section 2.1.
    """

    slices: int = 64
    in_plane_spacing: float | None = None
    whitening: str = "volume"
    clip: tuple[float, float] | None = None
    even_mm: float = 0.0
    registration: str = "grids"

    def __post_init__(self):
        if self.clip is not None:
            object.__setattr__(self, "clip", tuple(float(value) for value in self.clip))
        spacing_fits = self.in_plane_spacing is None or self.in_plane_spacing > 0
        clip_fits = self.clip is None or (len(self.clip) == 2 and 0 <= self.clip[0] < self.clip[1] <= 100)
        words_fit = self.whitening in ("volume", "patch") and self.registration in ("grids", "always")
        evened = 0 <= self.even_mm <= 500
        if self.slices < 2 or not evened or not spacing_fits or not clip_fits or not words_fit:
            raise SpineError(f"This is no valid preparation of images: {self}; correct the model's description.")

    @classmethod
    def from_dict(cls, values: Mapping) -> Preparation:
        """Of the JSON form; a key that does not exist is an error."""
        try:
            return cls(**values)
        except TypeError as error:
            raise SpineError(f"This is no valid preparation of images: {dict(values)}; correct the model.") from error

    def to_dict(self) -> dict:
        """The JSON form; what older models do not have is left out where it is what they did."""
        values = {key: value for key, value in asdict(self).items() if (key, value) != ("registration", "grids")}
        return values | {"clip": None if self.clip is None else list(self.clip)}


@dataclass(frozen=True, eq=False)
class Prepared:
    """Sequences as a network reads them, and the way back.

    Attributes:
        channels: float32 (c, s, y, x), one channel a sequence in the order given; s runs from the patient's right to
            the left, y from superior to inferior, x from anterior to posterior.
        names: the sequences' names, in the channels' order.
        spacing: mm along (s, y, x).
        notes: sentences about what was co-registered, resampled or skipped.
        reference: the input whose own grid results go back to.
        reference_name: its name.
        images: the sequences on the reference's own grid, as they lie over each other, black at 0; none where a single
            image was prepared otherwise.
    """

    channels: np.ndarray
    names: tuple[str, ...]
    spacing: tuple[float, float, float]
    notes: list[str]
    reference: Volume
    reference_name: str
    _orientation: Orientation
    _where: tuple[np.ndarray, np.ndarray, np.ndarray]  # of each prepared sample, in canonical input voxels
    images: Mapping[str, Volume] = field(default_factory=dict)

    @property
    def orientation(self) -> Orientation:
        """How the reference's array (k, j, i) becomes canonical."""
        return self._orientation

    @property
    def positions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where each prepared slice, row and column lies, in voxels of the reference in canonical order."""
        return self._where

    @property
    def _input_shape(self) -> tuple[int, ...]:
        return tuple(self.reference.shape[axis] for axis in self._orientation.axes)

    def to_input(self, array: np.ndarray, name: str = "") -> Volume:
        """Bring an array (s, y, x) on the prepared grid to the reference's own grid: float32, linear interpolation."""
        array = np.asarray(array, dtype=np.float32)
        if array.shape != self.channels.shape[1:]:
            raise ValueError(f"array of shape {array.shape} on a prepared grid of shape {self.channels.shape[1:]}")
        for axis, (count, where) in enumerate(zip(self._input_shape, self._where)):
            back = (np.arange(count) - where[0]) / (where[1] - where[0]) if len(where) > 1 else np.zeros(count)
            if len(back) != array.shape[axis] or np.abs(back - np.arange(count)).max() > 1e-6:
                array = resample.along(array, resample.linear(array.shape[axis], back), axis)
        return self.reference.with_array(np.ascontiguousarray(self._orientation.undo(array)), name)

    def from_input(self, array: np.ndarray, nearest: bool = False) -> np.ndarray:
        """Bring an array (k, j, i) on the reference's own grid to the prepared grid (s, y, x).

        Args:
            array: a mask, labels or an image.
            nearest: take the nearest voxel and keep the type (labels); else linear interpolation in float32.
        """
        if array.shape != self.reference.shape:
            raise ValueError(f"array of shape {array.shape} on a grid of shape {self.reference.shape}")
        array = np.ascontiguousarray(self._orientation.apply(array))
        if nearest:
            chosen = (resample.nearest(count, where) for count, where in zip(self._input_shape, self._where))
            return np.ascontiguousarray(array[np.ix_(*chosen)])
        array = array.astype(np.float32)
        for axis in (1, 2, 0):
            array = _resampled(array, self._where[axis], axis, resample.linear)
        return array


def prepare(
    sequences: Mapping[str, Volume],
    preparation: Preparation = Preparation(),
    *,
    reference: str | None = None,
    progress: Progress = silent,
) -> Prepared:
    """Bring the sequences of one patient onto one grid as a network wants them.

    Args:
        sequences: name ("T1", "T2", "STIR", "ceT1") to volume; the channels keep this order.
        preparation: what the model wants.
        reference: the sequence that keeps its grid; None: "T1" if given, else the first.
        progress: told what is done.

    Raises:
        SpineError: an image that cannot be used (:func:`check_image`), two that do not show the same place, or one that
            was given for two sequences.
    """
    if not sequences:
        raise SpineError("No image was given; choose at least one sequence.")
    for name, volume in sequences.items():
        check_image(volume, name)
    _check_different(sequences)
    if reference is None:
        reference = "T1" if "T1" in sequences else next(iter(sequences))
    if reference not in sequences:
        raise SpineError(f"The reference sequence {reference} was not given; choose one of {', '.join(sequences)}.")

    notes: list[str] = []
    base, orientation = canonical(sequences[reference])
    notes += _plane_note(base, reference)
    where = _sample_positions(base, preparation)
    spacing = triple(base.spacing[2 - axis] * float(where[axis][1] - where[axis][0]) for axis in range(3))
    own = sequences[reference]
    images = {reference: from_black(own)}
    channels = np.empty((len(sequences), *(len(axis) for axis in where)), dtype=np.float32)
    for channel, (name, volume) in enumerate(sequences.items()):
        share = part(progress, channel / len(sequences), (channel + 1) / len(sequences))
        share(0.0, f"Preparing {name}")
        array = base.array.astype(np.float32)
        if name != reference:
            moving, _ = canonical(volume)
            always = preparation.registration == "always"
            aligned, sentences = align(base, moving, reference, name, part(share, 0.0, 0.8), always=always)
            array, notes = aligned, notes + sentences
            images[name] = from_black(own.with_array(np.ascontiguousarray(orientation.undo(aligned)), name))
        channels[channel] = _sampled(array, where, preparation, name, spacing)
    progress(1.0, "Prepared")
    return Prepared(channels, tuple(sequences), spacing, notes, own, reference, orientation, where, images)


def _check_different(sequences: Mapping[str, Volume]) -> None:
    """Refuse one image that was given for two sequences: a network would take its contrast for another's."""
    for (first, one), (second, other) in combinations(sequences.items(), 2):
        if same_image(one, other):
            raise SpineError(f"{first} and {second} are the same image; choose the {second} sequence for {second}.")


def _sample_positions(base: Volume, preparation: Preparation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = base.shape[0]
    where = [np.linspace(0, count - 1, preparation.slices)]
    for axis in (1, 2):
        count, own, wanted = base.shape[axis], base.spacing[2 - axis], preparation.in_plane_spacing
        # Within one percent the input's own voxels serve as well as interpolated ones.
        if wanted is None or abs(wanted / own - 1) < 0.01:
            where.append(np.arange(count, dtype=float))
        else:
            where.append(resample.positions(count, max(2, round(count * own / wanted)), wanted / own))
    return triple(where)


def _resampled(array: np.ndarray, where: np.ndarray, axis: int, kind) -> np.ndarray:
    count = array.shape[axis]
    if len(where) == count and np.abs(where - np.arange(count)).max() < 1e-9:
        return array
    return resample.along(array, kind(count, where), axis)


def _sampled(array: np.ndarray, where, preparation: Preparation, name: str, spacing) -> np.ndarray:
    if preparation.clip is not None:
        low, high = np.percentile(array, preparation.clip)
        if high > low:
            array = np.clip(array, np.float32(low), np.float32(high))
    # In the plane first, while there are few slices.
    for axis in (1, 2, 0):
        array = _resampled(array, where[axis], axis, resample.cubic)
    deviation = float(array.std(dtype=np.float64))
    if deviation <= 0:
        raise SpineError(f"The {name} image is constant where the images overlap; choose another one.")
    if preparation.even_mm:
        return evened(array, [preparation.even_mm / step for step in spacing])
    return (array - np.float32(array.mean(dtype=np.float64))) / np.float32(deviation)


def _plane_note(base: Volume, name: str) -> list[str]:
    thick = max(range(3), key=lambda axis: base.spacing[2 - axis])
    notes = []
    if thick != 0 and base.spacing[2 - thick] > 1.5 * base.spacing[2]:
        plane = "axial" if thick == 1 else "coronal"
        notes.append(f"{name} has {plane} slices; the models expect sagittal ones, check the result with care.")
    angle = np.degrees(np.arccos(min(1.0, abs(float(base.direction[0, 2])))))
    if angle > 30:
        notes.append(f"The slices of {name} are turned {angle:.0f} degrees from sagittal; check the result with care.")
    return notes
