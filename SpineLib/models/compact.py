"""Weights as files hold them: in half precision, or in eight bits with a scale for each output channel.

Eight bits halve a model's file, and with it what a repository keeps of each version for ever; the scales fit the
largest weight of each output channel (symmetric quantisation of weights alone, as in Krishnamoorthi, Quantizing deep
convolutional networks for efficient inference, 2018, section 2.1). Networks compute with the weights in floating point.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

#: Ends the name of the float32 scales (channels,) of a tensor of eight-bit integers.
SCALE = ".scale"
_LARGEST = 127


def halved(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Floating-point tensors in half precision, others as they are."""
    return {name: value.half() if value.is_floating_point() else value for name, value in state.items()}


def compacted(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Floating-point tensors of two or more axes in eight bits, the first axis being the output channels.

    Returns:
        int8 tensors under their names and their scales under the names with :data:`SCALE`; all else as :func:`halved`.
    """
    import torch

    stored: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if not value.is_floating_point() or value.ndim < 2:
            stored |= halved({name: value})
            continue
        value = value.float()
        scale = value.abs().flatten(1).amax(dim=1) / _LARGEST
        each = scale.clamp_min(torch.finfo(scale.dtype).tiny).view(-1, *[1] * (value.ndim - 1))
        stored[name] = (value / each).round().clamp(-_LARGEST, _LARGEST).to(torch.int8)
        stored[name + SCALE] = scale
    return stored


def expanded(stored: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What a file holds as a network takes it: floating-point tensors in float32, eight-bit ones times their scales.

    Raises:
        ValueError: scales without their tensor or of another shape than its output channels', or a tensor without them.
    """
    import torch

    scales = {name: value for name, value in stored.items() if name.endswith(SCALE)}
    state = {
        name: value.float() if value.is_floating_point() else value
        for name, value in stored.items()
        if name not in scales
    }
    for name, scale in scales.items():
        value = state.get(name.removesuffix(SCALE))
        if value is None or value.dtype != torch.int8 or value.ndim < 2 or scale.shape != value.shape[:1]:
            raise ValueError(f"'{name}' does not fit")
        state[name.removesuffix(SCALE)] = value.float() * scale.float().view(-1, *[1] * (value.ndim - 1))
    if any(value.dtype == torch.int8 for value in state.values()):
        raise ValueError("eight-bit weights lack their scales")
    return state
