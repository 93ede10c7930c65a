"""Which windows of a large CT are looked at: from the first one that shows the column along it, not the whole body."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence

import numpy as np
from scipy import ndimage

from SpineLib.tasks.column.parts import ARCH, BODY, CANAL, DISC, SACRUM

#: A window shows the column when it holds so much of each of these, ml: hips, ribs and bowels that a network takes for
#: one of them hold little of the others (on a real CT of the trunk no more than 3 ml of canal).
_SHOWS_ML = {BODY: 2.4, ARCH: 2.4, CANAL: 4.8}
_OF_THE_COLUMN = (BODY, ARCH, CANAL, DISC, SACRUM)
#: So much of the column near a window's side may go on in the next one, ml; near is what lies in both or up to so far
#: beyond, voxels, as ribs, by which levels are told, are from the processes.
_SPECK_ML, _BESIDE = 0.2, 10

Index = tuple[int, int, int]


def follow_column(
    starts: Sequence[Sequence[int]],
    size: Sequence[int],
    voxel_ml: float,
    worth: Collection[Index],
    look: Callable[[Index], np.ndarray],
) -> None:
    """Look at windows until the column is followed to its ends; at all of them where none shows it.

    All around a window that shows the column those are looked at that it may go on in, above and below in any case, so
    that a destroyed vertebra, or metal, ends nothing.

    Args:
        starts: first voxels of the windows along (z, y, x).
        size: of a window, voxels.
        voxel_ml: of a voxel.
        worth: numbers, along each axis, of the windows that may be looked at.
        look: gives the parts of a window, uint8 (z, y, x).
    """
    seen: dict[Index, set[Index]] = {}

    def shows(index: Index) -> bool:
        parts = look(index)
        ml = np.bincount(parts.ravel(), minlength=256) * voxel_ml
        found = all(ml[part] >= least for part, least in _SHOWS_ML.items())
        seen[index] = _reached(parts, voxel_ml, index, starts, size) & set(worth) if found else set()
        return found

    # The spine of a CT of the spine, or of a trunk, is near its middle.
    middle = [(len(one) - 1) / 2 for one in starts]
    order = sorted(worth, key=lambda one: (np.hypot(one[1] - middle[1], one[2] - middle[2]), abs(one[0] - middle[0])))
    first = next((index for index in order if shows(index)), None)
    queue = [] if first is None else [first]
    done = set(queue)
    while queue:
        for index in sorted(seen[queue.pop(0)] - done):
            if index not in seen:
                shows(index)
            queue.append(index)
            done.add(index)


def _reached(
    parts: np.ndarray, voxel_ml: float, index: Index, starts: Sequence[Sequence[int]], size: Sequence[int]
) -> set[Index]:
    """The windows around one that what it shows of the column may go on in."""
    pieces, count = ndimage.label(np.isin(parts, _OF_THE_COLUMN))
    shadow = (pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()).sum(axis=0) if count else pieces[0]
    found = set()
    for way in itertools.product((-1, 0, 1), repeat=2):
        at = (index[1] + way[0], index[2] + way[1])
        if not (0 <= at[0] < len(starts[1]) and 0 <= at[1] < len(starts[2])):
            continue
        sides = []
        for axis, there in zip((1, 2), at):
            apart = starts[axis][there] - starts[axis][index[axis]]
            low = max(0, apart - _BESIDE) if apart > 0 else 0
            sides.append(slice(low, size[axis] + min(0, apart) + _BESIDE))
        if shadow[tuple(sides)].sum() * voxel_ml >= _SPECK_ML:
            found |= {(index[0] + up, *at) for up in (-1, 0, 1)}
    return found
