"""The V-Net in 2D that Miao et al. (Spinal neoplasm image inpainting, section II.B) segment vertebrae with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

#: Maps at each level, finest first: 16 at full size (Miao), doubled at each level (Milletari).
WIDTHS = (16, 32, 64, 128, 256)
#: Convolutions at each level (Milletari et al., V-Net, 3DV 2016, table 1).
DEPTHS = (1, 2, 3, 3, 3)


class VNet(nn.Module):
    """Five groups of residual 3x3 convolutions down, four up.

    As Milletari has it, but in the plane: each group adds its input to what its convolutions make of it; between groups
    a 2x2 convolution of stride 2 halves the size and takes the next width, a 2x2 deconvolution of stride 2 doubles it;
    going up, the maps of the way down are concatenated. As Miao has it: 3x3 with padding, so that no map is cropped, 16
    maps at full size at the end, and a 1x1 convolution to a single one.

    Batch normalisation after each convolution is ours: without it so deep a network needs far longer to train. So is
    ReLU, where Milletari has PReLU and Miao says nothing: a PReLU's way back takes a CPU as long as all convolutions.

    Args:
        inputs: input channels.
        widths: maps at each level, finest first; the paper's are :data:`WIDTHS`, anything below is narrower than it.
    """

    dimensions = 2

    def __init__(self, inputs: int = 1, widths: Sequence[int] = WIDTHS):
        super().__init__()
        if inputs < 1 or not 2 <= len(widths) <= len(DEPTHS) or min(widths) < 1:
            raise ValueError(f"inputs={inputs} and widths={tuple(widths)} make no V-Net")
        self.inputs, self.widths = inputs, tuple(widths)
        self.down = nn.ModuleList(
            _Group(inputs if level == 0 else width, width, depth)
            for level, (width, depth) in enumerate(zip(widths, DEPTHS))
        )
        self.shrink = nn.ModuleList(
            _Step(nn.Conv2d(a, b, 2, stride=2, bias=False)) for a, b in itertools.pairwise(widths)
        )
        self.grow = nn.ModuleList(
            _Step(nn.ConvTranspose2d(b, a, 2, stride=2, bias=False)) for a, b in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(_Group(2 * width, width, depth) for width, depth in zip(widths[:-1], DEPTHS))
        self.last = nn.Conv2d(widths[0], 1, 1)

    @property
    def multiple(self) -> int:
        """Every spatial size of the input must be a multiple of this; padding is the caller's job."""
        return 2 ** (len(self.widths) - 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits.

        Args:
            x: shape (n, inputs, y, x), each spatial size a multiple of ``multiple``.

        Returns:
            Shape (n, 1, y, x), the logit of each pixel to be vertebra.
        """
        skips = []
        for level, group in enumerate(self.down):
            x = group(x, x if level else x.mean(dim=1, keepdim=True))
            if level < len(self.shrink):
                skips.append(x)
                x = self.shrink[level](x)
        for level in reversed(range(len(self.up))):
            x = self.grow[level](x)
            x = self.up[level](torch.cat([x, skips.pop()], dim=1), x)
        return self.last(x)

    def probability(self, x: torch.Tensor) -> torch.Tensor:
        """Sigmoid of :meth:`forward`."""
        return torch.sigmoid(self.forward(x))


class _Step(nn.Sequential):
    """One convolution, normalised, with ReLU."""

    def __init__(self, convolution: nn.Conv2d | nn.ConvTranspose2d):
        width = convolution.out_channels
        super().__init__(convolution, nn.BatchNorm2d(width), nn.ReLU())


class _Group(nn.Module):
    """``depth`` convolutions, and a sum with what came in.

    Going up the group reads the deconvolved maps and those of the way down together; the sum is with the deconvolved
    ones, which have its width. The first group adds its one input channel to all of its maps.
    """

    def __init__(self, inputs: int, width: int, depth: int):
        super().__init__()
        self.steps = nn.ModuleList(
            _Step(nn.Conv2d(inputs if number == 0 else width, width, 3, padding=1, bias=False))
            for number in range(depth)
        )

    def forward(self, x: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        for number, step in enumerate(self.steps):
            assert isinstance(step, nn.Sequential)
            convolution, normalisation, activation = step
            x = normalisation(convolution(x))
            x = activation(x + kept if number == len(self.steps) - 1 else x)
        return x
