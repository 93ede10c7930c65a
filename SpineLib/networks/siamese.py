"""The multi-resolution Siamese network of Wang et al. (2017), A multi-resolution approach for spinal metastasis
detection.

The paper's patches are 55 x 79 pixels for windows of 55 x 79 mm "in width" (section 2.1, figure 1): 55 columns along
the antero-posterior axis, 79 rows from superior to inferior, so that a window holds more than one vertebra (section
2.4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, product

import torch
from torch import nn
from torch.nn import functional

#: Rows (superior to inferior) and columns (anterior to posterior) of a patch, pixels.
PATCH = (79, 55)
#: mm a pixel of the three sub-networks' patches.
SCALES = (0.5, 1.0, 2.0)
CONTEXTS = ("zeros", "margin")
#: Pixels on each side of a patch that its convolutions read in the context "margin".
MARGIN = 13
_WIDTHS = (16, 32, 32, 64, 64)
_POOLED = (0, 2, 4)
_FEATURES, _HIDDEN = (32, 9, 6), 128
#: Distance, in a patch's pixels, between neighbouring features that the fully connected layer reads.
_STRIDE = 8


class Siamese(nn.Module):
    """Sub-networks with the same weights, one for each resolution, joined by two fully connected layers.

    Five 3 x 3 convolutions, each with batch normalisation and ReLU; max pooling 3 x 3 with stride 2 after the first,
    third and fifth; the maximum of each pair of neighbouring feature maps; all features joined, fully connected to 128
    with ReLU and dropout 0.5, fully connected to 2 (section 2.2). With three resolutions convolutions and fully
    connected layers hold 733,410 parameters. The sub-networks share what batch normalisation learns too; each
    normalises its own batch, as in the paper's framework, and so keeps statistics of its own.

    Fully connected layers are convolutions here, so that one definition serves patches and whole slices: see
    :meth:`forward`.

    Args:
        scales: mm a pixel of each sub-network, powers of two.
        context: what a convolution reads beyond its patch's border: "zeros" (the paper), or the image's own "margin",
            with which a likelihood does not depend on how the image is cut.
    """

    def __init__(self, scales: Sequence[float] = SCALES, context: str = "margin"):
        super().__init__()
        if context not in CONTEXTS:
            raise ValueError(f"context is {context!r}, not one of {', '.join(CONTEXTS)}")
        if not scales or len(set(scales)) != len(scales) or any(not _is_power_of_two(scale) for scale in scales):
            raise ValueError(f"scales are {tuple(scales)}; they must be different powers of two")
        self.scales, self.context = tuple(float(scale) for scale in scales), context
        widths = (1, *_WIDTHS)
        padding = 1 if context == "zeros" else 0
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=padding) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(_SharedNorm(width, len(scales)) for width in _WIDTHS)
        self.hidden = nn.Linear(len(scales) * math.prod(_FEATURES), _HIDDEN)
        self.dropout = nn.Dropout(0.5)
        #: Whether training, too, normalises by the statistics that the network has already: half the time a step.
        self.frozen_norms = False
        self.last = nn.Linear(_HIDDEN, 2)

    @property
    def border(self) -> tuple[int, int]:
        """Pixels that a patch as the network reads it reaches above and left of its centre: its half size."""
        more = MARGIN if self.context == "margin" else 0
        return PATCH[0] // 2 + more, PATCH[1] // 2 + more

    def multiple(self, spacing: float) -> int:
        """Rows and columns of places ``spacing`` mm apart must be multiples of this."""
        return max(1, round(_STRIDE * max(self.scales) / spacing))

    def forward(self, images: Sequence[torch.Tensor], spacing: float | None = None) -> torch.Tensor:
        """Logits of (normal, metastasis).

        Args:
            images: for each scale (n, 1, rows, columns), normalised. For one place an image: the patch, with its margin
                in the context "margin", 79 x 55 or 105 x 81 pixels. For rows x columns of places ``spacing`` mm apart
                (context "margin" only): what the patches of all places cover, in pixels of the scale, or, where the
                scale is coarser than the places are apart, in pixels of ``spacing``; see :meth:`extent`.
            spacing: mm between places, a power of two; None is one place.

        Returns:
            (n, 2, rows, columns) of places, 1 x 1 without ``spacing``.
        """
        hidden = self.hidden.bias[:, None, None]
        for number, (scale, image) in enumerate(zip(self.scales, images)):
            hidden = hidden + self._branch(image, number, None if spacing is None else spacing / scale)
        hidden = self.dropout(functional.relu(hidden)).to(self.last.weight.dtype)
        return functional.conv2d(hidden, self.last.weight[:, :, None, None], self.last.bias)

    def probability(self, images: Sequence[torch.Tensor], spacing: float | None = None) -> torch.Tensor:
        """Softmax's share of metastasis, (n, rows, columns); arguments as those of :meth:`forward`."""
        return torch.softmax(self.forward(images, spacing).float(), dim=1)[:, 1]

    def extent(self, scale: float, spacing: float, places: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the image that :meth:`forward` wants of ``scale`` for so many places."""
        step = spacing / scale
        if step >= 1:
            rows, columns = (2 * half + 1 + round(step) * (count - 1) for half, count in zip(self.border, places))
        else:
            rows, columns = (round(2 * half / step) + count for half, count in zip(self.border, places))
        return rows, columns

    def _branch(self, x: torch.Tensor, number: int, step: float | None) -> torch.Tensor:
        """One sub-network up to its share of the 128 hidden values; ``step`` is between places, in the scale's pixels.

        Places closer than the pooling's stride are found by pooling at all shifts: each pooling then makes four images
        of every second row and column, on which the next layers are ordinary dense convolutions ("shift and stitch").
        """
        if step is not None and (self.context != "margin" or not _is_power_of_two(step)):
            raise ValueError("several places need the context 'margin' and distances that are powers of two")
        step, splits = step or _STRIDE, 0
        while step < 1:
            x, step, splits = _split(x), step * 2, splits + 1
        for layer in range(len(_WIDTHS)):
            x = self._layer(x, layer, number)
            if layer == _POOLED[-1]:  # the last pooling of the paper, earlier: maxima may be taken in any order
                x = torch.maximum(x[:, ::2], x[:, 1::2])
            if layer in _POOLED and step >= 2:
                x, step = functional.max_pool2d(x, 3, 2), step / 2
            elif layer in _POOLED:
                x, splits = _pool_at_all_shifts(x), splits + 1
            x = functional.relu(x, inplace=True)  # after pooling, which it may change places with: there is less to do
        weight = self.hidden.weight.unflatten(1, (len(self.scales), *_FEATURES))[:, number].to(x.dtype)
        if x.shape[2:] == weight.shape[2:]:
            x = (x.flatten(1) @ weight.flatten(1).T)[:, :, None, None]
        else:
            x = functional.conv2d(x, weight, stride=round(step))
        for _ in range(splits):
            x = _merge(x)
        return x

    def _layer(self, x: torch.Tensor, layer: int, number: int) -> torch.Tensor:
        """Convolution and batch normalisation."""
        convolution, norm = self.convolutions[layer], self.norms[layer]
        assert isinstance(convolution, nn.Conv2d) and isinstance(norm, _SharedNorm)
        if self.training and not self.frozen_norms:
            return norm(convolution(x), number)
        weight, bias = norm.folded(convolution, number)
        return functional.conv2d(x, weight.to(x.dtype), bias.to(x.dtype), padding=convolution.padding)


class _SharedNorm(nn.Module):
    """Batch normalisation of several branches: one scale and shift for all, statistics of each branch's own."""

    mean: torch.Tensor
    variance: torch.Tensor

    def __init__(self, channels: int, branches: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(branches, channels))
        self.register_buffer("variance", torch.ones(branches, channels))
        self.eps, self.momentum = 1e-5, 0.1

    def forward(self, x: torch.Tensor, branch: int) -> torch.Tensor:
        return functional.batch_norm(
            x, self.mean[branch], self.variance[branch], self.weight, self.bias, self.training, self.momentum, self.eps
        )

    def folded(self, convolution: nn.Conv2d, branch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of a convolution that holds the normalisation as well."""
        factor = self.weight * torch.rsqrt(self.variance[branch] + self.eps)
        assert convolution.bias is not None
        bias = (convolution.bias - self.mean[branch]) * factor + self.bias
        return convolution.weight * factor[:, None, None, None], bias


def _split(x: torch.Tensor) -> torch.Tensor:
    """(n, c, 2h, 2w) as four images each of every second row and column, (4n, c, h, w)."""
    return torch.cat([x[:, :, a::2, b::2] for a, b in product((0, 1), repeat=2)])


def _merge(x: torch.Tensor) -> torch.Tensor:
    """The inverse of :func:`_split`."""
    return x.unflatten(0, (2, 2, -1)).permute(2, 3, 4, 0, 5, 1).flatten(4, 5).flatten(2, 3)


def _pool_at_all_shifts(x: torch.Tensor) -> torch.Tensor:
    """Max pooling 3 x 3 with stride 2 of the image shifted by 0 or 1 along rows and columns, (4n, c, h, w)."""
    if x.requires_grad:  # slower, but one operation to go back through instead of four
        return _split(functional.max_pool2d(x, 3, 1))
    rows = torch.maximum(torch.maximum(x[:, :, :-2], x[:, :, 1:-1]), x[:, :, 2:])
    return _split(torch.maximum(torch.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:]))


def _is_power_of_two(value: float) -> bool:
    return value > 0 and math.log2(value) == round(math.log2(value))
