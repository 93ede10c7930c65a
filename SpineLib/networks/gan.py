"""WGAN-GP and DCGAN on 64 x 64 images of vertebrae: Miao et al., Spinal neoplasm image inpainting with deep
convolutional neural networks, sections II.D and III.C, Table II; Gulrajani et al. (2017); Radford et al. (2016)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

KINDS = ("wgan-gp", "dcgan")
#: Pixels a side of the images.
SIZE = 64
#: Length of the noise, and channels at 32, 16, 8 and 4 pixels a side. The paper gives neither; these are Radford's.
LATENT, WIDTHS = 100, (64, 128, 256, 512)
#: Pixels a side where the noise becomes an image, and LeakyReLU's slope in the critic.
START = SIZE // 16
SLOPE = 0.2


class Generator(nn.Module):
    """Noise to image: a projection to 4 x 4 pixels, then four transposed convolutions of kernel 5 and stride 2.

    WGAN-GP: ReLU, sigmoid at the end, no batch normalisation. DCGAN: batch normalisation, ReLU, tanh at the end, which
    is brought from -1..1 to 0..1 so that both kinds make the same images (Table II).

    Args:
        kind: one of :data:`KINDS`.
        latent: length of the noise.
        widths: channels at 32, 16, 8 and 4 pixels a side.
    """

    def __init__(self, kind: str = "wgan-gp", latent: int = LATENT, widths: Sequence[int] = WIDTHS):
        super().__init__()
        _check(kind, latent, widths)
        self.kind, self.latent, self.widths = kind, latent, tuple(widths)
        normalised = kind == "dcgan"
        self.project = nn.Linear(latent, widths[3] * START**2, bias=not normalised)
        outputs = (widths[2], widths[1], widths[0], 1)
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 5, stride=2, padding=2, output_padding=1, bias=not normalised or b == 1)
            for a, b in zip((widths[3], *outputs), outputs)
        )
        # Radford et al.: not on the generator's last layer, which has to get the right mean and contrast.
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) if normalised else nn.Identity() for width in reversed(widths))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Images.

        Args:
            z: shape (n, latent), standard normal.

        Returns:
            Shape (n, 1, 64, 64), 0 background to 1 vertebra.
        """
        x = self.project(z).view(-1, self.widths[3], START, START)
        for norm, layer in zip(self.norms, self.layers):
            x = layer(torch.relu(norm(x)))
        return (torch.tanh(x) + 1) / 2 if self.kind == "dcgan" else torch.sigmoid(x)


class Critic(nn.Module):
    """Image to one number, the higher the more real: four convolutions of kernel 5 and stride 2, and a weighted sum.

    LeakyReLU of slope 0.2. WGAN-GP: no batch normalisation, which its gradient penalty of each image forbids. DCGAN:
    with batch normalisation (not on the first layer), and a sigmoid in :meth:`probability` (Table II).

    Args:
        kind, widths: as :class:`Generator`.
    """

    def __init__(self, kind: str = "wgan-gp", widths: Sequence[int] = WIDTHS):
        super().__init__()
        _check(kind, 1, widths)
        self.kind, self.widths = kind, tuple(widths)
        normalised = kind == "dcgan"
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 5, stride=2, padding=2, bias=not normalised or a == 1) for a, b in zip((1, *widths), widths)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width) if normalised and n else nn.Identity() for n, width in enumerate(widths)
        )
        self.last = nn.Linear(widths[3] * START**2, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The critic's value, or the logit of the discriminator's probability.

        Args:
            images: shape (n, 1, 64, 64), 0 to 1.

        Returns:
            Shape (n,).
        """
        x = images * 2 - 1
        for layer, norm in zip(self.layers, self.norms):
            x = functional.leaky_relu(norm(layer(x)), SLOPE)
        return self.last(x.flatten(1)).squeeze(1)

    def probability(self, images: torch.Tensor) -> torch.Tensor:
        """DCGAN's D: the probability, 0 to 1, that the images are real; a Wasserstein critic has none."""
        if self.kind != "dcgan":
            raise ValueError("a Wasserstein critic gives no probability")
        return torch.sigmoid(self.forward(images))


class Gan(nn.Module):
    """``generator`` and ``critic`` together, as a model bundle holds them.

    Args:
        kind, latent, widths: as :class:`Generator`; the critic has the same widths the other way round.
    """

    def __init__(self, kind: str = "wgan-gp", latent: int = LATENT, widths: Sequence[int] = WIDTHS):
        super().__init__()
        self.kind = kind
        self.generator, self.critic = Generator(kind, latent, widths), Critic(kind, widths)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Images of noise (n, latent), as :meth:`Generator.forward`."""
        return self.generator(z)


def _check(kind: str, latent: int, widths: Sequence[int]) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, not one of {', '.join(KINDS)}")
    if latent < 1 or len(widths) != 4 or min(widths) < 1:
        raise ValueError(f"latent={latent} and widths={tuple(widths)} make no GAN; four widths are needed")
