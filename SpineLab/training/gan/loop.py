"""One training of a GAN: both losses, and a whole one from label files to bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from SpineLab.training.checkpoint import LAST, load_checkpoint, optimizer_tensors, restore_optimizer, save_checkpoint
from SpineLab.training.export import Labels
from SpineLab.training.facts import write_facts
from SpineLab.training.gan.config import GanConfig, GanOptimisation, GanValidation
from SpineLab.training.gan.export import export
from SpineLab.training.gan.pretraining import Encoder, autoencoder_loss
from SpineLab.training.gan.sampling import Sampler
from SpineLab.training.gan.stacks import Stack
from SpineLab.training.gan.validation import HeldOut, held_out_slices, repaired
from SpineLab.training.loop import Run, batches_of, compute_device, drive
from SpineLab.training.split import share_of, split
from SpineLib.inference.layout import laid_out
from SpineLib.models import ModelBundle
from SpineLib.networks.gan import Gan


class GanRun(Run):
    """Generator and critic, an optimizer for each, and their losses.

    WGAN-GP: the critic maximises D(real) - D(fake) less the gradient penalty (equation 1 of the paper, algorithm 1 of
    Gulrajani et al.), the generator maximises D(fake). DCGAN: the discriminator minimises the cross entropy, the
    generator maximises log D(fake) (Goodfellow et al. 2014, section 3). Before, where the configuration says so, the
    generator is the decoder of an autoencoder.

    Args:
        config: all settings.
        held_out: slices that choose the best weights.
        folder: gets checkpoints.
        device: to compute on.
    """

    network: Gan
    settings: GanOptimisation

    def __init__(self, config: GanConfig, held_out: HeldOut, folder: Path, device: torch.device):
        torch.manual_seed(config.sampling.seed)
        self.config, self.held_out, settings = config, held_out, config.optimisation
        network = laid_out(initial_gan(config), device, torch.channels_last)
        adam: dict[str, Any] = {"lr": settings.rate, "betas": (settings.beta1, settings.beta2)}
        self.critic_optimizer = torch.optim.Adam(network.critic.parameters(), **adam)
        self.encoder = laid_out(Encoder(network.generator), device, torch.channels_last)
        self.autoencoder_optimizer = torch.optim.Adam([*self.encoder.parameters(), *network.generator.parameters()])
        super().__init__(network, torch.optim.Adam(network.generator.parameters(), **adam), settings, folder, device)

    @property
    def pretraining(self) -> bool:
        """Whether the generator is still an autoencoder's decoder."""
        return self.done < self.config.pretraining.share

    def train_step(self, batch: torch.Tensor) -> float:
        """The critic's steps, one on each part of the batch, then the generator's; the critic's mean loss.

        While the generator is pretrained instead: one step of the autoencoder on the whole batch, and its loss.
        """
        if self.pretraining:
            return self._pretrain_step(batch)
        for group in self.critic_optimizer.param_groups:
            group["lr"] = self.rate
        self.network.train()
        losses = []
        for real in batch.to(self.device).split(self.config.sampling.batch):
            loss = self.critic_loss(real.contiguous(memory_format=torch.channels_last))
            self.critic_optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.critic_optimizer.step()
            losses.append(float(loss.detach()))
        self.critic_optimizer.zero_grad(set_to_none=True)
        self.network.critic.requires_grad_(False)
        made = super().train_step(batch)
        self.network.critic.requires_grad_(True)
        return sum(losses) / len(losses) if np.isfinite(made) else made

    def _pretrain_step(self, batch: torch.Tensor) -> float:
        settings = self.config.pretraining
        for group in self.autoencoder_optimizer.param_groups:
            group["lr"] = settings.rate * (1 - 0.9 * self.done / settings.share)
        self.network.train()
        images = batch.to(self.device, memory_format=torch.channels_last)
        loss = autoencoder_loss(self.encoder, self.network.generator, images, settings.weight, self.autocast)
        self.autoencoder_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.autoencoder_optimizer.step()
        self.advance()
        return float(loss.detach())

    def critic_loss(self, real: torch.Tensor) -> torch.Tensor:
        """Of real images (n, 1, 64, 64) and as many made ones."""
        critic = self.network.critic
        with torch.no_grad(), self.autocast():
            made = self.network.generator(self.noise(len(real))).float()
        with self.autocast():
            if self.config.kind == "dcgan":  # each kind in a batch of its own (Radford et al., batch normalisation)
                return _cross_entropy(critic(real), 1.0) + _cross_entropy(critic(made), 0.0)
            values = critic(torch.cat([real, made])).float()
        penalty = gradient_penalty(critic, real, made, self.autocast)
        return values[len(real) :].mean() - values[: len(real)].mean() + self.settings.penalty * penalty

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        """The generator's, of as many images as a step of the critic sees."""
        with self.autocast():
            value = self.network.critic(self.network.generator(self.noise(self.config.sampling.batch))).float()
        return _cross_entropy(value, 1.0) if self.config.kind == "dcgan" else -value.mean()

    def noise(self, number: int) -> torch.Tensor:
        """(number, latent), standard normal."""
        return torch.randn(number, self.config.latent, device=self.device)

    def figures(self, network: nn.Module) -> dict[str, float]:
        return repaired(cast(Gan, network), self.held_out, self.config.validation.steps)

    def look(self) -> dict[str, float]:
        """As of any training, but weights that no critic has seen yet are never the best."""
        if not self.pretraining:
            return super().look()
        self.judged.eval()
        return self.figures(self.judged)

    def save(self) -> None:
        tensors = {
            "network": self.network.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
            "critic_optimizer": optimizer_tensors(self.critic_optimizer),
        }
        if self.config.pretraining.share:
            tensors |= {
                "encoder": self.encoder.state_dict(),
                "autoencoder_optimizer": optimizer_tensors(self.autoencoder_optimizer),
            }
        if self.average is not None:
            tensors["average"] = self.average.state_dict()
        save_checkpoint(self.folder / LAST, tensors, {"step": self.step, "best": self.best, "seconds": self.seconds})

    def resume(self, report: Callable[[str], None]) -> None:
        super().resume(report)
        if not (self.folder / LAST).is_file():
            return
        groups = load_checkpoint(self.folder / LAST)[0]
        restore_optimizer(self.critic_optimizer, groups.get("critic_optimizer", {}))
        if "encoder" in groups:
            self.encoder.load_state_dict(groups["encoder"])
            restore_optimizer(self.autoencoder_optimizer, groups.get("autoencoder_optimizer", {}))


