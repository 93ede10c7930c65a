"""The U-Net of Hille et al., Spinal metastases segmentation in MR imaging (2020), section 2.2, in 2D and in 3D."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

#: Channels at each level, finest first; they give 1.38 million (2D) and 4.14 million (3D) parameters.
WIDTHS = (16, 32, 64, 128, 160)


class UNet(nn.Module):
    """Encoder and decoder with skip connections.

    Every level has two convolutions of kernel 3, each followed by batch normalisation and ReLU; the first one of a
    lower level has stride 2 and so replaces pooling. Going up is nearest-neighbour upsampling by 2, concatenation with
    the skip connection, two convolutions. The last convolution has kernel 1.

    Args:
        dimensions: 2 or 3.
        inputs: number of input channels, one a sequence.
        widths: channels at each level, finest first.
        outputs: number of output channels; the paper has one.
    """

    def __init__(self, dimensions: int = 2, inputs: int = 1, widths: Sequence[int] = WIDTHS, outputs: int = 1):
        super().__init__()
        if dimensions not in (2, 3):
            raise ValueError(f"dimensions is {dimensions}, not 2 or 3")
        if min(inputs, outputs) < 1 or len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"inputs={inputs} and widths={tuple(widths)} make no U-Net")
        self.dimensions, self.inputs, self.widths = dimensions, inputs, tuple(widths)
        down = [_level(dimensions, inputs, widths[0], 1)]
        down += [_level(dimensions, a, b, 2) for a, b in itertools.pairwise(widths)]
        up = [_level(dimensions, a + b, b, 1) for a, b in zip(reversed(widths), list(reversed(widths))[1:])]
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.last = (nn.Conv2d if dimensions == 2 else nn.Conv3d)(widths[0], outputs, 1)

    @property
    def multiple(self) -> int:
        """Every spatial size of the input must be a multiple of this; padding is the caller's job."""
        return 2 ** (len(self.widths) - 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits.

        Args:
            x: shape (n, inputs, y, x) in 2D, (n, inputs, s, y, x) in 3D, each spatial size a multiple of ``multiple``.

        Returns:
            Shape (n, outputs, ...), the logit of each pixel to be what the output stands for.
        """
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
        skips.pop()
        for level in self.up:
            assert isinstance(level, nn.Sequential)
            if self.training:  # The same function for about half the work; inference has its own way to be fast.
                x = level[1:](_convolve_upsampled(level[0], x, skips.pop()))
            else:
                x = level(torch.cat([self.upsample(x), skips.pop()], dim=1))
        return self.last(x)

    def probability(self, x: torch.Tensor) -> torch.Tensor:
        """The network with the paper's last sigmoid: values 0 to 1, shape as :meth:`forward`."""
        return torch.sigmoid(self.forward(x))


def through_upsampling(weight: torch.Tensor) -> torch.Tensor:
    """Weights (out, in, 3, ...) of a convolution behind nearest upsampling by 2, as those of a transposed convolution.

    Along one axis a voxel 2y of the upsampled array and its neighbours take ``w0 low[y-1] + (w1 + w2) low[y]``, a voxel
    2y + 1 takes ``(w0 + w1) low[y] + w2 low[y+1]``: a transposed convolution of stride 2 and padding 1 with the kernel
    (w2, w1 + w2, w0 + w1, w0).

    Returns:
        Shape (in, out, 4, ...), as ``conv_transpose2d`` and ``conv_transpose3d`` take them.
    """
    for axis in range(2, weight.ndim):
        first, second, third = weight.unbind(axis)
        weight = torch.stack([third, second + third, first + second, first], axis)
    return weight.transpose(0, 1)


def _convolve_upsampled(convolution: nn.Module, low: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
    """``convolution(cat([upsample(low), skip]))`` without making the upsampled or the concatenated array."""
    weight = convolution.get_parameter("weight")
    through = through_upsampling(weight[:, : low.shape[1]])
    plain, transposed = (
        (functional.conv2d, functional.conv_transpose2d)
        if weight.ndim == 4
        else (functional.conv3d, functional.conv_transpose3d)
    )
    return transposed(low, through, stride=2, padding=1) + plain(skip, weight[:, low.shape[1] :], padding=1)


def _level(dimensions: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    convolution, normalisation = ((nn.Conv2d, nn.BatchNorm2d), (nn.Conv3d, nn.BatchNorm3d))[dimensions - 2]
    layers = []
    for channels, step in ((inputs, stride), (outputs, 1)):
        # The bias would be removed again by the batch normalisation.
        layers += [
            convolution(channels, outputs, 3, stride=step, padding=1, bias=False),
            normalisation(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
