"""The training loop: batches, steps, checkpoints, curves; goes on where it was after any interruption."""

from __future__ import annotations

import copy
import math
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TypeVar

import torch

from SpineLab.training import ranks
from SpineLab.training.checkpoint import (
    BEST,
    LAST,
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from SpineLab.training.record import Record
from SpineLab.training.settings import OptimisationSettings
from SpineLib.errors import Cancelled, SpineError

_SAVE_SECONDS = 120.0
_LOG_STEPS = 20

_Batch = TypeVar("_Batch")


def drive(run: Run, batches: Callable[[int], Iterator], every: int | None, report: Callable[[str], None]) -> Path:
    """Train ``run`` to its end, or go on with what its folder holds.

    Args:
        run: network and optimizer.
        batches: given the step to start from, an iterator of what ``run.loss`` takes.
        every: steps between looks at the cases held out; 0 is only at the end, None never.
        report: is told lines for people.

    Returns:
        The file with the best weights; ``run.folder`` gets it, ``last.safetensors`` (everything to go on),
        ``log.jsonl``, ``curve.csv`` and ``curve.png``.

    Raises:
        SpineError: torchrun started a training that cannot be shared, the loss is no number any more, or the folder
            holds a training of another network.
        Cancelled: Ctrl-C; the state is saved before.
    """
    if ranks.started_together() and ranks.count() == 1:
        raise SpineError("This training runs in one process; start it without torchrun.")
    run.folder.mkdir(parents=True, exist_ok=True)
    run.resume(report)
    run.agree()
    ranks.wait()  # all have read before the first one writes
    record: Record | None = Record(run.folder, run.step) if ranks.leads() else None
    with _interruptible() as stopped:
        run.stopped = stopped
        source, saved, waited, counted = batches(run.step), time.monotonic(), 0.0, run.step
        losses: list[float] = []
        while not run.finished:
            asked = time.monotonic()
            batch = next(source)
            waited += time.monotonic() - asked
            losses.append(run.train_step(batch))
            run.agree()
            if not math.isfinite(losses[-1]):
                raise SpineError(
                    f"The loss is no number any more at step {run.step}; lower the rate and start in another folder."
                )
            last = run.finished or stopped.is_set()
            if run.step % _LOG_STEPS == 0 or last:
                share = waited / max(time.monotonic() - run.resumed, 1e-6)
                if record:
                    record.training(run.step, run.seconds, sum(losses) / len(losses), run.rate)
                report(run.line(sum(losses) / len(losses), run.step - counted, share))
                losses = []
            if (
                record
                and every is not None
                and not stopped.is_set()
                and (run.finished or (every and run.step % every == 0))
            ):
                figures = run.look()
                record.validation(run.step, run.seconds, figures)
                report("held-out cases: " + ", ".join(f"{key} {value:.3f}" for key, value in figures.items()))
                saved = -math.inf
            if record and (last or time.monotonic() - saved > _SAVE_SECONDS):
                run.save()
                saved = time.monotonic()
                record.draw()
            if stopped.is_set():
                raise Cancelled
    if ranks.leads() and not (run.folder / BEST).is_file():
        run.save_best()
    ranks.wait()
    return run.folder / BEST


def batches_of(batch: Callable[[int], _Batch]) -> Callable[[int], Iterator[_Batch]]:
    """For :func:`drive`: what ``batch`` gives for each step, from the first one on, without end."""
    return lambda start: (batch(step) for step in count(start))


def compute_device() -> torch.device:
    """Where trainings compute: the graphics card if there is one."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


class Run(ABC):
    """Network, optimizer, moving average and clock of one training; what is learned is a subclass's business.

    Args:
        network: on the device, with its first weights.
        optimizer: of its parameters.
        settings: of the descent.
        folder: gets checkpoints.
        device: to compute on.
    """

    #: The figure that the best weights have the highest of.
    judged_by = "dice"
    #: Whether the weights that are exported are the last ones, whatever the figures: a fold held out chooses nothing.
    keeps_last = False

    def __init__(
        self,
        network: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        settings: OptimisationSettings,
        folder: Path,
        device: torch.device,
    ):
        self.network, self.optimizer, self.settings = network, optimizer, settings
        self.folder, self.device = folder, device
        self.step, self.best, self._seconds, self.resumed = 0, -1.0, 0.0, time.monotonic()
        self.stopped = threading.Event()
        self._agreed: float | None = None
        self.average = copy.deepcopy(network) if settings.average else None
        self.reduced = settings.precision == "bfloat16" or (settings.precision == "auto" and computes_bfloat16(device))

    @abstractmethod
    def loss(self, batch) -> torch.Tensor:
        """Of one batch; multiply under :meth:`autocast`."""

    @abstractmethod
    def figures(self, network: torch.nn.Module) -> dict[str, float]:
        """How well a network in eval mode does on the cases held out."""

    @property
    def seconds(self) -> float:
        """Trained so far, all interruptions left out."""
        return self._seconds + time.monotonic() - self.resumed if self._agreed is None else self._agreed

    @property
    def done(self) -> float:
        """Share of the training that is over, 0 to 1."""
        share = self.step / self.settings.steps
        return min(max(share, self.seconds / 60 / self.settings.minutes) if self.settings.minutes else share, 1.0)

    @property
    def finished(self) -> bool:
        return self.done >= 1.0

    @property
    def rate(self) -> float:
        return learning_rate(self.settings, self.step, self.done)

    def autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.reduced)

    def train_step(self, batch) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.network.train()
        loss = self.loss(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        ranks.average_gradients(self.network)
        if self.settings.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimizer.step()
        self.advance()
        return float(loss.detach())

    def agree(self) -> None:
        """Where several processes train together: by one clock, and they stop after the same step."""
        if ranks.count() > 1:
            own = self._seconds + time.monotonic() - self.resumed
            self._agreed, stop = ranks.agreed(own, self.stopped.is_set(), self.device)
            if stop:
                self.stopped.set()

    def advance(self) -> None:
        """A step was made: count it, and let the moving average follow."""
        self.step += 1
        if self.average is not None:
            self._follow(min(self.settings.average, self.step / (self.step + 10)))

    def _follow(self, decay: float) -> None:
        assert self.average is not None
        with torch.no_grad():
            for kept, new in zip(self.average.state_dict().values(), self.network.state_dict().values()):
                if kept.is_floating_point():
                    kept.lerp_(new, 1 - decay)
                else:
                    kept.copy_(new)

    @property
    def judged(self) -> torch.nn.Module:
        """The network that is validated and exported."""
        return self.network if self.average is None else self.average

    def look(self) -> dict[str, float]:
        """Figures on the cases held out; weights better than all before are kept."""
        self.judged.eval()
        figures = self.figures(self.judged)
        if self.keeps_last or figures[self.judged_by] >= self.best:
            self.best = max(self.best, figures[self.judged_by])
            self.save_best(figures)
        return figures

    def save_best(self, figures: dict[str, float] | None = None) -> None:
        save_checkpoint(
            self.folder / BEST,
            {"network": self.judged.state_dict()},
            {"step": self.step, "minutes": self.seconds / 60, "figures": figures or {}},
        )

    def save(self) -> None:
        tensors = {"network": self.network.state_dict(), "optimizer": optimizer_tensors(self.optimizer)}
        if self.average is not None:
            tensors["average"] = self.average.state_dict()
        save_checkpoint(self.folder / LAST, tensors, {"step": self.step, "best": self.best, "seconds": self.seconds})

    def resume(self, report: Callable[[str], None]) -> None:
        if not (self.folder / LAST).is_file():
            return
        groups, state = load_checkpoint(self.folder / LAST)
        try:
            self.network.load_state_dict(groups["network"])
            restore_optimizer(self.optimizer, groups.get("optimizer", {}))  # none before its first step
            if self.average is not None:
                self.average.load_state_dict(groups["average"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise SpineError(f"'{self.folder}' holds a training of another network; choose another folder.") from error
        self.step, self.best, self._seconds = state["step"], state["best"], state["seconds"]
        self.resumed = time.monotonic()
        report(f"Going on at step {self.step}, {self._seconds / 60:.1f} minutes trained so far.")

    def line(self, loss: float, steps: int, waited: float) -> str:
        """One line of progress; ``steps`` made since the start or resumption."""
        passed = time.monotonic() - self.resumed
        pace = passed / max(steps, 1)
        left = (self.settings.steps - self.step) * pace
        if self.settings.minutes:
            left = min(left, self.settings.minutes * 60 - self.seconds)
        return (
            f"step {self.step}  loss {loss:.4f}  rate {self.rate:.1e}  {pace * 1000:.0f} ms a step "
            f"({waited:.0%} waiting for data)  {max(left, 0) / 60:.0f} min left"
        )


def learning_rate(settings: OptimisationSettings, step: int, done: float) -> float:
    """The rate at a step; ``done`` is the share of the training that is over."""
    rate = settings.rate
    if settings.schedule == "cosine":
        rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))
    return rate * min(1.0, (step + 1) / settings.warm_up) if settings.warm_up else rate


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies in bfloat16 rather than imitating it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in checks)


@contextmanager
def _interruptible():
    """An event that Ctrl-C or SIGTERM sets instead of breaking off in mid-step; a second one breaks off."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def stop(number, frame):
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