def gradient_penalty(critic: nn.Module, real: torch.Tensor, made: torch.Tensor, autocast) -> torch.Tensor:
    """Mean of (|gradient of D at x| - 1)^2 at random places x between real and made images (equation 1)."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (share * real + (1 - share) * made).requires_grad_(True)
    with autocast():
        values = critic(between).float()
    (gradient,) = torch.autograd.grad(values.sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def initial_gan(config: GanConfig) -> Gan:
    """The networks with random weights: DCGAN's from N(0, 0.02) (Radford et al., section 4), WGAN-GP's as He et al."""
    gan = Gan(config.kind, config.latent, config.widths)
    for module in gan.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            if config.kind == "dcgan":
                nn.init.normal_(module.weight, std=0.02)
            else:
                # Of a transposed convolution of stride 2, a pixel sees a quarter of the kernel.
                seen = (
                    module.in_channels * 25 / 4 if isinstance(module, nn.ConvTranspose2d) else module.weight[0].numel()
                )
                nn.init.normal_(module.weight, std=float(np.sqrt(2 / seen)))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return gan


def _cross_entropy(logits: torch.Tensor, wanted: float) -> torch.Tensor:
    logits = logits.float()
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, wanted))


def run_training(
    config: GanConfig,
    stacks: list[Stack],
    out: Path,
    *,
    sources: str = "",
    command: str = "",
    model_id: str = "",
    report: Callable[[str], None] = lambda text: None,
) -> ModelBundle:
    """Train in ``out`` (or go on there), and write the bundle ``out / "model"``.

    Args:
        config: all settings.
        stacks: vertebrae to train on, and to choose the weights by.
        sources: where they come from and their licences, for the card.

    Raises:
        SpineError: data or settings cannot be used.
        Cancelled: Ctrl-C.
    """
    training, held_out = split_stacks(stacks, config.validation, config.sampling.seed)
    sampler = Sampler(training, config.sampling, config.augmentation)
    names = {
        key: sorted({stack.patient for stack in group})
        for key, group in (("training", training), ("held_out", held_out))
    }
    data = {
        "simulated": any(stack.simulated for stack in training),
        "description": sources,
        "simulated_cases": len({stack.patient for stack in training if stack.simulated}),
        "training_vertebrae": len(training),
        "held_out_vertebrae": len(held_out),
    }
    write_facts(out, "gan", command, config.to_dict(), data, names)
    report(f"{len(training)} vertebrae to train on, {len(held_out)} held out.")
    looked_at = held_out_slices(held_out, config.validation.slices, config.sampling.seed)
    run = GanRun(config, looked_at, out, compute_device())

    def batches(start: int) -> Iterator[torch.Tensor]:
        torch.manual_seed(config.sampling.seed + start)  # noise goes on otherwise than it began
        size = config.sampling.batch * config.optimisation.critic_steps
        pretraining = config.pretraining.batch
        return batches_of(lambda step: sampler.batch(step, pretraining if run.pretraining else size))(start)

    drive(run, batches, config.validation.every, report)
    return export(out, out / "model", Labels(model_id))


def split_stacks(stacks: list[Stack], settings: GanValidation, seed: int) -> tuple[list[Stack], list[Stack]]:
    """Vertebrae to train on, and those that choose the weights: patients are on one side.

    Simulated patients are held out where there are enough of them, for real ones are rare.

    Raises:
        SpineError: there is one patient only.
    """
    simulated = {stack.patient for stack in stacks if stack.simulated}
    patients = sorted(simulated) if len(simulated) > 1 else sorted({stack.patient for stack in stacks})
    _, held, _ = split(patients, (seed, 33), share_of(settings.share, settings.most), what="patient")
    training = [stack for stack in stacks if stack.patient not in held]
    return training, [stack for stack in stacks if stack.patient in held]
