"""Small networks side by side that tell lesions from a few numbers of each region; their answers are averaged."""

from __future__ import annotations

import torch
from torch import nn

#: Numbers count up to so many deviations from what was learned from.
_FARTHEST = 4.0


class RegionJudge(nn.Module):
    """Probability of a lesion.

    Args:
        inputs: numbers of a region.
        hidden: units of each member's one hidden layer.
        members: how many, each with its own start.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, inputs: int, hidden: int, members: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("deviation", torch.ones(inputs))
        self.members = nn.ModuleList(
            nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, 1)) for _ in range(members)
        )

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Of features (n, inputs): (members, n)."""
        scaled = ((features - self.mean) / self.deviation).clamp(-_FARTHEST, _FARTHEST)
        return torch.stack([member(scaled)[:, 0] for member in self.members])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Mean probability (n,) of features (n, inputs)."""
        return self.logits(features).sigmoid().mean(0)
