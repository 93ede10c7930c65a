"""Where a network looks for lesions: in the vertebrae and as far around them as it sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.preprocess.preparation import Prepared
from SpineLib.volume.crop import box_of
from SpineLib.volume.levels import VERSE_NUMBERS
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.volume import Volume

#: So far beyond the vertebrae, mm: what lies nearer to them may be part of their lesions, and a network's answer within
#: them hardly depends on what lies further off.
AROUND_MM = 32.0
#: Across the slices, mm.
_BESIDE_MM = 12.0
#: Places of boxes are multiples of this, so that a network halves them as it would halve the whole image.
_STEP = 16


@dataclass(frozen=True, eq=False)
class Search:
    """A part of a prepared image.

    Attributes:
        box: (s, y, x).
        vertebrae: bool, the whole prepared grid; None where nothing is known of them and the box is all of it.
    """

    box: tuple[slice, slice, slice]
    vertebrae: np.ndarray | None = None

    @classmethod
    def everywhere(cls, prepared: Prepared) -> Search:
        """All of the image."""
        slices, rows, columns = prepared.channels.shape[1:]
        return cls((slice(0, slices), slice(0, rows), slice(0, columns)))

    @classmethod
    def around(cls, prepared: Prepared, vertebrae: Volume) -> Search:
        """The vertebrae with their surroundings; all of the image where none is marked.

        It goes up to the image's upper edge, and to its lower edge where no sacrum is marked: a vertebra that was
        overlooked above or below those found is looked at all the same.

        Args:
            prepared: the image.
            vertebrae: labels, the sacrum 26 as in VerSe, on any grid.
        """
        labels = prepared.from_input(resample_like(vertebrae, prepared.reference, nearest=True).array, nearest=True)
        if not labels.any():
            return cls.everywhere(prepared)
        margins = (_BESIDE_MM, AROUND_MM, AROUND_MM)
        slices, rows, columns = box_of(labels, [int(np.ceil(mm / s)) for mm, s in zip(margins, prepared.spacing)])
        first = columns.start // _STEP * _STEP
        last = first + -(-(columns.stop - first) // _STEP) * _STEP
        sacrum = bool((labels == VERSE_NUMBERS["S"]).any())
        down = min(-(-rows.stop // _STEP) * _STEP, labels.shape[1]) if sacrum else labels.shape[1]
        return cls((slices, slice(0, down), slice(first, min(last, labels.shape[2]))), labels > 0)

    def leaves(self, mask: np.ndarray) -> bool:
        """Whether something marked that touches a vertebra reaches a side of the box that is not the image's.

        Args:
            mask: bool, of the box.
        """
        if self.vertebrae is None:
            return False
        pieces, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
        own = np.zeros(count + 1, bool)
        own[np.unique(pieces[self.vertebrae[self.box]])] = True
        own[0] = False
        for axis, (part, size) in enumerate(zip(self.box, self.vertebrae.shape)):
            sides = ([0] if part.start > 0 else []) + ([-1] if part.stop < size else [])
            if any(own[pieces.take(side, axis)].any() for side in sides):
                return True
        return False
