"""One training of a segmentation: what its loss is, its batches, and where it errs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from SpineLab.training import ranks
from SpineLab.training.loop import Run, compute_device, drive
from SpineLab.training.segmentation.batches import BatchSampler
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.dataset import PreparedCase
from SpineLab.training.segmentation.initialise import initial_network
from SpineLab.training.segmentation.losses import TverskyLoss
from SpineLab.training.segmentation.mining import Errors, find_errors
from SpineLab.training.segmentation.sampling import Steps
from SpineLab.training.segmentation.validation import validate
from SpineLib.errors import Cancelled
from SpineLib.inference.layout import laid_out

_LOOK_CASES = 20


def train(
    config: SegmentationConfig,
    training: list[PreparedCase],
    held_out: list[PreparedCase],
    folder: Path,
    *,
    report: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train until ``steps`` or ``minutes`` are used up; a second call with the same folder goes on or returns at once.

    Args:
        config: all settings.
        training, held_out: prepared cases.
        folder: of the training.
        report: is told lines for people.

    Returns, raises:
        As :func:`SpineLab.training.loop.drive`; the best weights are those with the best Dice on the held-out cases.
    """
    run = SegmentationRun(config, held_out, folder, compute_device())
    data = Steps(
        training, config.sampling, config.augmentation, config.preparation.whitening, config.channels, ranks.rank()
    )
    sampler = BatchSampler(data, run.device)

    def batches(start: int) -> Iterator:
        total = config.optimisation.steps
        every = config.sampling.hard_every if config.sampling.hard_fraction else total
        while start < total:
            if config.sampling.hard_fraction and (start or config.init_from):
                data.remember(run.all_errors(training, report))
                report(data.hardness)
            stop = min(start - start % every + every, total)
            if run.device.type == "cpu":
                yield from _loader(sampler, start, stop, config.workers)
            else:
                yield from (sampler[step] for step in range(start, stop))
            start = stop

    return drive(run, batches, config.validation.every if held_out else None, report)


class SegmentationRun(Run):
    """A U-Net and the Tversky loss."""

    def __init__(self, config: SegmentationConfig, held_out: list[PreparedCase], folder: Path, device: torch.device):
        torch.manual_seed(config.sampling.seed)
        self.config, self.held_out, settings = config, held_out, config.optimisation
        self.layout = torch.channels_last if config.network.dimensions == 2 else torch.channels_last_3d
        network = laid_out(initial_network(config), device, self.layout)
        if ranks.count() > 1:
            ranks.share_normalisation(network)
        super().__init__(network, torch.optim.Adam(network.parameters(), lr=settings.rate), settings, folder, device)
        self.keeps_last = bool(config.validation.folds)
        self.learner = torch.compile(network) if settings.compile else network
        self.criterion = TverskyLoss(
            settings.alpha, settings.beta, settings.cross_entropy, by_sample=settings.by_sample
        )

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        images, masks = batch
        with self.autocast():
            logits = self.learner(images.to(self.device, memory_format=self.layout))
        return self.criterion(logits, masks.to(self.device))

    def figures(self, network: torch.nn.Module) -> dict[str, float]:
        return validate(network, self.held_out, **self._how)

    def all_errors(self, cases: list[PreparedCase], report: Callable[[str], None]) -> list[Errors]:
        """Where the network as it is now errs in each case.

        Raises:
            Cancelled: Ctrl-C; the state is saved before.
        """
        found = []
        for number, case in enumerate(cases, start=1):
            found.append(find_errors(self.judged.eval(), case, number, **self._how))
            if number % _LOOK_CASES == 0:
                report(f"looked through {number} of {len(cases)} cases for what is hard")
            if self.stopped.is_set():
                self.save()
                raise Cancelled
        return found

    @property
    def _how(self) -> dict:
        config = self.config
        return {
            "slice_step": config.validation.slice_step,
            "threshold": config.threshold,
            "whitening": config.preparation.whitening,
            "patch": config.sampling.patch,
            "autocast": self.autocast,
            "device": self.device,
            **({} if config.channels.is_plain else {"layout": config.channels, "looks": looks(config)}),
        }


def looks(config: SegmentationConfig) -> list[tuple[int, ...]]:
    """Which inputs the cases are looked at with in turn: each alone, and the first two together."""
    if not config.network.presence:
        return [tuple(range(len(config.inputs)))]
    return [tuple(range(min(2, len(config.inputs)))), *((n,) for n in range(len(config.inputs)))]


def _loader(data: BatchSampler, start: int, stop: int, workers: int) -> DataLoader:
    return DataLoader(
        data,
        batch_size=None,
        sampler=range(start, stop),
        num_workers=workers,
        prefetch_factor=3 if workers else None,
        worker_init_fn=_start_worker,
        multiprocessing_context="spawn" if workers else None,
    )


def _start_worker(number: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers.
    torch.set_num_threads(1)
