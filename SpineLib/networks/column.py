"""A 3-D U-Net that says of each voxel which part of the column it is, and where the body of its vertebra lies."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

#: Channels of the output behind the parts: the way to the centre of the own vertebra's body along (z, y, x).
OFFSETS = 3


class ColumnNet(nn.Module):
    """Encoder and decoder with skip connections, instance normalisation, and two answers from one last convolution.

    Instances are told apart by voting, each voxel for the centre of the vertebra it belongs to (Neven et al., Instance
    segmentation by jointly optimizing spatial embeddings and clustering bandwidth, CVPR 2019, and for vertebrae
    Payer et al., VISAPP 2020, who look for the centres first): so an arch finds its body also where a lesion took the
    pedicles between them.

    Args:
        inputs: channels of the image.
        parts: number of parts, background included.
        widths: channels at each level, finest first.
        strides: (z, y, x) by which each level but the first is coarser than the one above it.
    """

    def __init__(self, inputs: int, parts: int, widths: Sequence[int], strides: Sequence[Sequence[int]]):
        super().__init__()
        if len(strides) != len(widths) - 1:
            raise ValueError(f"{len(widths)} widths need {len(widths) - 1} strides, not {len(strides)}")
        self.inputs, self.parts, self.widths = inputs, parts, tuple(widths)
        self.strides = tuple(tuple(stride) for stride in strides)
        self.down = nn.ModuleList(
            [_level(inputs, widths[0], (1, 1, 1))]
            + [_level(a, b, stride) for (a, b), stride in zip(itertools.pairwise(widths), self.strides)]
        )
        self.up = nn.ModuleList([_level(a + b, b, (1, 1, 1)) for a, b in itertools.pairwise(reversed(widths))])
        self.last = nn.Conv3d(widths[0], parts + OFFSETS, 1)

    @property
    def multiples(self) -> tuple[int, int, int]:
        """Each spatial size (z, y, x) of the input must be a multiple of these."""
        size = [1, 1, 1]
        for stride in self.strides:
            size = [a * b for a, b in zip(size, stride)]
        return (size[0], size[1], size[2])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of the parts, then offsets.

        Args:
            x: (n, inputs, z, y, x).

        Returns:
            (n, parts + 3, z, y, x); the last three are in units of ``SpineLib.tasks.column.parts.OFFSET_MM``.
        """
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
        skips.pop()
        for level, stride in zip(self.up, reversed(self.strides)):
            x = functional.interpolate(x, scale_factor=[float(step) for step in stride], mode="nearest")
            x = level(torch.cat([x, skips.pop()], dim=1))
        return self.last(x)


def _level(inputs: int, outputs: int, stride: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    z, y, x = stride
    for channels, step in ((inputs, (z, y, x)), (outputs, (1, 1, 1))):
        layers += [
            nn.Conv3d(channels, outputs, 3, stride=step, padding=1, bias=False),
            nn.InstanceNorm3d(outputs, affine=True),
            nn.LeakyReLU(0.01, inplace=True),
        ]
    return nn.Sequential(*layers)
