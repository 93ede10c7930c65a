"""Fitting the judge of regions: minutes on one core, all examples at every step."""

from __future__ import annotations

import torch
from torch.nn import functional

from SpineLab.training.ct_regions.examples import Examples
from SpineLib.networks.region_judge import RegionJudge
from SpineLib.progress import Progress, silent

HIDDEN, MEMBERS, STEPS = 6, 5, 250
_RATE, _DECAY, _NOISE = 0.02, 0.05, 0.1


def fitted(examples: Examples, seed: int = 0, progress: Progress = silent) -> RegionJudge:
    """A judge that has learned from the examples, in eval mode.

    Features are jittered by a tenth of their deviation, so that members do not learn single regions. It computes on one
    thread, whatever else was chosen.
    """
    threads = torch.get_num_threads()
    # Each step is a few milliseconds: threads that wait for each other at every sum cost a hundred times as much on a
    # machine whose cores are busy.
    torch.set_num_threads(1)
    try:
        return _fitted(examples, seed, progress)
    finally:
        torch.set_num_threads(threads)


def _fitted(examples: Examples, seed: int, progress: Progress) -> RegionJudge:
    torch.manual_seed(seed)
    features = torch.from_numpy(examples.features)
    weights = torch.from_numpy(examples.weights)
    judge = RegionJudge(features.shape[1], HIDDEN, MEMBERS)
    judge.mean.copy_(features.mean(0))
    judge.deviation.copy_(features.std(0) + 0.01)
    wanted = torch.from_numpy(examples.lesion).float().expand(MEMBERS, -1)
    optimiser = torch.optim.AdamW(judge.parameters(), _RATE, weight_decay=_DECAY)
    for step in range(STEPS):
        progress(step / STEPS, f"Step {step} of {STEPS}")
        jittered = features + _NOISE * judge.deviation * torch.randn_like(features)
        losses = functional.binary_cross_entropy_with_logits(judge.logits(jittered), wanted, reduction="none")
        loss = (losses * weights).sum() / (MEMBERS * weights.sum())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return judge.eval()
