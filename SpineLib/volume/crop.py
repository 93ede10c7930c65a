"""A box of an image, in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.places import to_index
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume


def box_around(
    volume: Volume, centre_lps_mm: Sequence[float] | np.ndarray, size_mm: Sequence[float]
) -> tuple[slice, slice, slice]:
    """Index box (k, j, i) that holds all of a box of ``size_mm`` (along LPS) around a point, as far as the image goes.

    Raises:
        SpineError: none of it lies in the image.
    """
    signs = np.array(np.meshgrid(*[(-0.5, 0.5)] * 3)).reshape(3, -1).T
    corners = np.asarray(centre_lps_mm, float) + signs * np.asarray(size_mm, float)
    kji = to_index(corners, volume)
    first = np.maximum(np.floor(kji.min(axis=0)).astype(int), 0)
    last = np.minimum(np.ceil(kji.max(axis=0)).astype(int) + 1, volume.shape)
    if (last <= first).any():
        raise SpineError(f"The place lies outside the {volume.name or 'image'}: choose an image that shows it.")
    return triple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))


def box_of(mask: np.ndarray, margin: Sequence[int] = (0, 0, 0)) -> tuple[slice, slice, slice]:
    """Index box of what is not 0, grown by ``margin`` voxels on each side within the array; empty of nothing."""
    box = []
    for axis, more in enumerate(margin):
        others = tuple(other for other in range(3) if other != axis)
        where = np.flatnonzero(mask.any(axis=others))
        first, last = (int(where[0]) - more, int(where[-1]) + 1 + more) if len(where) else (0, 0)
        box.append(slice(max(first, 0), min(last, mask.shape[axis])))
    return triple(box)


def crop(volume: Volume, box: tuple[slice, slice, slice]) -> Volume:
    """The voxels of an index box (k, j, i), where they lie in the patient."""
    first = [part.start for part in reversed(box)]
    return replace(volume, array=volume.array[box], origin=tuple((volume.ijk_to_lps @ [*first, 1])[:3]))
