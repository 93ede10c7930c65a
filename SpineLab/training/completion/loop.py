"""One training of the completion: its loss, and a whole one from label files to bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import nn

from SpineLab.training.completion.batches import Crops, tensors_of, with_reach
from SpineLab.training.completion.config import CompletionConfig
from SpineLab.training.completion.export import export_completion
from SpineLab.training.completion.samples import Sample, Source, read_samples
from SpineLab.training.loop import Run, drive, write_json
from SpineLib.errors import SpineError
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

    def __init__(self, config: CompletionConfig, held_out: Sequence[Sample], folder: Path, device: torch.device):
        torch.manual_seed(config.sampling.seed)
        self.config, self.held_out, settings = config, held_out, config.optimisation
        network = initial_completion(config).to(device, memory_format=torch.channels_last_3d)
        super().__init__(network, torch.optim.Adam(network.parameters(), lr=settings.rate), settings, folder, device)

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        channels, truth = (part.to(self.device) for part in batch)
        with self.autocast():
            found = self.network(channels.to(memory_format=torch.channels_last_3d))
        distance, dice = errors(channels, found.float(), truth)
        return (distance + self.settings.dice * (1 - dice)).mean()

    @torch.inference_mode()
    def figures(self, network: nn.Module) -> dict[str, float]:
        rows = {"": [], "mass_": []}
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
    nn.init.zeros_(network.last.bias)
    if config.init_from:
        card = (bundle := find_bundle(config.init_from)).card
        if card.task != "vertebra-completion" or tuple(card.network["widths"]) != config.widths:
            raise SpineError(
                f"The model '{card.id}' has another network than this training; start from a completion "
                f"with widths {list(config.widths)}."
            )
        network.load_state_dict(bundle.network().state_dict())
    return network


def run_completion_training(
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
    training, held_out = split(samples, config.validation.share, sampling.seed)
    out.mkdir(parents=True, exist_ok=True)
    write_json(
        out / "training.json",
        {
            "command": command,
            "config": config.to_dict(),
            "data": {
                "simulated": all(one.simulated for one in samples),
                "description": description,
                **{
                    f"{name}_{key}": value
                    for name, group in (("training", training), ("held_out", held_out))
                    for key, value in _counts(group).items()
                },
            },
        },
    )
    report(f"{len(training)} samples to train on, {len(held_out)} held out.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run, crops = CompletionRun(config, held_out, out, device), Crops(training, config)

    def batches(start: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return (crops.batch(step) for step in count(start))

    drive(run, batches, config.validation.every, report)
    return export_completion(out, out / "model", model_id=model_id)


def split(samples: Sequence[Sample], share: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Samples to train on and to choose the weights by; all of one vertebra are on one side.

    Raises:
        SpineError: there is one vertebra only.
    """
    vertebrae = sorted({(one.simulated, one.patient, one.label) for one in samples})
    if len(vertebrae) < 2:
        raise SpineError("One vertebra is too few to train on and to choose by; give more label files.")
    order = np.random.default_rng([seed, 23]).permutation(len(vertebrae))
    chosen = {vertebrae[n] for n in order[: max(1, round(share * len(vertebrae)))]}
    held = [one for one in samples if (one.simulated, one.patient, one.label) in chosen]
    return [one for one in samples if (one.simulated, one.patient, one.label) not in chosen], held


def _counts(samples: Sequence[Sample]) -> dict[str, int]:
    return {
        "samples": len(samples),
        "cases": len({one.patient for one in samples}),
        "vertebrae": len({(one.patient, one.label) for one in samples}),
        "simulated_vertebrae": len({(one.patient, one.label) for one in samples if one.simulated}),
    }
