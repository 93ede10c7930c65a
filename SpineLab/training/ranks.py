"""Several processes that train one network together, as ``torchrun`` starts them: who leads, and what they share.

Each process ("rank") draws its own samples of a step. What a step counts over the whole batch, the loss's sums and the
statistics of batch normalisation, is counted over all ranks, and gradients are averaged: so n ranks with a batch each
train as one process does with n times the batch. Where there is one process only, all of it does nothing.
"""

from __future__ import annotations

import os
from datetime import timedelta

import torch
from torch import distributed, nn

#: How long one rank waits for another, which may be validating or preparing cases meanwhile.
_PATIENCE = timedelta(hours=3)


def started_together() -> bool:
    """Whether ``torchrun`` started this process beside others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def join() -> None:
    """Meet the others that ``torchrun`` started; with graphics cards each takes its own."""
    if started_together() and not distributed.is_initialized():
        cards = torch.cuda.is_available()
        if cards:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("nccl" if cards else "gloo", timeout=_PATIENCE)


def leave() -> None:
    """Part from the others."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def count() -> int:
    """How many train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """This process's number, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def leads() -> bool:
    """Whether this process is the one that writes, validates and reports."""
    return rank() == 0


def wait() -> None:
    """Until all have come here."""
    if count() > 1:
        distributed.barrier()


def shared_sum(values: torch.Tensor) -> torch.Tensor:
    """The sum over all ranks, through which gradients flow back to each."""
    return values if count() == 1 else _Sum.apply(values)


def average_gradients(network: nn.Module) -> None:
    """Replace each gradient by its mean over the ranks, in one message."""
    if count() == 1:
        return
    gradients = [one.grad for one in network.parameters() if one.grad is not None]
    together = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(together)
    together /= count()
    for gradient, mean in zip(gradients, together.split([gradient.numel() for gradient in gradients])):
        gradient.copy_(mean.view_as(gradient))


def agreed(seconds: float, stopped: bool, device: torch.device) -> tuple[float, bool]:
    """The leader's clock, and whether any rank was asked to stop: so all end at the same step."""
    both = torch.tensor([seconds if leads() else 0.0, float(stopped)], dtype=torch.float64, device=device)
    distributed.all_reduce(both)
    return float(both[0]), bool(both[1] > 0)


class _Sum(torch.autograd.Function):
    """Every rank's loss holds the sum, so what reaches a rank's own share is the sum of all gradients."""

    @staticmethod
    def forward(ctx, values: torch.Tensor) -> torch.Tensor:
        total = values.detach().clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total


class _AllBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation by the statistics of all ranks' samples."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return _normalised(self, input) if self.training and count() > 1 else super().forward(input)


class _AllBatchNorm3d(nn.BatchNorm3d):
    """Batch normalisation by the statistics of all ranks' samples."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return _normalised(self, input) if self.training and count() > 1 else super().forward(input)


def share_normalisation(network: nn.Module) -> None:
    """Let every batch normalisation count over all ranks; names of the weights stay.

    ``torch.nn.SyncBatchNorm`` does the same on graphics cards only.
    """
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = _AllBatchNorm2d
        elif type(module) is nn.BatchNorm3d:
            module.__class__ = _AllBatchNorm3d


def _normalised(norm: nn.BatchNorm2d | nn.BatchNorm3d, values: torch.Tensor) -> torch.Tensor:
    shape = (1, -1, *(1,) * (values.ndim - 2))
    axes = [0, *range(2, values.ndim)]
    full = values.float()
    number = full.numel() // full.shape[1] * count()
    mean = shared_sum(full.sum(axes)) / number
    centred = full - mean.view(shape)
    variance = shared_sum(centred.square().sum(axes)) / number
    if norm.track_running_stats and norm.running_mean is not None and norm.running_var is not None:
        with torch.no_grad():
            assert norm.num_batches_tracked is not None
            norm.num_batches_tracked += 1
            share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
            norm.running_mean.lerp_(mean, share)
            norm.running_var.lerp_(variance * number / max(number - 1, 1), share)
    scaled = centred * torch.rsqrt(variance + norm.eps).view(shape)
    if norm.affine:
        scaled = scaled * norm.weight.float().view(shape) + norm.bias.float().view(shape)
    return scaled.to(values.dtype)
