"""One training of the completion: its loss, and a whole one from label files to bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from SpineLab.training.completion.batches import Crops, tensors_of, with_reach
from SpineLab.training.completion.config import CompletionConfig, CompletionOptimisation, CompletionValidation
from SpineLab.training.completion.export import export
from SpineLab.training.completion.samples import Sample, Source, read_samples
from SpineLab.training.export import Labels
from SpineLab.training.facts import write_facts
from SpineLab.training.loop import Run, batches_of, compute_device, drive
from SpineLab.training.split import share_of, split
from SpineLib.errors import SpineError
from SpineLib.inference.layout import laid_out
from SpineLib.models import ModelBundle, find_bundle
from SpineLib.networks.unet import UNet
from SpineLib.tasks.inpainting.completion import CHANNELS, CUT_MM, STEP_MM

#: Errors count where the true or the found surface is so near, mm; the soft mask's ramp for the Dice, mm.
_NEAR_MM, _RAMP_MM = 4.0, 0.75


class CompletionRun(Run):
    """A 3-D U-Net that corrects the templates' mean, and the error of the distance where something was cut away.

    Args:
        config: all settings.
        held_out: samples that choose the best weights.
        folder: gets checkpoints.
        device: to compute on.
    """

    judged_by = "gained_mm"
    settings: CompletionOptimisation

    def __init__(self, config: CompletionConfig, held_out: Sequence[Sample], folder: Path, device: torch.device):
        torch.manual_seed(config.sampling.seed)
        self.config, self.held_out, settings = config, held_out, config.optimisation
        network = laid_out(initial_completion(config), device, torch.channels_last_3d)
        super().__init__(network, torch.optim.Adam(network.parameters(), lr=settings.rate), settings, folder, device)

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        channels, truth = (part.to(self.device) for part in batch)
        with self.autocast():
            found = self.network(channels.to(memory_format=torch.channels_last_3d))
        distance, dice = errors(channels, found.float(), truth)
        return (distance + self.settings.dice * (1 - dice)).mean()

    @torch.inference_mode()
    def figures(self, network: nn.Module) -> dict[str, float]:
        rows: dict[str, list] = {"": [], "mass_": []}
        for number, sample in enumerate(self.held_out):
            arrays = tensors_of(sample)
            wider = with_reach(arrays.numpy(), np.random.default_rng([self.config.sampling.seed, 31, number]))
            for name, part in (("", arrays), ("mass_", torch.from_numpy(wider))):
                rows[name].append(self._figures(network, part[None].to(self.device)))
        values = {
            f"{name}{key}": float(value)
            for name, found in rows.items()
            for key, value in zip(("dice", "distance_mm", "templates_mm"), np.mean(found, axis=0))
        }
        gained = [values[f"{name}templates_mm"] - values[f"{name}distance_mm"] for name in rows]
        return values | {"gained_mm": float(np.mean(gained))}

    def _figures(self, network: nn.Module, arrays: torch.Tensor) -> tuple[float, float, float]:
        channels, truth = arrays[:, :-1], arrays[:, -1:]
        with self.autocast():
            found = network(channels).float()
        distance, dice = errors(channels, found, truth)
        start, _ = errors(channels, torch.zeros_like(found), truth)
        return float(dice), float(distance), float(start)


def errors(channels: torch.Tensor, found: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each crop (n,): the distance's mean error (mm) near the surface where something was cut away, and soft Dice.

    Args:
        channels: (n, 7, w, v, u), as the network sees them.
        found: (n, 1, w, v, u), the network's correction in ``STEP_MM``.
        truth: (n, 1, w, v, u), in parts of ``CUT_MM``.
    """
    unknown = channels[:, CHANNELS.index("unknown")].unsqueeze(1)
    whole = CUT_MM * channels[:, CHANNELS.index("mean")].unsqueeze(1) + STEP_MM * found
    wanted = CUT_MM * truth
    near = unknown * ((wanted.abs() < _NEAR_MM) | (whole.detach().abs() < _NEAR_MM)).float()
    off = (whole.clamp(-CUT_MM, CUT_MM) - wanted).abs() * near
    axes = (1, 2, 3, 4)
    distance = off.sum(axes) / near.sum(axes).clamp_min(1)
    first, second = (torch.sigmoid(-part / _RAMP_MM * 2) * unknown for part in (whole, wanted))
    dice = (2 * (first * second).sum(axes) + 1) / ((first.square() + second.square()).sum(axes) + 1)
    return distance, dice


def initial_completion(config: CompletionConfig) -> UNet:
    """The network of the model to start from, or one with random weights that corrects nothing yet: its last layer is
    zero.

    Raises:
        SpineError: there is no such model, or its network is another one.
    """
    network = UNet(3, len(CHANNELS), config.widths)
    nn.init.zeros_(network.last.weight)
    nn.init.zeros_(network.last.get_parameter("bias"))
    if config.init_from:
        card = (bundle := find_bundle(config.init_from)).card
        if card.task != "vertebra-completion" or tuple(card.network["widths"]) != config.widths:
            raise SpineError(
                f"The model '{card.id}' has another network than this training; start from a completion "
                f"with widths {list(config.widths)}."
            )
        network.load_state_dict(bundle.network().state_dict())
    return network


def run_training(
    config: CompletionConfig,
    sources: Sequence[Source],
    out: Path,
    *,
    cache: Path | None = None,
    description: str = "",
    command: str = "",
    model_id: str = "",
    report: Callable[[str], None] = lambda text: None,
) -> ModelBundle:
    """Cut the pieces, train in ``out`` (or go on there), and write the bundle ``out / "model"``.

    Args:
        sources: label files.
        cache: folder for the samples; in ``out`` if None.
        description: of the sources and their licences, for the card.

    Raises:
        SpineError: data or settings cannot be used.
        Cancelled: Ctrl-C.
    """
    sampling = config.sampling
    samples = read_samples(
        sources, cache or out / "samples", sampling.seed, sampling.damages, lambda fraction, text: report(text)
    )
    training, held_out = split_samples(samples, config.validation, sampling.seed)
    counts = {
        f"{name}_{key}": value
        for name, group in (("training", training), ("held_out", held_out))
        for key, value in _counts(group).items()
    }
    data = {"simulated": any(one.simulated for one in samples), "description": description, **counts}
    write_facts(out, "completion", command, config.to_dict(), data)
    report(f"{len(training)} samples to train on, {len(held_out)} held out.")
    run = CompletionRun(config, held_out, out, compute_device())
    drive(run, batches_of(Crops(training, config).batch), config.validation.every, report)
    return export(out, out / "model", Labels(model_id))


def split_samples(
    samples: Sequence[Sample], settings: CompletionValidation, seed: int
) -> tuple[list[Sample], list[Sample]]:
    """Samples to train on and to choose the weights by; all of one vertebra are on one side.

    Raises:
        SpineError: there is one vertebra only.
    """

    def whose(one: Sample) -> tuple[bool, str, int]:
        return one.simulated, one.patient, one.label

    vertebrae = sorted({whose(one) for one in samples})
    _, chosen, _ = split(vertebrae, (seed, 23), share_of(settings.share, settings.most), what="vertebra")
    training = [one for one in samples if whose(one) not in chosen]
    return training, [one for one in samples if whose(one) in chosen]


def _counts(samples: Sequence[Sample]) -> dict[str, int]:
    return {
        "samples": len(samples),
        "cases": len({one.patient for one in samples}),
        "vertebrae": len({(one.patient, one.label) for one in samples}),
        "simulated_vertebrae": len({(one.patient, one.label) for one in samples if one.simulated}),
    }
