"""The U-Net arranged for speed: the same function as ``SpineLib.networks.unet.UNet``, up to rounding."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from SpineLib.networks.unet import UNet, through_upsampling


class FastNetwork:
    """A trained U-Net for inference on one device in one precision.

    What is changed, none of it approximate:

    - batch normalisation is folded into the convolution before it,
    - arrays are channels-last, which the CPU's and GPU's fast kernels want,
    - "upsample by 2, concatenate the skip connection, convolve" becomes a transposed convolution (kernel 4, stride 2,
      weights summed up accordingly) of the low level plus a convolution of the skip connection: half the work, and
      neither the upsampled nor the concatenated array is ever stored.

    Args:
        network: the trained network (it is not changed).
        device: where it runs.
        dtype: ``torch.float32``, ``bfloat16`` or ``float16``; sums are in float32 inside the kernels in any case.
    """

    def __init__(self, network: UNet, device: str, dtype: torch.dtype):
        network.eval()
        self.device, self.dtype, self.dimensions, self.multiple = device, dtype, network.dimensions, network.multiple
        self._format = torch.channels_last if self.dimensions == 2 else torch.channels_last_3d
        self._convolve = F.conv2d if self.dimensions == 2 else F.conv3d
        self._transposed = F.conv_transpose2d if self.dimensions == 2 else F.conv_transpose3d
        self._down = [[self._folded(level, at) for at in (0, 3)] for level in network.down]
        self._up = []
        below = network.widths[-1]
        for level in network.up:
            first, bias = self._folded(level, 0)
            low = through_upsampling(first[:, :below].float())
            self._up.append((self._ready(low), self._ready(first[:, below:]), bias, self._folded(level, 3)))
            below = first.shape[0]
        self._last = (
            self._ready(network.last.weight.detach()),
            self._ready(network.last.get_parameter("bias").detach()),
        )
        self._costs = self._cost_of_layers()

    def _ready(self, tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.to(self.device, self.dtype)
        return tensor.contiguous(memory_format=self._format) if tensor.dim() == self.dimensions + 2 else tensor

    def _folded(self, level: nn.Module, at: int) -> tuple[torch.Tensor, torch.Tensor]:
        convolution, normalisation = list(level.children())[at : at + 2]
        assert isinstance(convolution, (nn.Conv2d, nn.Conv3d))
        assert isinstance(normalisation, (nn.BatchNorm2d, nn.BatchNorm3d))
        layer = fuse_conv_bn_eval(convolution, normalisation)
        return self._ready(layer.weight.detach()), self._ready(layer.get_parameter("bias").detach())

    def _cost_of_layers(self) -> list[float]:
        """Share of the work done after each layer, 0 to 1."""
        costs: list[float] = []
        for depth, level in enumerate(self._down):
            costs += [weight.numel() / 2 ** (self.dimensions * depth) for weight, _ in level]
        for depth, (low, skip, _, (second, _)) in zip(reversed(range(len(self._up))), self._up):
            work = low.numel() / 2**self.dimensions + skip.numel(), second.numel()
            costs += [value / 2 ** (self.dimensions * depth) for value in work]
        total, done, shares = sum(costs), 0.0, []
        for cost in costs:
            done += cost
            shares.append(done / total)
        return shares

    def __call__(
        self,
        x: torch.Tensor,
        tick: Callable[[float], None] = lambda fraction: None,
        seen: Callable[[int, torch.Tensor], None] | None = None,
    ) -> torch.Tensor:
        """Probabilities.

        Args:
            x: float32 on the CPU, shape (n, c, [s,] y, x), each spatial size a multiple of ``multiple``.
            tick: called after each layer with the share of the work that is done; may raise to stop.
            seen: given each level on the way down, 0 the finest, and its maps (n, c, [s,] y, x).

        Returns:
            Float32 on the CPU, shape (n, [s,] y, x).
        """
        shares = iter(self._costs)

        def done(array: torch.Tensor) -> torch.Tensor:
            if self.device == "cuda":
                torch.cuda.synchronize()  # else the whole network is queued at once and nothing can be told or stopped
            tick(next(shares))
            return array

        with torch.inference_mode():
            x = x.to(self.device, self.dtype).contiguous(memory_format=self._format)
            skips: list[torch.Tensor] = []
            for depth, level in enumerate(self._down):
                for stride, (weight, bias) in zip((1 + (depth > 0), 1), level):
                    x = done(self._convolve(x, weight, bias, stride=stride, padding=1).relu_())
                skips.append(x)
                if seen is not None:
                    seen(depth, x)
            skips.pop()
            for low, skip, bias, (weight, second_bias) in self._up:
                x = self._transposed(x, low, bias, stride=2, padding=1)
                x += self._convolve(skips.pop(), skip, None, padding=1)
                x = done(x.relu_())
                x = done(self._convolve(x, weight, second_bias, padding=1).relu_())
            return torch.sigmoid(self._convolve(x, *self._last).float())[:, 0].cpu()
