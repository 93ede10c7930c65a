"""Label maps of whole spines for tests: a block a vertebra, as far apart as in an adult, numbered as one likes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from SpineLib.volume import Volume

#: Voxels along i, j, k, mm.
STEP = (3.0, 3.0, 2.0)
#: Heights of an adult's vertebrae with their disc, mm, from body heights of anatomy books; C1 to L5.
HEIGHTS = dict(
    zip(
        [*(f"C{n}" for n in range(1, 8)), *(f"T{n}" for n in range(1, 13)), *(f"L{n}" for n in range(1, 6)), "S"],
        [14, 18, 17, 17, 17, 17, 18, 19, 20, 21, 22, 23, 23, 24, 25, 25, 27, 28, 30, 32, 33, 34, 34, 36, 80],
        strict=True,
    )
)  # fmt: skip
DOWN = tuple(HEIGHTS)


def spine(levels: Sequence[str], numbers: Sequence[int], *, height: float | None = None, scale: float = 1.0) -> Volume:
    """A label map of these levels, named from above downwards, with these numbers.

    Args:
        levels: names, one below the other.
        numbers: label of each.
        height: of all of them, mm; None: as in an adult, times ``scale``.
        scale: of the body.
    """
    heights = [height or HEIGHTS[level] * scale for level in levels]
    array = np.zeros((int(sum(heights) / STEP[2]) + 20, 40, 40), np.uint16)
    top = array.shape[0] * STEP[2] - 20.0
    for level, number, tall in zip(levels, numbers, heights, strict=True):
        high, low = (round((top - part) / STEP[2]) for part in (0.1 * tall, 0.9 * tall))
        half = 3 if level[0] == "C" else 4 if level[0] == "T" else 6 if level[0] == "L" else 9
        array[low:high, 20 - half : 20 + half, 20 - half : 20 + half] = number
        top -= tall
    return Volume(array, STEP, (-60.0, -60.0, 0.0))


def with_others(labels: Volume, others: Mapping[int, tuple[int, int, int]], half: int = 3) -> Volume:
    """The map with further labels: number to the voxel (k, j, i) in the middle of a cube, where nothing else is."""
    array = labels.array.copy()
    for number, middle in others.items():
        cube = tuple(slice(max(0, place - half), place + half) for place in middle)
        array[cube][array[cube] == 0] = number
    return labels.with_array(array)


def numbers_of(labels: Volume) -> list[int]:
    """The numbers of a map from above downwards, each once, whatever its axes."""
    heights = {}
    for value in np.unique(labels.array)[1:]:
        kji = np.argwhere(labels.array == value).mean(axis=0)
        heights[int(value)] = (labels.ijk_to_lps @ [*kji[::-1], 1.0])[2]
    return sorted(heights, key=lambda value: -heights[value])
