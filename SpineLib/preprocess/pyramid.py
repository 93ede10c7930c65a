"""Sagittal slices at several resolutions, as the multi-resolution detector reads them (Wang 2017, section 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter

from SpineLib.errors import SpineError
from SpineLib.geometry import resample
from SpineLib.geometry.orientation import canonical
from SpineLib.preprocess.preparation import Prepared
from SpineLib.progress import Progress, silent
from SpineLib.volume.checks import check_image
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: "patch": each patch by its own mean and deviation, as in the paper; "local": each pixel by those of the window that
#: a patch around it covers; "local-root": likewise of the intensities' square roots, so that what is dark on a
#: fat-suppressed image, marrow and sclerotic metastases, keeps more of the range beside bright fluid; "slice": by those
#: of the whole slice. All but the first are done here.
NORMALISATIONS = ("patch", "local", "local-root", "slice")
#: mm between the places at which a likelihood is computed.
PLACE = 1.0
#: Slices closer than this are no acquired sagittal slices; they are made anew, ``MADE_APART`` mm apart.
CLOSEST_SLICES, MADE_APART = 2.0, 4.0
#: Slices farther apart than this are remarked upon, mm.
FARTHEST_SLICES = 6.0
#: Share of a slice's own deviation that is added to a window's, so that noise in air is not blown up.
_FLOOR = 0.1


@dataclass(frozen=True, eq=False)
class Pyramid:
    """One volume's sagittal slices at several resolutions, and the way back.

    Attributes:
        images: scale (mm a pixel) to float32 (s, rows, columns), rows from superior to inferior, columns from anterior
            to posterior. Scales below 1 mm have the scale's own pixels; 1 mm and coarser ones have pixels 1 mm apart,
            blurred to the scale's resolution, so that each place has its own patch of every second, fourth ... pixel.
            Place (row, column) of the 1 mm grid lies in pixel (row / scale, column / scale) of the finer ones.
        prepared: the 1 mm grid, with the image as it is (not normalised); its ``to_input`` leads back.
        notes: sentences for the user.
    """

    images: dict[float, np.ndarray]
    prepared: Prepared
    notes: list[str]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns of places."""
        return self.prepared.channels.shape[1:]

    def volume(self, array: np.ndarray, name: str = "") -> Volume:
        """An array (s, rows, columns) of places as a volume of its own, at its place in the patient."""
        base, _ = canonical(self.prepared.reference)
        first = [float(where[0]) for where in reversed(self.prepared.positions)]
        origin = (base.ijk_to_lps @ [*first, 1.0])[:3]
        return Volume(array, self.prepared.spacing[::-1], tuple(origin), base.direction, name, base.meta)


def make_pyramid(
    volume: Volume,
    role: str,
    scales: Sequence[float],
    window: tuple[int, int],
    normalisation: str = "local",
    progress: Progress = silent,
) -> Pyramid:
    """Bring a volume to sagittal slices at several resolutions.

    Args:
        volume: of any orientation. One without sagittal slices (acquired axially or coronally, or of nearly equal
            spacing along all axes) is cut into sagittal slices 4 mm apart, which ``notes`` say.
        role: its sequence ("STIR", "T2"), for messages.
        scales: mm a pixel.
        window: rows and columns of a patch, in pixels of its scale, for "local" and "local-root".
        normalisation: one of :data:`NORMALISATIONS`; "patch" leaves the intensities as they are.
        progress: told what is done.

    Raises:
        SpineError: the volume cannot be used.
    """
    if normalisation not in NORMALISATIONS:
        raise SpineError(f"There is no normalisation '{normalisation}'; there are {', '.join(NORMALISATIONS)}.")
    check_image(volume, role)
    base, orientation = canonical(volume)
    notes = _remarks(base, role)
    array = base.array.astype(np.float32)
    slices, spacing = _slice_positions(base)
    if spacing != base.spacing[2]:
        array = resample.along(array, resample.cubic(base.shape[0], slices), 0)
    where = [_positions(base.shape[axis], base.spacing[2 - axis], PLACE) for axis in (1, 2)]
    if max(scales) * max(window) > PLACE * max(len(rows) for rows in where):
        notes.append(
            f"The image of {role} is smaller than a patch of the detector at {max(scales):g} mm a pixel: it "
            "was continued by reflection, check the result with care."
        )
    images = {}
    for number, scale in enumerate(scales):
        progress(number / len(scales), f"Resampling {role} to {scale:g} mm")
        image = _scaled(array, base, where, scale)
        images[scale] = _normalised(image, max(scale, PLACE) / min(scale, PLACE), scale, window, normalisation)
    plain = _scaled(array, base, where, PLACE)
    prepared = Prepared(
        plain[None], (role,), (spacing, PLACE, PLACE), notes, volume, role, orientation, triple([slices, *where])
    )
    progress(1.0, "Resampled")
    return Pyramid(images, prepared, notes)


