"""A generator that begins as the decoder of a variational autoencoder.

Ours, not the paper's. A GAN needs tens of thousands of steps before its noise spans all vertebrae; an autoencoder sees
in each step what an image should have been, and is there in hundreds. Kingma and Welling, Auto-encoding variational
Bayes (2014); Larsen et al. (2016) bring the two together.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from SpineLib.networks.gan import Critic, Generator


class Encoder(nn.Module):
    """Images to noise: the convolutions of a WGAN-GP critic, with mean and logarithm of the variance of z at the end.

    Args:
        generator: whose noise it finds.
    """

    def __init__(self, generator: Generator):
        super().__init__()
        self.body = Critic("wgan-gp", generator.widths)
        self.body.last = nn.Linear(self.body.last.in_features, 2 * generator.latent)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and logarithm of the variance, each (n, latent), of images (n, 1, 64, 64), 0..1."""
        mean, variance = self.body(images).chunk(2, dim=1)
        return mean, variance.clamp(-8, 4)


def autoencoder_loss(
    encoder: Encoder, generator: Generator, images: torch.Tensor, weight: float, autocast
) -> torch.Tensor:
    """Negative evidence lower bound of an image in nats a pixel, averaged over images (n, 1, 64, 64).

    Args:
        weight: of the divergence of z from the standard normal distribution; 1 is the bound itself.
        autocast: makes the context to multiply in.
    """
    with autocast():
        mean, variance = (values.float() for values in encoder(images))
        z = mean + torch.exp(0.5 * variance) * torch.randn_like(mean)
        made = generator(z).float()
    wrong = functional.binary_cross_entropy(made.clamp(1e-4, 1 - 1e-4), images, reduction="none").sum(dim=(1, 2, 3))
    divergence = 0.5 * (mean.square() + variance.exp() - 1 - variance).sum(dim=1)
    return (wrong + weight * divergence).mean() / images[0].numel()
