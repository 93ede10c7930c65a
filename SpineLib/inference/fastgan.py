"""The GAN arranged for speed: the same two functions as in ``SpineLib.networks.gan``, up to rounding."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from SpineLib.inference.layout import laid_out
from SpineLib.networks.gan import SLOPE, START, Critic, Generator


class FastGan:
    """A trained generator and critic for descents to noise: gradients reach the noise, never the weights.

    What is changed, none of it approximate:

    - images are held as four parts, (n, 4, 32, 32): their pixels of even and odd rows and columns. The layers of one
      channel at full size, kernel 5 and stride 2, become layers of four channels at half the size, kernel 3 and stride
      1: the same products, but in the shape that matrix units are made for.
    - batch normalisation is folded into the layer before it,
    - arrays are channels-last from the first layer to the last, and weights are brought into the precision once.

    Args:
        generator, critic: the trained networks, of one kind (they are not changed).
        dtype: ``torch.float32`` or ``bfloat16``; sums are in float32 inside the kernels in any case.
    """

    def __init__(self, generator: Generator, critic: Critic, dtype: torch.dtype):
        self.latent, self.device, self.dtype = generator.latent, generator.project.weight.device, dtype
        self._squash = torch.tanh if generator.kind == "dcgan" else torch.sigmoid
        self._signed, self._width = generator.kind == "dcgan", generator.widths[-1]
        self._project = self._projection(generator)
        self._up = [self._folded(layer, norm, 1) for layer, norm in zip(generator.layers, list(generator.norms)[1:])]
        last = generator.layers[-1]
        # A transposed convolution reads its kernel backwards.
        weight = _phases(last.get_parameter("weight").detach()[:, 0]).flip(3, 4).movedim(0, 2).flatten(0, 1)
        self._last_up = self._ready(weight), self._ready(last.get_parameter("bias").detach().repeat(4))
        (weight, bias), *down = (_with_norm(layer, norm, 0) for layer, norm in zip(critic.layers, critic.norms))
        self._first_down = self._ready(_phases(weight[:, 0]).flatten(1, 2)), self._ready(bias)
        self._down = [(self._ready(weight), self._ready(bias)) for weight, bias in down]
        weight = critic.last.weight.detach().view(self._width, -1).T.reshape(1, -1)
        self._value = self._ready(weight), self._ready(critic.last.bias.detach())

    def _projection(self, generator: Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Noise to 4 x 4 pixels, channels last, normalised."""
        layer, cells = generator.project, START**2
        weight = layer.weight.detach().view(self._width, cells, -1)
        bias = weight.new_zeros(self._width * cells) if layer.bias is None else layer.bias.detach()
        scale, shift = _affine(generator.norms[0], self._width, self.device)
        bias = bias.view(self._width, cells) * scale[:, None] + shift[:, None]
        return self._ready((weight * scale[:, None, None]).transpose(0, 1).flatten(0, 1)), self._ready(bias.T.flatten())

    def _ready(self, tensor: torch.Tensor) -> torch.Tensor:
        layout = torch.channels_last if tensor.dim() == 4 else torch.contiguous_format
        return tensor.to(self.dtype).contiguous(memory_format=layout)

    def _folded(self, layer: nn.Module, norm: nn.Module, outputs: int) -> tuple[torch.Tensor, torch.Tensor]:
        weight, bias = _with_norm(layer, norm, outputs)
        return self._ready(weight), self._ready(bias)

    def parts(self, images: torch.Tensor) -> torch.Tensor:
        """Images (n, 1, 64, 64), 0..1, as parts (n, 4, 32, 32) in this form's precision."""
        return functional.pixel_unshuffle(images, 2).to(self.dtype).contiguous(memory_format=torch.channels_last)

    def images(self, parts: torch.Tensor) -> torch.Tensor:
        """The inverse of :meth:`parts`, float32."""
        return functional.pixel_shuffle(parts.float(), 2)

    def generate(self, z: torch.Tensor) -> torch.Tensor:
        """The parts (n, 4, 32, 32), 0..1, of the images of noise (n, latent)."""
        x = torch.relu(functional.linear(z.to(self.dtype), *self._project))
        x = x.view(-1, START, START, self._width).permute(0, 3, 1, 2)
        for weight, bias in self._up:
            x = functional.conv_transpose2d(x, weight, bias, stride=2, padding=2, output_padding=1).relu_()
        x = self._squash(functional.conv2d(x, *self._last_up, padding=1))
        return (x + 1) / 2 if self._signed else x

    def judge(self, parts: torch.Tensor) -> torch.Tensor:
        """The critic's value, or the discriminator's logit, (n,), float32, of images in parts."""
        # Not folded into the first layer: beyond the border the critic sees 0, which is grey, not background.
        x = functional.leaky_relu_(functional.conv2d(parts * 2 - 1, *self._first_down, padding=1), SLOPE)
        for weight, bias in self._down:
            x = functional.leaky_relu_(functional.conv2d(x, weight, bias, stride=2, padding=2), SLOPE)
        return functional.linear(x.permute(0, 2, 3, 1).flatten(1), *self._value).squeeze(1).float()


