"""Losses on logits."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from SpineLab.training.ranks import shared_sum


class TverskyLoss(nn.Module):
    """1 - Tversky index, of Salehi et al., Tversky loss function for image segmentation (MLMI 2017), equation 4.

    The index is TP / (TP + alpha FP + beta FN) with soft counts, 0 to 1. Hille et al. (2020), equation 1, print a
    factor 2 in the numerator, with which the "index" would run to 2 and the loss to -1; Salehi's formula has none. The
    sums run over the whole batch, not over each sample, so that samples without lesion have a use: their false
    positives count. There large lesions outweigh small ones, so ``by_sample`` mixes in the mean of the losses of the
    samples that have lesion, each for itself. Where several processes train together, sums and means run over all of
    them.

    Args:
        alpha: weight of false positives.
        beta: weight of false negatives; larger than ``alpha`` favours sensitivity.
        cross_entropy: weight of an added binary cross-entropy (0 in the paper).
        by_sample: share, 0 to 1, of the loss that is counted sample by sample; the first axis is that of the samples.
        smooth: added to numerator and denominator; makes the loss of an empty reference and prediction 0.
    """

    def __init__(
        self,
        alpha: float = 0.3,
        beta: float = 0.7,
        cross_entropy: float = 0.0,
        smooth: float = 1.0,
        by_sample: float = 0.0,
    ):
        super().__init__()
        self.alpha, self.beta, self.cross_entropy, self.smooth = alpha, beta, cross_entropy, smooth
        self.by_sample = by_sample

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar in float32; ``target`` holds 0 or 1 in the shape of ``logits``."""
        logits, target = logits.float(), target.float()
        probability = torch.sigmoid(logits)
        loss = self._loss(shared_sum(_sums(probability.reshape(1, -1), target.reshape(1, -1))))[0]
        if self.by_sample:
            probability, diseased = probability.flatten(1), target.flatten(1)
            with_lesion = diseased.any(dim=1)
            own = self._loss(_sums(probability[with_lesion], diseased[with_lesion]))
            single, count = shared_sum(torch.stack([own.sum(), with_lesion.sum().to(own)]))
            if count > 0:
                loss = (1 - self.by_sample) * loss + self.by_sample * single / count
        if self.cross_entropy:
            entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="sum")
            entropy, count = shared_sum(torch.stack([entropy, entropy.new_tensor(float(target.numel()))]))
            loss = loss + self.cross_entropy * entropy / count
        return loss

    def _loss(self, sums: torch.Tensor) -> torch.Tensor:
        """Of each row, shape (n,), from its three sums, shape (3, n)."""
        hit, said, true = sums
        false_positive, false_negative = said - hit, true - hit
        index = (hit + self.smooth) / (hit + self.alpha * false_positive + self.beta * false_negative + self.smooth)
        return 1 - index


def _sums(probability: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Hits, all that is said and all that is true of each row: (3, n) from (n, voxels)."""
    return torch.stack([(probability * target).sum(dim=1), probability.sum(dim=1), target.sum(dim=1)])
