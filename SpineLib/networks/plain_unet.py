"""A plain U-Net of any stages, kernels and strides: what nnU-Net v2 and MONAI's DynUNet make.

Isensee et al., nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation (Nature Methods
2021), supplementary note 2: convolution, normalisation, leaky ReLU; strided convolutions down, transposed ones up.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import nn


class PlainUNet(nn.Module):
    """Encoder and decoder with skip connections.

    Args:
        dimensions: 2 or 3.
        inputs: number of input channels.
        widths: channels of each stage, finest first.
        strides: of each stage along its axes; the first is all 1.
        kernels: of each stage along its axes, odd.
        convolutions: in each stage of the encoder; in the decoder, from the coarsest to the finest, ``decoder``.
        norm: "instance" or "batch".
        slope: of the leaky ReLU below 0.
        bias, up_bias: whether convolutions and transposed convolutions have one.
        outputs: number of output channels.
    """

    def __init__(
        self,
        dimensions: int,
        inputs: int,
        widths: Sequence[int],
        strides: Sequence[Sequence[int]],
        kernels: Sequence[Sequence[int]],
        convolutions: Sequence[int],
        decoder: Sequence[int],
        norm: str = "instance",
        slope: float = 0.01,
        bias: bool = True,
        up_bias: bool = True,
        outputs: int = 1,
    ):
        super().__init__()
        self.dimensions, self.inputs, self.widths = dimensions, inputs, tuple(widths)
        self.strides = [tuple(one) for one in strides]
        self.kernels = [tuple(one) for one in kernels]
        kind = _Kind(dimensions, norm, slope, bias)
        sources = [inputs, *widths]
        self.down = nn.ModuleList(
            _stage(kind, sources[n], widths[n], kernels[n], strides[n], convolutions[n]) for n in range(len(widths))
        )
        ups, stages = [], []
        transposed: Callable[..., nn.Module] = nn.ConvTranspose2d if dimensions == 2 else nn.ConvTranspose3d
        for number, n in enumerate(range(len(widths) - 1, 0, -1)):
            step = tuple(strides[n])
            ups.append(transposed(widths[n], widths[n - 1], step, step, bias=up_bias))
            ones = (1,) * dimensions
            stages.append(_stage(kind, 2 * widths[n - 1], widths[n - 1], kernels[n - 1], ones, decoder[number]))
        self.raise_, self.up = nn.ModuleList(ups), nn.ModuleList(stages)
        self.last = (nn.Conv2d if dimensions == 2 else nn.Conv3d)(widths[0], outputs, 1)

    @property
    def multiple(self) -> int:
        """Every spatial size of the input must be a multiple of this."""
        sizes = [1] * self.dimensions
        for stride in self.strides:
            sizes = [size * step for size, step in zip(sizes, stride)]
        return max(sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (n, outputs, ...) of an input (n, inputs, ...)."""
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        skips.pop()
        for rise, stage in zip(self.raise_, self.up):
            x = stage(torch.cat([rise(x), skips.pop()], dim=1))
        return self.last(x)

    def probability(self, x: torch.Tensor) -> torch.Tensor:
        """0 to 1, shape as :meth:`forward`."""
        return torch.sigmoid(self.forward(x))


class _Kind:
    """What all stages have in common."""

    def __init__(self, dimensions: int, norm: str, slope: float, bias: bool):
        self.convolution: Callable[..., nn.Module] = nn.Conv2d if dimensions == 2 else nn.Conv3d
        names = {
            "instance": (nn.InstanceNorm2d, nn.InstanceNorm3d),
            "batch": (nn.BatchNorm2d, nn.BatchNorm3d),
        }
        self.norm = lambda width: names[norm][dimensions - 2](width, eps=1e-5, affine=True)
        self.slope, self.bias = slope, bias


def _stage(
    kind: _Kind, inputs: int, outputs: int, kernel: Sequence[int], stride: Sequence[int], count: int
) -> nn.Sequential:
    layers: list[nn.Module] = []
    ones = (1,) * len(tuple(kernel))
    padding = tuple((size - 1) // 2 for size in kernel)
    for channels, step in itertools.islice(
        itertools.chain([(inputs, tuple(stride))], itertools.repeat((outputs, ones))), count
    ):
        layers += [
            kind.convolution(channels, outputs, tuple(kernel), step, padding, bias=kind.bias),
            kind.norm(outputs),
            nn.LeakyReLU(kind.slope, inplace=True),
        ]
    return nn.Sequential(*layers)
