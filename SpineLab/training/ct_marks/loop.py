"""One training that marks lesions on CT: its loss, and a whole one from cases to bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from SpineLab.training.ct_marks.cases import MarkCase
from SpineLab.training.ct_marks.config import MarkConfig, MarkOptimisation
from SpineLab.training.ct_marks.export import export
from SpineLab.training.ct_marks.sampling import MarkSampler
from SpineLab.training.export import Labels
from SpineLab.training.facts import write_facts
from SpineLab.training.loop import Run, batches_of, compute_device, drive
from SpineLib.errors import SpineError
from SpineLib.inference.layout import laid_out
from SpineLib.models import ModelBundle
from SpineLib.networks.unet import UNet
from SpineLib.tasks.ct.lesion_marks import CHANNELS, KINDS


class MarkRun(Run):
    """The network, its optimizer and its loss.

    Args:
        config: all settings.
        held_out: cases that choose the best weights.
        folder: gets checkpoints.
        device: to compute on.
    """

    settings: MarkOptimisation

    def __init__(self, config: MarkConfig, held_out: Sequence[MarkCase], folder: Path, device: torch.device):
        torch.manual_seed(config.sampling.seed)
        self.config, settings = config, config.optimisation
        network = laid_out(UNet(3, CHANNELS, config.widths, len(KINDS)), device, torch.channels_last_3d)
        super().__init__(network, torch.optim.AdamW(network.parameters(), settings.rate), settings, folder, device)
        sampler = MarkSampler(held_out, config)
        rng = np.random.default_rng([config.sampling.seed, 11])
        self._looked_at = [
            sampler.patch(one, rng, augmented=False) for one in held_out for _ in range(config.validation.patches)
        ]

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        images, target = (part.to(self.device) for part in batch)
        with self.autocast():
            answer = self.network(images.to(memory_format=torch.channels_last_3d))
        return mark_loss(answer.float(), target, self.settings.lesion)

    @torch.inference_mode()
    def figures(self, network: torch.nn.Module) -> dict[str, float]:
        both = sums = right = there = 0.0
        false = empty = 0
        for image, target in self._looked_at:
            with self.autocast():
                answer = network(image[None].to(self.device)).float()[0].cpu()
            kinds, truth = answer.argmax(0), target > 0
            found = 1 - answer.softmax(0)[0] >= 0.5
            both, sums = both + float((found & truth).sum()), sums + float(found.sum() + truth.sum())
            right, there = right + float((kinds == target)[truth].sum()), there + float(truth.sum())
            if not truth.any():
                empty, false = empty + 1, false + int(found.sum() > 50)
        figures = {"dice": 2 * both / max(sums, 1.0), "kind_right": right / max(there, 1.0)}
        return figures | {"empty_marked": false / max(empty, 1)}


def mark_loss(answer: torch.Tensor, target: torch.Tensor, weight: float) -> torch.Tensor:
    """Cross-entropy, lesions weighted, and soft Dice of lesion of any kind.

    Args:
        answer: (n, kinds, z, y, x), logits.
        target: (n, z, y, x), kinds.
    """
    weights = answer.new_full((answer.shape[1],), weight)
    weights[0] = 1.0
    entropy = functional.cross_entropy(answer, target, weights, reduction="none").mean()
    lesion, truth = 1 - answer.softmax(1)[:, 0], (target > 0).float()
    overlap = 2 * (lesion * truth).sum() + 50
    return 4 * entropy + 1 - overlap / ((lesion.square() + truth).sum() + 50)


def run_training(
    config: MarkConfig,
    cases: Sequence[MarkCase],
    out: Path,
    *,
    origin: str = "",
    command: str = "",
    model_id: str = "",
    report: Callable[[str], None] = lambda text: None,
) -> ModelBundle:
    """Train in ``out`` (or go on there), and write the bundle ``out / "model"``.

    Args:
        config: all settings.
        cases: of :mod:`SpineLab.training.ct_marks.cases`; some simulated ones choose the weights.
        origin: where real cases and shapes come from, and their licence, for the card.
        command, model_id, report: as in the other trainings.

    Raises:
        SpineError: there are too few cases.
        Cancelled: Ctrl-C.
    """
    simulated = [one for one in cases if not one.real]
    if len(simulated) <= config.validation.cases:
        raise SpineError(f"There are {len(simulated)} simulated cases; more than {config.validation.cases} are needed.")
    held_out = simulated[: config.validation.cases]
    training = simulated[config.validation.cases :] + [one for one in cases if one.real]
    data = {
        "simulated": True,
        "description": f"{len(simulated)} simulated CTs with lesions, and {len(cases) - len(simulated)} real ones "
        f"without known lesions, into which lesions were painted afresh each time. {origin}".strip(),
        "training_cases": len(training),
        "validation_cases": len(held_out),
        "held_out_cases": 0,
        "real_cases": len(cases) - len(simulated),
    }
    write_facts(out, "ct-marks", command, config.to_dict(), data)
    report(f"{len(training)} cases to train on, {len(held_out)} choose the weights.")
    run = MarkRun(config, held_out, out, compute_device())
    drive(run, batches_of(MarkSampler(training, config).batch), config.validation.every, report)
    return export(out, out / "model", Labels(model_id))