class PlainGan:
    """Any generator and critic as they were trained, behind the same methods; parts are whole images.

    Args:
        generator: noise (n, latent) to images (n, 1, 64, 64), 0..1; has ``latent``.
        critic: images to values (n,).
        dtype: as of :class:`FastGan`; bfloat16 is torch's autocast.
    """

    def __init__(self, generator: nn.Module, critic: nn.Module, dtype: torch.dtype):
        self.latent, self.dtype = cast(int, generator.latent), torch.float32
        self.device = next(generator.parameters()).device
        self._generator, self._critic = (
            laid_out(network.requires_grad_(False), self.device, torch.channels_last)
            for network in (copy.deepcopy(generator), copy.deepcopy(critic))
        )
        self._reduced = dtype == torch.bfloat16

    def _precision(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._reduced)

    def parts(self, images: torch.Tensor) -> torch.Tensor:
        """The images."""
        return images

    def images(self, parts: torch.Tensor) -> torch.Tensor:
        """The images, float32."""
        return parts.float()

    def generate(self, z: torch.Tensor) -> torch.Tensor:
        """The images of noise, float32."""
        with self._precision():
            return self._generator(z).float()

    def judge(self, parts: torch.Tensor) -> torch.Tensor:
        """The critic's values, float32."""
        with self._precision():
            return self._critic(parts).float()


def arranged(generator: nn.Module, critic: nn.Module, dtype: torch.dtype, fast: bool = True) -> FastGan | PlainGan:
    """The networks in the fastest form that they have; without ``fast`` as they were trained."""
    if fast and isinstance(generator, Generator) and isinstance(critic, Critic):
        return FastGan(generator, critic, dtype)
    return PlainGan(generator, critic, dtype)


def _affine(norm: nn.Module, width: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """What a normalisation of trained statistics multiplies each channel by, and adds."""
    if isinstance(norm, nn.Identity):
        return torch.ones(width, device=device), torch.zeros(width, device=device)
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias.detach() - norm.running_mean * scale


def _with_norm(layer: nn.Module, norm: nn.Module, outputs: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of a convolution with the normalisation after it; ``outputs`` is the axis of its channels."""
    weight = layer.get_parameter("weight").detach()
    width = weight.shape[outputs]
    scale, shift = _affine(norm, width, weight.device)
    bias = 0 if layer.bias is None else layer.get_parameter("bias").detach()
    return weight * scale.view([width if axis == outputs else 1 for axis in range(4)]), bias * scale + shift


def _phases(kernel: torch.Tensor) -> torch.Tensor:
    """Kernels (c, 5, 5) of stride 2 as (c, 2, 2, 3, 3): of each even or odd row and column, at its own stride."""
    c = len(kernel)
    return functional.pad(kernel, (0, 1, 0, 1)).view(c, 3, 2, 3, 2).permute(0, 2, 4, 1, 3)
