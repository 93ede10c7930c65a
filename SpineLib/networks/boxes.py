"""Boxes in images: overlap, coding, anchors, non-maximum suppression, and max pooling of what lies in them.

A box is (x0, y0, x1, y1), edges in pixels: pixel n reaches from n to n + 1, so that a box's width is x1 - x0. Ren 2017
is Ren et al., Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks (2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from SpineLib.networks.arrays import array_of

#: A box grows or shrinks at most by this factor's logarithm in one decoding, so that exp does not overflow.
_LARGEST_LOG = math.log(1000 / 16)


def areas(boxes: torch.Tensor) -> torch.Tensor:
    """(...,) of (..., 4); 0 for a box whose sides are turned round."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def overlaps(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Intersection over union of each of the (n, 4) with each of the (m, 4): (n, m), 0 where both are empty."""
    corner = torch.maximum(first[:, None, :2], second[None, :, :2])
    opposite = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (opposite - corner).clamp(min=0).prod(-1)
    joined = areas(first)[:, None] + areas(second)[None] - shared
    return torch.where(joined > 0, shared / joined.clamp(min=1e-12), torch.zeros_like(joined))


def encode(boxes: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """How boxes differ from references, (n, 4) each: shifts by the reference's size, logarithms of sizes (Ren 2017, 2).

    Returns:
        (n, 4) of (tx, ty, tw, th).
    """
    centre, size = _centres(boxes)
    own_centre, own_size = _centres(references)
    return torch.cat([(centre - own_centre) / own_size, torch.log(size / own_size)], dim=-1)


def decode(deltas: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """The inverse of :func:`encode`; shapes (..., 4)."""
    own_centre, own_size = _centres(references)
    centre = own_centre + deltas[..., :2] * own_size
    half = own_size * torch.exp(deltas[..., 2:].clamp(max=_LARGEST_LOG)) / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def clip(boxes: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Boxes cut at the border of an image of ``size`` (rows, columns)."""
    rows, columns = size
    limits = torch.tensor([columns, rows, columns, rows], dtype=boxes.dtype, device=boxes.device)
    return torch.minimum(boxes.clamp(min=0), limits)


def anchors(
    size: tuple[int, int],
    stride: int,
    scales: Sequence[float],
    ratios: Sequence[float],
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """Reference boxes centred on each place of a feature map (Ren 2017, section 3.1.1).

    Args:
        size: rows and columns of the feature map.
        stride: pixels of the image between its places.
        scales: square roots of the anchors' areas, pixels.
        ratios: height divided by width.

    Returns:
        (rows x columns x len(scales) x len(ratios), 4), the last named running fastest.
    """
    roots = [math.sqrt(ratio) for ratio in ratios]
    halves = torch.tensor([[scale / root / 2, scale * root / 2] for scale in scales for root in roots], device=device)
    y, x = (stride * (torch.arange(count, device=device) + 0.5) for count in size)
    centres = torch.stack([x[None, :].expand(size), y[:, None].expand(size)], dim=-1)[:, :, None]
    return torch.cat([centres - halves, centres + halves], dim=-1).reshape(-1, 4)


def keep_best(boxes: torch.Tensor, scores: torch.Tensor, overlap: float, most: int | None = None) -> torch.Tensor:
    """Non-maximum suppression: a box goes where a better one overlaps it by more than ``overlap``.

    Args:
        boxes: (n, 4).
        scores: (n,).
        overlap: intersection over union.
        most: keep at most so many.

    Returns:
        Indices of the boxes kept, the best first; of equal ones the earlier.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    # Row by row in numpy: a matrix of all pairs would be far larger than what is looked at.
    sides = array_of(boxes[order].float())
    x0, y0, x1, y1 = sides.T
    own = np.maximum(x1 - x0, 0) * np.maximum(y1 - y0, 0)
    left, kept = np.arange(len(sides)), list[int]()
    while len(left) and (most is None or len(kept) < most):
        best, left = left[0], left[1:]
        kept.append(int(best))
        width = np.minimum(x1[left], x1[best]) - np.maximum(x0[left], x0[best])
        height = np.minimum(y1[left], y1[best]) - np.maximum(y0[left], y0[best])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        left = left[shared <= overlap * (own[left] + own[best] - shared)]
    return order[torch.tensor(kept, dtype=torch.long, device=order.device)]


def pool_boxes(
    features: torch.Tensor, boxes: torch.Tensor, images: torch.Tensor, stride: int, bins: int = 7
) -> torch.Tensor:
    """RoI max pooling (Girshick, Fast R-CNN, 2015, section 2.1): each box cut into ``bins`` x ``bins``, their maxima.

    A box is rounded to whole places of the feature map, at least one; bins narrower than a place share it.

    Args:
        features: (n, c, rows, columns).
        boxes: (m, 4), pixels of the image.
        images: (m,) which of the n each box is of.
        stride: pixels between places of the feature map.

    Returns:
        (m, c, bins, bins).
    """
    count, _, rows, columns = features.shape
    axes = [
        _bins(boxes[:, axis] / stride, boxes[:, axis + 2] / stride, bins, size)
        for axis, size in ((1, rows), (0, columns))
    ]
    # Maxima over 1, 2, 4, ... places are made once for the map; a bin of any length is two of these, which may overlap.
    levels = [_whole_logarithm(last - first + 1) for first, last in axes]
    tall, wide = (int(level.max()) + 1 if len(boxes) else 1 for level in levels)
    maxima = [
        functional.pad(functional.max_pool2d(features, (2**down, 2**along), 1), (0, 2**along - 1, 0, 2**down - 1))
        for down in range(tall)
        for along in range(wide)
    ]
    table = torch.stack(maxima).permute(0, 1, 3, 4, 2).reshape(-1, features.shape[1])
    table_of = ((levels[0][:, :, None] * wide + levels[1][:, None, :]) * count + images[:, None, None]) * rows
    best: torch.Tensor | None = None
    for y in _starts(*axes[0], levels[0]):
        for x in _starts(*axes[1], levels[1]):
            place = (table_of + y[:, :, None]) * columns + x[:, None, :]
            values = table.index_select(0, place.reshape(-1))
            best = values if best is None else torch.maximum(best, values)
    assert best is not None
    return best.reshape(len(boxes), bins, bins, features.shape[1]).permute(0, 3, 1, 2)


def align_boxes(
    features: torch.Tensor, boxes: torch.Tensor, images: torch.Tensor, stride: int, bins: int = 7, samples: int = 2
) -> torch.Tensor:
    """RoI align (He et al., Mask R-CNN, 2017, section 3): means of interpolated values, not maxima of whole places.

    A box is not rounded, so that it can be told from one that lies a fraction of a place beside it.

    Args:
        features, boxes, images, stride, bins: as in :func:`pool_boxes`.
        samples: each bin is the mean of ``samples`` x ``samples`` values; beyond the map its border goes on.

    Returns:
        (m, c, bins, bins), float32.
    """
    count, channels, rows, columns = features.shape
    steps = (torch.arange(bins * samples, device=boxes.device) + 0.5) / (bins * samples)
    # grid_sample's coordinates: the map reaches from -1 to 1.
    x, y = (
        2 * (boxes[:, axis, None] + (boxes[:, axis + 2] - boxes[:, axis])[:, None] * steps) / (stride * size) - 1
        for axis, size in ((0, columns), (1, rows))
    )
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=-1)
    aligned = features.new_zeros((len(boxes), channels, bins, bins), dtype=torch.float32)
    for number in range(count):
        own = torch.nonzero(images == number)[:, 0]
        if len(own):
            values = functional.grid_sample(
                features[number : number + 1].float(),
                grid[own].flatten(0, 1)[None],
                padding_mode="border",
                align_corners=False,
            )
            values = values.reshape(channels, len(own), bins * samples, bins * samples).transpose(0, 1)
            aligned = aligned.index_copy(0, own, functional.avg_pool2d(values, samples))
    return aligned


def _starts(first: torch.Tensor, last: torch.Tensor, level: torch.Tensor) -> list[torch.Tensor]:
    """Where the one or two stretches of ``2 ** level`` places begin that make up each bin."""
    second = last + 1 - 2**level
    return [first] if bool((first == second).all()) else [first, second]


def _whole_logarithm(length: torch.Tensor) -> torch.Tensor:
    """The largest power of two that is not above ``length``, by its exponent."""
    return torch.floor(torch.log2(length.float() + 0.5)).long()


def _bins(low: torch.Tensor, high: torch.Tensor, bins: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """First and last place of each bin along one axis, (m, bins)."""
    start = torch.round(low).clamp(0, count - 1)
    length = (torch.round(high).clamp(max=count) - start).clamp(min=1)
    steps = torch.arange(bins, device=low.device)
    first = start[:, None] + torch.floor(steps * length[:, None] / bins)
    last = start[:, None] + torch.ceil((steps + 1) * length[:, None] / bins) - 1
    return first.long(), last.long()


def _centres(boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1e-3)
    return (boxes[..., :2] + boxes[..., 2:]) / 2, size
