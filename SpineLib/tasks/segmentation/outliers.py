"""Vertebrae that are darker or brighter than those beside them: what a network that looks within one body may miss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SpineLib.tasks.segmentation.levels import counted_in, place_name
from SpineLib.tasks.segmentation.marrow import marrow_of
from SpineLib.volume.levels import VERSE_NUMBERS
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.volume import Volume

#: Signal relative to the other vertebrae from which one stands out. On T1 all metastases are darker than marrow; on
#: STIR and T2 they are brighter, sclerotic ones darker on T2. After contrast medium they may look like marrow.
#: On real scans without a lesion 0.88 on T1, and 0.91 to 1.12 on T2 within the column.
LIMITS = {"T1": (0.78, None), "STIR": (None, 1.6), "T2": (0.65, 1.3)}
#: The sacrum's signal differs from the column's by nature (on T2 up to 1.33 times L5): its first piece must by more.
_OF_S1 = {"T1": (0.7, None), "STIR": (None, 2.0), "T2": (None, 1.6)}
#: The first piece of the sacrum is so high, mm.
_S1_MM = 28.0
#: The first and the last vertebra of an image lie where coils fall off, and have one neighbour: they must differ by
#: this much more (factor of the logarithm). Above a sacrum in view L5 is not the last.
_AT_THE_END = 2.0
#: A vertebra counts from this volume on, and needs so many others.
_LEAST_ML, _OTHERS = 2.0, 3
#: One of which this share is marked needs no words.
_MARKED = 0.5


@dataclass(frozen=True)
class Outlier:
    """One vertebra.

    Attributes:
        number: its label.
        name: "L3", "vertebra 2 from below", or "S1".
        sequence: in which it stands out.
        ratio: of its median signal to what the others let one expect there.
        marked: share of its marrow that is marked.
    """

    number: int
    name: str
    sequence: str
    ratio: float
    marked: float = 0.0

    @property
    def note(self) -> str:
        """For the user."""
        word, percent = ("darker", 1 - self.ratio) if self.ratio < 1 else ("brighter", self.ratio - 1)
        name = self.name[0].upper() + self.name[1:]
        return (
            f"{name} as a whole is {100 * percent:.0f} % {word} on {self.sequence} than the other vertebrae, and "
            f"{'nothing' if not self.marked else f'only {self.marked:.0%}'} of its marrow is marked: look whether all "
            "of it is replaced."
        )


def outliers(image: Volume, sequence: str, vertebrae: Volume, mask: Volume) -> list[Outlier]:
    """Vertebrae whose median stands out and of which little is marked.

    What the others let one expect is a line through the logarithms of their medians along the column, which follows the
    fall-off of a coil (the median of all slopes between two of them: Theil and Sen); the neighbours have to agree.

    Args:
        image: of a sequence in :data:`LIMITS`; of others there is nothing to tell.
        vertebrae: VerSe's numbers, or from those of vertebrae that are only counted; on any grid.
        mask: what is marked, on any grid.
    """
    limits = LIMITS.get(sequence)
    if limits is None:
        return []
    rows, sacral = _rows(image, vertebrae, mask)
    ranks = counted_in(vertebrae)
    found = []
    for place, row in enumerate(rows):
        rest = rows[:place] + rows[place + 1 :]
        if len(rest) < _OTHERS or row.marked >= _MARKED:
            continue
        beside = [rows[n] for n in (place - 1, place + 1) if 0 <= n < len(rows)]
        difference = _smaller(
            row.value - _expected(rest, row.height), row.value - float(np.mean([one.value for one in beside]))
        )
        inner = len(beside) == 2 or (sacral is not None and place > 0)
        if _stands_out(difference / (1.0 if inner else _AT_THE_END), limits):
            name = place_name([row.number], ranks)
            found.append(Outlier(row.number, name, sequence, float(np.exp(difference)), row.marked))
    if sacral is not None and len(rows) > _OTHERS and sacral.marked < _MARKED:
        last = [one.value for one in rows[-_OTHERS:]]
        difference = _smaller(sacral.value - last[-1], sacral.value - float(np.median(last)))
        if _stands_out(difference, _OF_S1[sequence]):
            found.append(Outlier(sacral.number, "S1", sequence, float(np.exp(difference)), sacral.marked))
    return found


@dataclass(frozen=True)
class _Row:
    """The marrow of one vertebra: its height (mm), the logarithm of its median, and how much of it is marked."""

    number: int
    height: float
    value: float
    marked: float


def _rows(image: Volume, vertebrae: Volume, mask: Volume) -> tuple[list[_Row], _Row | None]:
    """Vertebrae from cranial to caudal, and the first piece of the sacrum."""
    bones = resample_like(vertebrae, image, nearest=True).array
    marked = resample_like(mask, image, nearest=True).array > 0
    kji = np.argwhere(marrow_of(bones > 0, image))
    own, values, hit = (array[tuple(kji.T)] for array in (bones, image.array, marked))
    heights = kji[:, ::-1] @ image.ijk_to_lps[2, :3]
    rows, sacral = [], None
    for number in np.unique(own):
        inside = own == number
        if number == VERSE_NUMBERS["S"]:
            inside &= heights >= np.quantile(heights[inside], 0.98) - _S1_MM
        value = float(np.median(values[inside]))
        if inside.sum() * image.voxel_volume_ml < _LEAST_ML or value <= 0:
            continue
        row = _Row(int(number), float(heights[inside].mean()), float(np.log(value)), float(hit[inside].mean()))
        if number == VERSE_NUMBERS["S"]:
            sacral = row
        else:
            rows.append(row)
    return sorted(rows, key=lambda row: -row.height), sacral


def _smaller(far: float, near: float) -> float:
    """The difference of which two comparisons agree, 0 where they contradict each other."""
    return float(np.sign(far) * min(abs(far), abs(near))) if far * near > 0 else 0.0


def _expected(rows: list[_Row], height: float) -> float:
    """The value at a height by the line through the others."""
    z, values = np.array([row.height for row in rows]), np.array([row.value for row in rows])
    first, second = np.triu_indices(len(rows), 1)
    slope = np.median((values[second] - values[first]) / (z[second] - z[first]))
    return float(np.median(values - slope * z) + slope * height)


def _stands_out(difference: float, limits: tuple[float | None, float | None]) -> bool:
    low, high = limits
    return (low is not None and difference <= np.log(low)) or (high is not None and difference >= np.log(high))
