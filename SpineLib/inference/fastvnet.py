"""The V-Net arranged for speed: the same function as ``SpineLib.networks.vnet.VNet``, up to rounding."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from SpineLib.inference.layout import laid_out
from SpineLib.networks.vnet import VNet


class FastVNet:
    """A trained V-Net for inference on one device in one precision: normalisation folded in, arrays channels-last.

    Args:
        network: the trained network (it is not changed).
        device: where it runs.
        dtype: ``torch.float32``, ``bfloat16`` or ``float16``.
    """

    def __init__(self, network: VNet, device: str, dtype: torch.dtype):
        self.device, self.dtype, self.multiple = device, dtype, network.multiple
        self._network = copy.deepcopy(network).eval().requires_grad_(False)
        for step in self._network.modules():
            if isinstance(step, nn.Sequential):
                convolution, normalisation = step[0], step[1]
                assert isinstance(convolution, (nn.Conv2d, nn.ConvTranspose2d))
                assert isinstance(normalisation, nn.BatchNorm2d)
                transpose = isinstance(convolution, nn.ConvTranspose2d)
                step[0] = fuse_conv_bn_eval(convolution, normalisation, transpose=transpose)
                step[1] = nn.Identity()
        laid_out(self._network.to(dtype), device, torch.channels_last)
        groups = [*self._network.down, *reversed(self._network.up)]
        self._shares = {id(group): (number + 1) / len(groups) for number, group in enumerate(groups)}
        self._tick: Callable[[float], None] = lambda fraction: None
        for group in groups:
            group.register_forward_hook(self._done)

    def _done(self, group: nn.Module, inputs, output: torch.Tensor) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()  # else the whole network is queued at once and nothing can be told or stopped
        self._tick(self._shares[id(group)])

    def __call__(self, x: torch.Tensor, tick: Callable[[float], None] = lambda fraction: None) -> torch.Tensor:
        """Probability (n, y, x), float32, on the CPU, of an input (n, c, y, x) whose sizes are multiples of
        ``multiple``.

        ``tick`` is called after each group of convolutions with the share that is done; it may raise.
        """
        self._tick = tick
        with torch.inference_mode():
            x = x.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
            return torch.sigmoid(self._network(x).float())[:, 0].cpu()
