"""One training on the column: what its loss is, and a whole one from cases to bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from SpineLab.training.column.cases import ColumnCase, read_cases
from SpineLab.training.column.config import ColumnConfig
from SpineLab.training.column.export import export
from SpineLab.training.column.sampling import Batch, ColumnSampler
from SpineLab.training.export import Labels
from SpineLab.training.facts import names_of, write_facts
from SpineLab.training.loop import Run, batches_of, compute_device, drive
from SpineLab.training.split import split
from SpineLib.models import ModelBundle
from SpineLib.models.networks import KINDS
from SpineLib.tasks.column.parts import OFFSET_MM, PART_NAMES

#: Steps between looks at the folder for cases that were made meanwhile.
_LOOK_AGAIN = 500
#: Patches of each case held out that the figures are taken of.
_PATCHES = 3


class ColumnRun(Run):
    """The network, its optimizer, and its loss: cross-entropy and soft Dice of the parts, error of the offsets.

    Args:
        config: all settings.
        held_out: cases that choose the best weights.
        folder: gets checkpoints.
        device: to compute on.
        paint: see :class:`ColumnSampler`.
    """

    def __init__(
        self, config: ColumnConfig, held_out: list[ColumnCase], folder: Path, device: torch.device, paint=None
    ):
        torch.manual_seed(config.sampling.seed)
        self.config, self.held_out, settings = config, held_out, config.optimisation
        network = KINDS["column"].build(config.network.card).to(device)
        optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-4)
        super().__init__(network, optimizer, settings, folder, device)
        self._looked_at: list[tuple] = []
        self._paint = paint

    def loss(self, batch: Batch) -> torch.Tensor:
        with self.autocast():
            answer = self.network(batch.images.to(self.device))
        return column_loss(
            answer.float(),
            batch.parts.to(self.device),
            batch.offsets.to(self.device),
            batch.known.to(self.device),
            self.config.optimisation.offset,
        )

    def figures(self, network: torch.nn.Module) -> dict[str, float]:
        if not self._looked_at:
            sampler = ColumnSampler(self.held_out, self.config, self._paint)
            rng = np.random.default_rng((self.config.sampling.seed, 1))
            self._looked_at = [
                sampler.cut(case, rng, augmented=False) for case in self.held_out for _ in range(_PATCHES)
            ]
        parts = len(PART_NAMES)
        both, sums, error, voters = np.zeros(parts), np.zeros(parts), 0.0, 0
        for image, truth, offsets, known in self._looked_at:
            with torch.inference_mode(), self.autocast():
                answer = network(image[None, None].to(self.device)).float()[0].cpu()
            said = answer[:parts].argmax(0)
            for number in range(parts):
                a, b = said == number, truth == number
                both[number] += int((a & b).sum())
                sums[number] += int(a.sum()) + int(b.sum())
            miss = (answer[parts:] - offsets).norm(dim=0)[known]
            error, voters = error + float(miss.sum()) * OFFSET_MM, voters + len(miss)
        dice = {PART_NAMES[n].replace(" ", "_"): 2 * both[n] / sums[n] for n in range(1, parts) if sums[n]}
        return {"dice": float(np.mean(list(dice.values()))), **dice, "offset_mm": error / max(voters, 1)}


def column_loss(
    answer: torch.Tensor, parts: torch.Tensor, offsets: torch.Tensor, known: torch.Tensor, weight: float
) -> torch.Tensor:
    """Cross-entropy and soft Dice of the parts that are there, and the mean error of the offsets where known."""
    count = answer.shape[1] - 3
    logits = answer[:, :count]
    share = torch.bincount(parts.flatten(), minlength=count).float() / parts.numel()
    weights = (share + 0.02) ** -0.5
    loss = functional.cross_entropy(logits, parts, weight=weights / weights[0])
    probability = logits.softmax(1)
    truth = functional.one_hot(parts, count).movedim(-1, 1).float()
    axes = (0, *range(2, logits.ndim))
    overlap, total = (probability * truth).sum(axes), (probability + truth).sum(axes)
    there = truth.sum(axes) > 0
    there[0] = False
    if there.any():
        loss = loss + (1 - (2 * overlap + 1) / (total + 1))[there].mean()
    if known.any():
        miss = (answer[:, count:] - offsets).movedim(1, -1)[known]
        loss = loss + weight * functional.smooth_l1_loss(miss, torch.zeros_like(miss), beta=0.2)
    return loss


def run_training(
    config: ColumnConfig,
    folders: Sequence[Path],
    out: Path,
    *,
    real: bool = True,
    origin: str = "",
    start: Path | None = None,
    command: str = "",
    model_id: str = "",
    report: Callable[[str], None] = lambda text: None,
) -> ModelBundle:
    """Train in ``out`` on the cases of ``folders`` (or go on there), and write the bundle ``out / "model"``.

    Cases that are added to the folders while it trains are drawn from as well.

    Args:
        config: all settings.
        folders: of ``.npz`` cases, see :mod:`SpineLab.training.column.cases`.
        out: folder of the training.
        real: whether real cases are drawn from.
        origin: where real cases and shapes come from and their licence, for the card.
        start: a bundle whose weights a new training begins with.
        command, model_id, report: as in the other trainings.

    Raises:
        SpineError: data or settings cannot be used.
        Cancelled: Ctrl-C.
    """
    cases = _cases(folders, real)
    simulated = [case for case in cases if not case.real] or cases
    number = config.validation.cases
    _, held_out, _ = split(simulated, (config.sampling.seed, 31), lambda rest: min(number, rest // 2))
    names = {case.name for case in held_out}
    training = [case for case in cases if case.name not in names]
    patients = sum(case.real for case in training)
    data = {
        "simulated": True,
        "description": " ".join(
            [f"{len(training) - patients} simulated and {patients} real images of the spine.", origin]
        ).strip(),
        "held_out_simulated": not held_out[0].real,
        "real_cases": patients,
    }
    write_facts(out, "column", command, config.to_dict(), data, names_of(training=training, held_out=held_out))
    report(f"{len(training)} cases to train on, {len(held_out)} held out.")
    paint = _painter(cases)
    run = ColumnRun(config, held_out, out, compute_device(), paint)
    if start is not None:
        from SpineLib.models import load_bundle

        run.network.load_state_dict(load_bundle(start).network().state_dict())
        if run.average is not None:
            run.average.load_state_dict(run.network.state_dict())
    sampler = ColumnSampler(training, config, paint)

    def batch(step: int) -> Batch:
        nonlocal sampler
        if step and step % _LOOK_AGAIN == 0:
            more = [case for case in _cases(folders, real) if case.name not in names]
            sampler = ColumnSampler(more, config, paint)
        return sampler.batch(step)

    drive(run, batches_of(batch), config.validation.every, report)
    return export(out, out / "model", Labels(model_id))


def _cases(folders: Sequence[Path], real: bool) -> list[ColumnCase]:
    return [case for folder in folders for case in read_cases(folder) if real or not case.real]


def _painter(cases: list[ColumnCase]):
    if all(case.tissues is None for case in cases):
        return None
    from SpineLib.phantom.trunk.paint import paint

    return paint
