"""Where a network's weights lie."""

from __future__ import annotations

from typing import TypeVar

import torch

_Network = TypeVar("_Network", bound=torch.nn.Module)


def laid_out(network: _Network, device: str | torch.device, layout: torch.memory_format) -> _Network:
    """The network itself, on a device, its weights in a layout ("channels last"), which fast kernels want."""
    # torch takes this argument; its own annotations leave it out.
    return network.to(device, memory_format=layout)  # type: ignore[call-overload]
