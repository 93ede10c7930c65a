"""Likelihoods of metastasis at the places of a slice: patch by patch as in the paper, or all places at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.preprocess.pyramid import PLACE

if TYPE_CHECKING:
    import torch

    from SpineLib.networks.siamese import Siamese

#: Patches the network gets at a time.
_BATCH = 64


def window(
    image: np.ndarray, network: Siamese, scale: float, first: tuple[int, int], places: tuple[int, int], spacing: float
) -> np.ndarray:
    """What the network reads of one scale for a lattice of places; beyond the image its reflection (section 2.5.1).

    Args:
        image: (rows, columns) of ``SpineLib.preprocess.pyramid.Pyramid.images[scale]``.
        network: says how far a patch reaches.
        scale: mm a pixel.
        first: row and column, in places, of the lattice's first.
        places: rows and columns of the lattice.
        spacing: mm between its places.
    """
    chosen = [
        _reflected(start + apart * np.arange(count), size)
        for start, apart, count, size in zip(
            *_start(network, scale, first, min(spacing, scale)), network.extent(scale, spacing, places), image.shape
        )
    ]
    return image[np.ix_(*chosen)]


def dense(
    images: Mapping[float, np.ndarray],
    network: Siamese,
    rows: range,
    columns: range,
    prepare: Callable[[np.ndarray], torch.Tensor],
) -> np.ndarray:
    """The likelihood of places in ``rows`` x ``columns`` of one slice, float32, from one run over the slice.

    Args:
        images: scale to (rows, columns), normalised.
        network: of the context "margin", in eval mode.
        rows, columns: numbers of places 1 mm apart; both have the same step, a power of two.
        prepare: makes the network's input (1, 1, rows, columns) of an array: device and precision.
    """
    from SpineLib.networks.arrays import array_of

    spacing = PLACE * rows.step
    multiple = network.multiple(spacing)
    wanted = len(rows), len(columns)
    places = -(-len(rows) // multiple) * multiple, -(-len(columns) // multiple) * multiple
    inputs = [
        prepare(window(images[scale], network, scale, (rows.start, columns.start), places, spacing)[None, None])
        for scale in network.scales
    ]
    return array_of(network.probability(inputs, spacing)[0, : wanted[0], : wanted[1]].float())


def dense_mirrored(
    images: Mapping[float, np.ndarray],
    network: Siamese,
    rows: range,
    columns: range,
    size: tuple[int, int],
    prepare: Callable[[np.ndarray], torch.Tensor],
    tick: Callable[[float], None] = lambda done: None,
) -> np.ndarray:
    """As :func:`dense`, averaged over the slice and its mirror images along rows, columns and both.

    Training mirrors patches in the same ways (section 3.2), so that each likelihood is as good as the others; what they
    do not agree upon weighs less.

    Args:
        size: rows and columns of places that the whole slice has.
        tick: told the share done.
    """
    found: list[np.ndarray] = []
    for up, across in product((False, True), repeat=2):
        tick(len(found) / 4)
        turned = {scale: image[:: -1 if up else 1, :: -1 if across else 1] for scale, image in images.items()}
        lattice = (_mirrored(rows, size[0]) if up else rows, _mirrored(columns, size[1]) if across else columns)
        found.append(dense(turned, network, *lattice, prepare)[:: -1 if up else 1, :: -1 if across else 1])
    return np.mean(found, axis=0)


def patchwise(
    images: Mapping[float, np.ndarray],
    network: Siamese,
    places: np.ndarray,
    prepare: Callable[[np.ndarray], torch.Tensor],
    *,
    whiten: bool,
    tick: Callable[[float], None] = lambda done: None,
) -> np.ndarray:
    """The likelihood of single places of one slice, each from its own patches.

    Args:
        images: scale to (rows, columns).
        network: in eval mode.
        places: (n, 2) rows and columns.
        prepare: as in :func:`dense`.
        whiten: normalise each patch by its own mean and deviation (the paper).
        tick: told the share done.

    Returns:
        (n,) float32.
    """
    from SpineLib.networks.arrays import array_of

    found = []
    for start in range(0, len(places), _BATCH):
        tick(start / len(places))
        chosen = places[start : start + _BATCH]
        inputs = [prepare(patches(images[scale], network, scale, chosen, whiten)[:, None]) for scale in network.scales]
        found.append(array_of(network.probability(inputs)[:, 0, 0].float()))
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def middle(count: int, share: float = 0.5) -> slice:
    """The middle ``share`` of so many columns; the paper searches the middle half (section 3.1)."""
    kept = min(count, max(1, round(share * count)))
    return slice((count - kept) // 2, (count - kept) // 2 + kept)


def patches(image: np.ndarray, network: Siamese, scale: float, places: np.ndarray, whiten: bool) -> np.ndarray:
    """The patches (n, rows, columns) of one scale around places (n, 2) of one slice."""
    starts, apart = _start(network, scale, places.T, scale)
    chosen = [
        _reflected(np.asarray(start)[:, None] + step * np.arange(2 * half + 1), size)
        for start, step, half, size in zip(starts, apart, network.border, image.shape)
    ]
    found = image[chosen[0][:, :, None], chosen[1][:, None, :]]
    return whitened(found) if whiten else found


def whitened(patches: np.ndarray) -> np.ndarray:
    """Each of (n, rows, columns) with mean 0 and deviation 1 (section 2.4)."""
    deviation = patches.std(axis=(1, 2), keepdims=True)
    return (patches - patches.mean(axis=(1, 2), keepdims=True)) / np.where(deviation > 1e-6, deviation, 1)


def _mirrored(places: range, count: int) -> range:
    """The same places, the last first, counted from the other end of so many."""
    return range(count - 1 - places[-1], count - places[0], places.step)


def _start(network: Siamese, scale: float, first: Sequence | np.ndarray, apart_mm: float) -> tuple[list, list[int]]:
    """First pixel of the patch around a place, along rows and columns, and how many pixels its samples are apart."""
    pixel = min(scale, PLACE)
    reach = round(scale / pixel)
    starts = [np.asarray(place) * round(PLACE / pixel) - half * reach for place, half in zip(first, network.border)]
    return starts, [round(apart_mm / pixel)] * 2


def _reflected(index: np.ndarray, size: int) -> np.ndarray:
    """Indices of an image continued by symmetric reflection (the border's pixel is repeated)."""
    index = index % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)
