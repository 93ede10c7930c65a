"""Vertebrae that are darker or brighter than those beside them: what a network that looks within one body may miss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.tasks.segmentation.levels import place_name
from SpineLib.volume.levels import FIRST_COUNTED, VERSE_NUMBERS
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.volume import Volume

#: Signal relative to the other vertebrae from which one stands out. On T1 all metastases are darker than marrow; on
#: STIR and T2 they are brighter, sclerotic ones darker on T2. After contrast medium they may look like marrow.
LIMITS = {"T1": (0.75, None), "STIR": (None, 1.6), "T2": (0.6, 1.5)}
#: The first and the last vertebra of an image lie where coils fall off, and have one neighbour: they must differ by
#: this much more (factor of the logarithm).
_AT_THE_END = 1.6
#: A vertebra counts from this volume on, and needs so many others.
_LEAST_ML, _OTHERS = 3.0, 3
#: One of which this share is marked needs no words.
_MARKED = 0.3


@dataclass(frozen=True)
class Outlier:
    """One vertebra.

    Attributes:
        number: its label.
        name: "L3", or "vertebra 2 from below".
        sequence: in which it stands out.
        ratio: of its median signal to what the others let one expect there.
    """

    number: int
    name: str
    sequence: str
    ratio: float

    @property
    def note(self) -> str:
        """For the user."""
        word, percent = ("darker", 1 - self.ratio) if self.ratio < 1 else ("brighter", self.ratio - 1)
        name = self.name[0].upper() + self.name[1:]
        return (
            f"{name} as a whole is {100 * percent:.0f} % {word} on {self.sequence} than the other vertebrae, and "
            "little or nothing of it is marked: look whether its marrow is replaced."
        )


def outliers(image: Volume, sequence: str, vertebrae: Volume, mask: Volume) -> list[Outlier]:
    """Vertebrae whose median stands out and of which little is marked.

    What the others let one expect is a line through the logarithms of their medians along the column, which follows the
    fall-off of a coil (the median of all slopes between two of them: Theil and Sen); the neighbours have to agree.

    Args:
        image: of a sequence in :data:`LIMITS`; of others there is nothing to tell.
        vertebrae: VerSe's numbers, or from ``FIRST_COUNTED`` on from cranial to caudal; on any grid.
        mask: what is marked, on any grid.
    """
    limits = LIMITS.get(sequence)
    if limits is None:
        return []
    bones = resample_like(vertebrae, image, nearest=True).array
    marked = resample_like(mask, image, nearest=True).array > 0
    counted = [n for n in np.unique(np.asarray(vertebrae.array)) if n and n != VERSE_NUMBERS["S"]]
    rows = []
    for number in counted:
        own = bones == number
        if own.sum() * image.voxel_volume_ml < _LEAST_ML:
            continue
        where = ndimage.find_objects(own.view(np.uint8))[0]
        core = ndimage.binary_erosion(own[where])
        core = core if core.sum() > 0.2 * own.sum() else own[where]
        value = float(np.median(image.array[where][core]))
        if value > 0:
            centre = image.ijk_to_lps @ [*np.argwhere(own).mean(0)[::-1], 1.0]
            rows.append((int(number), centre[2], np.log(value), float(marked[own].mean())))
    rows.sort(key=lambda row: -row[1])
    lowest = max((int(n) for n in counted if n >= FIRST_COUNTED), default=0)
    found = []
    for place, (number, _, value, share) in enumerate(rows):
        rest = rows[:place] + rows[place + 1 :]
        if len(rest) < _OTHERS or share >= _MARKED:
            continue
        beside = [rows[n] for n in (place - 1, place + 1) if 0 <= n < len(rows)]
        far = value - _expected(rest, rows[place][1])
        near = value - float(np.mean([row[2] for row in beside]))
        difference = float(np.sign(far) * min(abs(far), abs(near))) if far * near > 0 else 0.0
        if _stands_out(difference / (1.0 if len(beside) == 2 else _AT_THE_END), limits):
            found.append(Outlier(number, place_name([number], lowest), sequence, float(np.exp(difference))))
    return found


def _expected(rows, height: float) -> float:
    """The value at a height by the line through the others."""
    z, values = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    first, second = np.triu_indices(len(rows), 1)
    slope = np.median((values[second] - values[first]) / (z[second] - z[first]))
    return float(np.median(values - slope * z) + slope * height)


def _stands_out(difference: float, limits: tuple[float | None, float | None]) -> bool:
    low, high = limits
    return (low is not None and difference <= np.log(low)) or (high is not None and difference >= np.log(high))
