"""Bone that a vertebra lacks where its other side and its neighbours have it: a lesion took it from the labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from SpineLib.progress import Progress, silent
from SpineLib.tasks.ct.counterparts import Compared
from SpineLib.tasks.ct.lesion_marks import LYTIC

#: So far beyond the labelled bone is looked, voxels of 1 mm.
_REACH = 10
#: So many counterparts must be in the image there, and so large a share of them must have bone.
_LEAST_KNOWN, _LEAST_SHARE = 1, 0.66
#: What is denser than this is bone that is not labelled, HU.
_SOFT_HU = 150.0
#: Shapes differ by so much at their surfaces, voxels; less than this is no lesion, voxels.
_SURFACE, _LEAST_VOXELS = 2.5, 300
#: Where the counterparts are denser by less than this, HU, the bone is there and only its label is not.
_LESS_HU = 40.0


def missing_bone(
    smooth: np.ndarray, labels: np.ndarray, vertebrae: Sequence[Compared], progress: Progress = silent
) -> list[tuple[np.ndarray, float]]:
    """Masks, uint8 (z, y, x), of what is missing, and the mean share of the counterparts that have bone there.

    Args:
        smooth: float32 (z, y, x), HU, voxels of about 1 mm.
        labels: of the vertebrae, on the same grid.
        vertebrae: compared with their counterparts.
        progress: told after every vertebra; may raise ``Cancelled``.
    """
    found = []
    for number, one in enumerate(vertebrae):
        told = f"Looking for bone that vertebra {number + 1} of {len(vertebrae)} lacks"
        progress(number / len(vertebrae), told)
        if len(one.counterparts) < _LEAST_KNOWN:
            continue
        box = tuple(
            slice(max(0, int(side.min()) - _REACH), min(size, int(side.max()) + 1 + _REACH))
            for side, size in zip(one.index, labels.shape)
        )
        share, usual = _share(one, labels, smooth, box)
        progress((number + 0.5) / len(vertebrae), told)
        own = labels[box] == one.number
        lacking = (share >= _LEAST_SHARE) & (labels[box] == 0) & (smooth[box] < _SOFT_HU)
        if np.count_nonzero(lacking) < _LEAST_VOXELS:
            continue
        deep = lacking & (ndimage.distance_transform_edt(lacking | own) > _SURFACE)
        pieces, _ = ndimage.label(deep)
        for piece, place in enumerate(ndimage.find_objects(pieces), start=1):
            if np.count_nonzero(pieces[place] == piece) < _LEAST_VOXELS:
                continue
            whole = ndimage.binary_dilation(pieces == piece, iterations=int(_SURFACE), mask=lacking)
            if float((usual - smooth[box])[whole].mean()) < _LESS_HU:
                continue
            mask = np.zeros(labels.shape, np.uint8)
            mask[box][whole] = LYTIC
            found.append((mask, float(share[whole].mean())))
    return found


def _share(
    one: Compared, labels: np.ndarray, smooth: np.ndarray, box: tuple[slice, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Of the counterparts that are in the image the share that have bone, 0 where too few are; and that bone's HU."""
    places = np.ogrid[box]
    size = [side.stop - side.start for side in box]
    known, bone, dense = (np.zeros(size, np.float32) for _ in range(3))
    for other in one.counterparts:
        first = other.moved - other.matrix @ other.centre
        inside, index = np.ones(size, bool), []
        for row, start, end in zip(other.matrix, first, labels.shape):
            along = sum((np.float32(factor) * axis for factor, axis in zip(row, places)), np.float32(start))
            there = np.rint(along).astype(np.int32)
            inside &= (there >= 0) & (there < end)
            index.append(np.clip(there, 0, end - 1))
        known += inside
        here = inside & (labels[tuple(index)] == other.number)
        bone += here
        dense += here * smooth[tuple(index)]
    return np.where(known >= _LEAST_KNOWN, bone / np.maximum(known, 1), 0.0), dense / np.maximum(bone, 1)
