"""What training does to images as tensors: sample, blur, change the contrast, run a network over windows.

MONAI's operations of the same kind give the same values (the tests hold both against each other); they take longer to
import than a step of training, and none of their other features is needed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

#: A Gaussian's kernel ends at so many sigmas.
_TRUNCATED = 4.0
#: Windows overlap by this share, and are weighed by a Gaussian of this sigma (share of a side); where that is
#: less, by the least weight.
_OVERLAP, _SIGMA, _LEAST = 0.25, 0.125, 1e-3


def sampled(stack: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Linear samples; what lies outside repeats the border.

    Args:
        stack: (c, s, y, x), float32.
        points: (3, s', y', x'), float32: index coordinates (s, y, x), counted from the stack's middle.

    Returns:
        (c, s', y', x').
    """
    scale = torch.tensor([2.0 / max(size, 2) for size in stack.shape[1:]])
    grid = (points * scale[:, None, None, None]).flip(0).movedim(0, -1)[None]
    return functional.grid_sample(stack[None], grid, "bilinear", "border", align_corners=False)[0]


def blurred(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """A Gaussian's integral over each voxel as kernel; 0 beyond the border.

    Args:
        image: (c, y, x) or (c, s, y, x).
        sigma: voxels.
    """
    tail = int(max(sigma * _TRUNCATED, 0.5) + 0.5)
    places = torch.arange(-tail, tail + 1, dtype=torch.float32)
    inverse = 1 / (math.sqrt(2) * max(sigma, 1e-9))
    kernel = 0.5 * ((inverse * (places + 0.5)).erf() - (inverse * (places - 0.5)).erf()).clamp(min=0)
    convolve = functional.conv2d if image.ndim == 3 else functional.conv3d
    for axis in range(image.ndim - 1):
        along = [len(kernel) if n == axis else 1 for n in range(image.ndim - 1)]
        padding = [tail if n == axis else 0 for n in range(image.ndim - 1)]
        image = convolve(image[:, None], kernel.view(1, 1, *along), padding=padding)[:, 0]
    return image


def with_gamma(image: torch.Tensor, gamma: float, keep_statistics: bool = False) -> torch.Tensor:
    """Intensities between the image's least and largest to the power of ``gamma``.

    Args:
        image: of any shape.
        gamma: the exponent.
        keep_statistics: then brought back to the mean and standard deviation of before.
    """
    low = image.min()
    extent = image.max() - low
    changed = ((image - low) / float(extent + 1e-7)) ** gamma * extent + low
    if not keep_statistics:
        return changed
    centred = changed - changed.mean()
    return centred / (centred.std() + 1e-8) * image.std() + image.mean()


def over_windows(
    run: Callable[[torch.Tensor], torch.Tensor], image: torch.Tensor, window: Sequence[int]
) -> torch.Tensor:
    """A network's output on an image that is looked at window by window; overlaps are blended by Gaussian weights.

    Args:
        run: of windows (1, c, *window) to (1, k, *window).
        image: (1, c, s, y, x) or (1, c, y, x); one smaller than the window is continued by 0 on both sides.
        window: its size along the image's axes.

    Returns:
        (1, k, ...) of the image's size.
    """
    size = image.shape[2:]
    before = [max(wanted - there, 0) // 2 for wanted, there in zip(window, size)]
    after = [max(wanted - there, 0) - first for wanted, there, first in zip(window, size, before)]
    image = functional.pad(image, [part for pair in zip(reversed(before), reversed(after)) for part in pair])
    starts = [_starts(there, wanted) for there, wanted in zip(image.shape[2:], window)]
    weight = _weight(window).to(image)
    total, weights = None, torch.zeros(image.shape[2:]).to(image)
    for first in itertools.product(*starts):
        box: tuple = tuple(slice(start, start + wanted) for start, wanted in zip(first, window))
        inside: tuple = (..., *box)
        found = run(image[inside]) * weight
        if total is None:
            total = torch.zeros((*found.shape[:2], *image.shape[2:])).to(found)
        total[inside] += found
        weights[box] += weight
    assert total is not None
    own: tuple = (..., *(slice(start, start + there) for start, there in zip(before, size)))
    return (total / weights)[own]


def _starts(size: int, window: int) -> list[int]:
    step = max(int(window * (1 - _OVERLAP)), 1)
    count = 1 if size <= window else math.ceil((size - window) / step) + 1
    return [min(n * step, size - window) for n in range(count)]


def _weight(window: Sequence[int]) -> torch.Tensor:
    weight = torch.ones(())
    for size in window:
        places = torch.arange(size) - (size - 1) / 2
        weight = weight[..., None] * torch.exp(-(places**2) / (2 * (_SIGMA * size) ** 2))
    return weight.clamp(min=max(float(weight.min()), _LEAST))
