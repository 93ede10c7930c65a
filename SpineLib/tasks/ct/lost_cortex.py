"""Vertebrae whose cortex is gone over a larger area, as where a mass destroyed the bone that the labels still cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from SpineLib.progress import Progress, silent
from SpineLib.tasks.ct.counterparts import Compared
from SpineLib.tasks.ct.expected import all_but_one, at
from SpineLib.tasks.ct.lesion_marks import LYTIC

#: The densest within so many voxels of 1 mm counts, so that outlines need not fit; what is bone at the other place.
_SLACK, _BONE = 2, 0.3
#: So near the surface lies the cortex, voxels.
_SHELL = 2.5
#: Softer than the first is no cortex, and denser than the second is one, HU.
_SOFT_HU, _CORTEX_HU = 200.0, 250.0
#: Smaller pieces, voxels of the shell, or those of whose surroundings less is soft, are what discs, joints and outlines
#: that do not fit show of healthy vertebrae (at most 250, and 0.74 of it, in six CTs; 220 and 0.84 at least of painted
#: masses of 40 mm).
_LEAST_VOXELS, _LEAST_SHARE = 200, 0.78
#: The bone behind a lost cortex is lost as far as it is less dense than expected on average around, voxels.
_BEHIND, _AROUND = 20, 2.0


def lost_cortex(
    smooth: np.ndarray,
    labels: np.ndarray,
    vertebrae: Sequence[Compared],
    lytic: np.ndarray,
    progress: Progress = silent,
) -> list[tuple[np.ndarray, float]]:
    """Masks, uint8 (z, y, x), of lost cortex with the soft bone behind it, and the share of it that is soft.

    Args:
        smooth: float32 (z, y, x), HU, voxels of about 1 mm.
        labels: of the vertebrae, on the same grid.
        vertebrae: compared with their counterparts.
        lytic: how much less dense than expected the bone is, HU; NaN where nothing can be said.
        progress: told after every vertebra; may raise ``Cancelled``.
    """
    top = ndimage.maximum_filter(smooth, 2 * _SLACK + 1)
    bone = ndimage.gaussian_filter((labels > 0).astype(np.float32), 1.0)
    found = []
    for number, one in enumerate(vertebrae):
        progress(number / len(vertebrae), f"Looking at the cortex of vertebra {number + 1} of {len(vertebrae)}")
        if not one.counterparts:
            continue
        there = all_but_one(
            [
                np.where(other.inside & (at(bone, other.places) > _BONE), at(top, other.places), np.nan)
                for other in one.counterparts
            ]
        )
        box = tuple(slice(int(side.min()), int(side.max()) + 1) for side in one.index)
        here = tuple(side - part.start for side, part in zip(one.index, box))
        gone = np.zeros(top[box].shape, bool)
        gone[here] = (one.depth <= _SHELL) & (top[one.index] < _SOFT_HU) & (there > _CORTEX_HU)
        pieces, _ = ndimage.label(gone, np.ones((3, 3, 3)))
        sizes = np.bincount(pieces.ravel())
        large = [piece for piece in range(1, len(sizes)) if sizes[piece] >= _LEAST_VOXELS]
        if not large:
            continue
        own = labels[box] == one.number
        less = ndimage.gaussian_filter(np.nan_to_num(lytic[box], nan=0.0), _AROUND) > 0
        for piece in large:
            rim = ndimage.binary_dilation(pieces == piece, iterations=2)[here] & (one.depth <= _SHELL)
            share = float((top[one.index][rim] < _SOFT_HU).mean())
            if share < _LEAST_SHARE:
                continue
            lost = ndimage.binary_dilation(pieces == piece, iterations=_BEHIND, mask=own & (less | (pieces == piece)))
            mask = np.zeros(labels.shape, np.uint8)
            mask[box][lost] = LYTIC
            found.append((mask, share))
    return found
