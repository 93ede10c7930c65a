"""Slices of a vertebra repaired by a GAN: the noise whose image fits what is known is found by gradient descent.

Miao et al., Spinal neoplasm image inpainting with deep convolutional neural networks, section II.D; Yeh et al.,
Semantic image inpainting with deep generative models (2017).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from SpineLib.inference.fastgan import FastGan, PlainGan, arranged
from SpineLib.inference.predict import choose_precision
from SpineLib.networks.arrays import array_of, tensor_of
from SpineLib.progress import Progress, silent

#: Gets the fraction done and the repaired slices so far, (n, 64, 64), 0..1.
Preview = Callable[[float, np.ndarray], None]

_REPORTS, _PREVIEWS = 50, 12
#: Pixels a side of the window in which a known pixel looks for unknown ones (Yeh et al., section 3.2).
_WINDOW = 7


@dataclass(frozen=True)
class GanSettings:
    """How the noise is found; the paper gives no values.

    Attributes:
        steps: of Adam.
        rate: of Adam at the start; it falls to a tenth along a half cosine.
        weight: lambda of equation 5, beside a contextual loss that is summed over pixels.
        prior: how much the noise is held near the middle of what the generator was trained on (times |z|^2 / 2); 0 is
            the paper, 1 fills held-out vertebrae a little better.
        tie: how much the noise of neighbouring slices is held together; 0 is the paper, each slice for itself.
        slice_mm: distance of neighbouring slices, for ``tie``.
        probability: the perceptual loss is log(1 - D(G(z))) of a discriminator that gives probabilities (DCGAN);
            otherwise -D(G(z)) of a Wasserstein critic.
        candidates: the descent begins at the best of so many draws of noise; 1 begins anywhere.
        restarts: so many descents for each slice; the one that fits its known pixels best is kept. Only without
            ``tie``: tied slices are one problem.
        precision: of the descent: "auto" (bfloat16 where the processor or GPU computes in it), "float32" or "bfloat16".
            The images that come out are always made in float32.
        fast: the networks in the form that is arranged for speed; otherwise as they were trained, which the benchmark
            compares with.
        near: known pixels count by how much unknown there is around them (Yeh et al., equation 3) instead of all alike.
        seed: of the draws.
    """

    steps: int = 200
    rate: float = 0.05
    weight: float = 0.1
    prior: float = 0.0
    tie: float = 0.0
    slice_mm: float = 1.0
    probability: bool = False
    candidates: int = 256
    restarts: int = 1
    near: bool = False
    precision: str = "auto"
    fast: bool = True
    seed: int = 0

    def __post_init__(self):
        if self.steps < 1 or self.candidates < 1 or self.restarts < 1:
            raise ValueError("steps, candidates and restarts must be at least 1")
        if self.rate <= 0 or self.slice_mm <= 0 or self.weight < 0 or self.tie < 0:
            raise ValueError("rate and slice_mm must be above 0, weight and tie from 0")
        if self.tie and self.restarts > 1:
            raise ValueError("tied slices have one descent: with tie, restarts must be 1")


def inpaint_slices(
    images: np.ndarray,
    known: np.ndarray,
    generator: nn.Module,
    critic: nn.Module,
    settings: GanSettings | None = None,
    progress: Progress = silent,
    preview: Preview | None = None,
) -> np.ndarray:
    """Fill what is not known of the slices: F' = M F + (1 - M) G(z) (equation 2), all slices in one batch.

    z minimises ``|M G(z) - M F|_1 + lambda L_perceptual`` (equations 3 and 5). The paper's perceptual loss,
    log(1 - D(G(z))) (equation 4), needs a D that is a probability, which the discriminator of DCGAN gives and the
    critic of WGAN-GP, that the paper uses it with, does not: its values have no bounds and no logarithm. What the
    critic's own generator minimised in training is -D(G(z)), and so that stands in its place.

    With ``tie`` the sum over neighbouring slices of ``tie |z(n+1) - z(n)|^2 / slice_mm`` is minimised too: the integral
    of the squared change of z along the vertebra, which asks the same of thick and of thin slices. Without it, slices
    do not know of each other: all in one batch give what each alone gives, and slices without a hole are left out.

    Args:
        images: (n, 64, 64), 0..1 as the GAN's training images; neighbouring slices in order. What lies in the unknown
            region is not looked at.
        known: (n, 64, 64), True where the image is to stay (the paper's M).
        generator: noise (n, latent) to images (n, 1, 64, 64), 0..1; has ``latent``; in eval mode.
        critic: images to values (n,): a critic's value, or a discriminator's logit.
        progress: may raise :class:`SpineLib.errors.Cancelled`.
        preview: gets the result as it is a dozen times.

    Returns:
        float32 (n, 64, 64), 0..1, equal to ``images`` where known; the same for the same input, settings and machine.

    Raises:
        ValueError: shapes that do not fit.
    """
    settings = settings or GanSettings()
    if images.ndim != 3 or images.shape != known.shape:
        raise ValueError(f"images of shape {images.shape} and known of shape {known.shape}; both must be (n, 64, 64)")
    holed = np.any(~known, axis=(1, 2))
    if not holed.any():
        return images.astype(np.float32)
    if not settings.tie and not holed.all():  # whole slices say nothing to the others
        result = images.astype(np.float32)

        def show(done: float, filled: np.ndarray) -> None:
            if preview is not None:
                preview(done, _placed(result, holed, filled))

        part = inpaint_slices(
            images[holed], known[holed], generator, critic, settings, progress, None if preview is None else show
        )
        return _placed(result, holed, part)
    device = next(generator.parameters()).device
    exact = arranged(generator, critic, torch.float32, settings.fast)
    reduced = choose_precision(settings.precision, device.type) == "bfloat16"
    gan = arranged(generator, critic, torch.bfloat16, settings.fast) if reduced else exact
    target = tensor_of(np.ascontiguousarray(images, np.float32))[:, None].to(device)
    kept = tensor_of(np.ascontiguousarray(known, bool))[:, None].to(device)
    weights = _importance(kept) if settings.near else kept.float()
    count, repeated = len(target), settings.restarts

    z = _first_noise(exact, target, weights, settings).requires_grad_(True)
    wanted, matters = (gan.parts(values.repeat(repeated, 1, 1, 1)) for values in (target, weights))
    optimizer = torch.optim.Adam([z], lr=settings.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps, settings.rate / 10)
    report_every = max(settings.steps // _REPORTS, 1)
    preview_every = max(settings.steps // _PREVIEWS, 1)
    for step in range(settings.steps):
        made = gan.generate(z)
        z.grad = _gradient(z, gan, made, wanted, matters, settings)
        optimizer.step()
        schedule.step()
        if step % report_every == 0:
            progress(step / settings.steps, "Repairing slices")
        if preview is not None and step % preview_every == 0:
            preview(step / settings.steps, _composed(target, kept, gan.images(made[:count])))
    with torch.no_grad():
        made = exact.images(exact.generate(z))
        misfit = (weights.repeat(repeated, 1, 1, 1) * (made - target.repeat(repeated, 1, 1, 1))).abs()
        best = misfit.sum(dim=(1, 2, 3)).view(repeated, count).argmin(dim=0)
        made = made.view(repeated, count, *made.shape[1:])[best, torch.arange(count, device=device)]
        result = _composed(target, kept, made)
    progress(1.0, "Repairing slices")
    if preview is not None:
        preview(1.0, result)
    return result


def _placed(whole: np.ndarray, chosen: np.ndarray, part: np.ndarray) -> np.ndarray:
    """A copy of the slices with other ones in the chosen places."""
    copied = whole.copy()
    copied[chosen] = part
    return copied


def _gradient(
    z: torch.Tensor,
    gan: FastGan | PlainGan,
    made: torch.Tensor,
    wanted: torch.Tensor,
    matters: torch.Tensor,
    settings: GanSettings,
) -> torch.Tensor:
    """Of the whole loss by z, without the loss itself: |x| falls by the sign of x, which needs no sum over pixels."""
    with torch.no_grad():
        pull = (made - wanted).sign_().mul_(matters)
    parts, pulls = [made], [pull]
    if settings.weight:
        value = gan.judge(made)
        parts.append(-functional.softplus(value) if settings.probability else -value)
        pulls.append(torch.full_like(value, settings.weight))
    if settings.prior or settings.tie:
        loose = settings.prior / 2 * z.square().sum()
        parts.append(loose + settings.tie / settings.slice_mm * (z[1:] - z[:-1]).square().sum())
        pulls.append(torch.ones_like(loose))
    return torch.autograd.grad(parts, z, pulls)[0]


def _first_noise(
    gan: FastGan | PlainGan, target: torch.Tensor, weights: torch.Tensor, settings: GanSettings
) -> torch.Tensor:
    """Noise to begin at, (restarts * n, latent): of the candidates, those whose images fit best.

    Drawn on the CPU and alike for all slices, so that the device, and how many slices there are, make no difference.
    """
    draws = torch.Generator().manual_seed(settings.seed)
    noise = torch.randn(max(settings.candidates, settings.restarts), gan.latent, generator=draws).to(target.device)
    if len(noise) == settings.restarts:
        return noise.repeat_interleave(len(target), dim=0)
    with torch.no_grad():
        images = gan.images(gan.generate(noise)).flatten(1)
        difference = torch.empty_like(images)  # made once: fresh memory for each slice costs more than the sums
        misfit = torch.stack(
            [
                torch.sub(images, wanted, out=difference).abs_() @ weight
                for wanted, weight in zip(target.flatten(1), weights.flatten(1))
            ]
        )
    order = misfit.argsort(dim=1, stable=True)[:, : settings.restarts]
    return noise[order.T.reshape(-1)].clone()


def _importance(kept: torch.Tensor) -> torch.Tensor:
    """Share of unknown pixels in the window around each known one; all 1 in a slice where everything is known."""
    unknown = functional.avg_pool2d((~kept).float(), _WINDOW, stride=1, padding=_WINDOW // 2)
    share = unknown * kept
    whole = kept.flatten(1).all(dim=1).view(-1, 1, 1, 1)
    return torch.where(whole, kept.float(), share)


def _composed(target: torch.Tensor, kept: torch.Tensor, made: torch.Tensor) -> np.ndarray:
    """Equation 2."""
    return array_of(torch.where(kept, target, made.detach())[:, 0])