def _positions(count: int, own: float, wanted: float) -> np.ndarray:
    return resample.positions(count, max(2, round(count * own / wanted)), wanted / own)


def _scaled(array: np.ndarray, base: Volume, where, scale: float) -> np.ndarray:
    for axis, places in zip((1, 2), where):
        count, own = base.shape[axis], base.spacing[2 - axis]
        if scale < PLACE:  # finer pixels, from the first place on
            step, between = scale / own, round(PLACE / scale)
            places = places[0] + step * np.arange(between * (len(places) - 1) + 1)
        array = resample.along(array, resample.cubic(count, places, scale / own), axis)
    return array


def _normalised(image: np.ndarray, apart: float, scale: float, window: tuple[int, int], how: str) -> np.ndarray:
    if how == "patch":
        return image
    out = np.empty_like(image)
    for number, one in enumerate(image):
        one = one.astype(np.float64)
        if how == "local-root":
            one = np.sign(one) * np.sqrt(np.abs(one))  # interpolation makes some values next to edges negative
        mean, deviation = one.mean(), one.std()
        if deviation == 0:
            out[number] = 0
            continue
        one = (one - mean) / deviation
        if how.startswith("local"):
            one = _local(one, [_odd(size * apart if scale > PLACE else size) for size in window])
        out[number] = one
    return out


def _local(image: np.ndarray, window: Sequence[int]) -> np.ndarray:
    """Each pixel less its window's mean, by its window's deviation; the image is continued by reflection."""
    mean = uniform_filter(image, window, mode="reflect")
    variance = np.maximum(uniform_filter(image**2, window, mode="reflect") - mean**2, 0)
    return (image - mean) / np.sqrt(variance + _FLOOR**2)


def _odd(size: float) -> int:
    return 2 * (round(size) // 2) + 1


def _slice_positions(base: Volume) -> tuple[np.ndarray, float]:
    """Where the sagittal slices lie, in the volume's own, and how many mm they are apart."""
    count, own = base.shape[0], base.spacing[2]
    if own >= CLOSEST_SLICES or count * own < 2 * MADE_APART:
        return np.arange(count, dtype=float), own
    return resample.positions(count, max(2, round(count * own / MADE_APART)), MADE_APART / own), MADE_APART


def _remarks(base: Volume, role: str) -> list[str]:
    notes = []
    _, spacing = _slice_positions(base)
    thick = max(range(3), key=lambda axis: base.spacing[2 - axis])
    if spacing != base.spacing[2]:
        kind = {1: "axial ", 2: "coronal "}.get(thick, "") if base.spacing[2 - thick] >= CLOSEST_SLICES else ""
        what = f"has {kind}slices" if kind else f"has slices {base.spacing[2]:.1f} mm apart"
        notes.append(
            f"{role} {what}; it was cut into sagittal slices {spacing:g} mm apart, check the result with care."
        )
    elif base.spacing[2] > FARTHEST_SLICES:
        notes.append(f"The slices of {role} are {base.spacing[2]:.1f} mm apart; lesions between them may be missed.")
    angle = np.degrees(np.arccos(min(1.0, abs(float(base.direction[0, 2])))))
    if angle > 30:
        notes.append(f"The slices of {role} are turned {angle:.0f} degrees from sagittal; check the result with care.")
    return notes
