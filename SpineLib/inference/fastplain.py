"""A plain U-Net for inference on one device in one precision, told of its progress stage by stage."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from SpineLib.inference.layout import laid_out
from SpineLib.networks.plain_unet import PlainUNet


class FastPlain:
    """A trained plain U-Net, arrays channels-last.

    Args:
        network: the trained network (it is not changed).
        device: where it runs.
        dtype: ``torch.float32`` or ``bfloat16``.
    """

    def __init__(self, network: PlainUNet, device: str, dtype: torch.dtype):
        self.device, self.dtype, self.multiple = device, dtype, network.multiple
        self._layout = torch.channels_last if network.dimensions == 2 else torch.channels_last_3d
        self._network = copy.deepcopy(network).eval().requires_grad_(False)
        laid_out(self._network.to(dtype), device, self._layout)
        stages = [*self._network.down, *self._network.up]
        self._shares = {id(stage): (number + 1) / len(stages) for number, stage in enumerate(stages)}
        self._tick: Callable[[float], None] = lambda fraction: None
        for stage in stages:
            stage.register_forward_hook(self._done)

    def _done(self, stage: nn.Module, inputs, output: torch.Tensor) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()  # else all is queued at once and nothing can be told or stopped
        self._tick(self._shares[id(stage)])

    def __call__(self, x: torch.Tensor, tick: Callable[[float], None] = lambda fraction: None) -> torch.Tensor:
        """Probability (n, ...) of the first output, float32, on the CPU, of an input (n, c, ...).

        ``tick`` is called after each stage with the share that is done; it may raise.
        """
        self._tick = tick
        with torch.inference_mode():
            x = x.to(self.device, self.dtype).contiguous(memory_format=self._layout)
            return torch.sigmoid(self._network(x).float())[:, 0].cpu()
