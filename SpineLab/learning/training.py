"""One training on corrected and simulated patients, which is told of its progress and may be cancelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import torch

from SpineLab.learning.plan import Part
from SpineLab.training.checkpoint import BEST, load_checkpoint
from SpineLab.training.loop import compute_device, drive
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.dataset import PreparedCase, cache_folder, prepare_cases
from SpineLab.training.segmentation.initialise import between, initial_network
from SpineLab.training.segmentation.loop import SegmentationRun
from SpineLab.training.segmentation.sampling import Steps
from SpineLib.cohort.mr import Cohort
from SpineLib.errors import Cancelled, SpineError
from SpineLib.models import ModelBundle
from SpineLib.networks.channels import InputChannels
from SpineLib.progress import Progress, part, silent
from SpineLib.settings import Settings
from SpineLib.tasks.segmentation.lesions import uncalibrated

T = TypeVar("T")
#: By the network's dimensions: where augmentation and the descent's other settings are from.
_PRESETS = {2: "refine-2d", 3: "small-3d"}


@dataclass(frozen=True)
class TuneSettings(Settings):
    """What may be chosen.

    Attributes:
        minutes: of training, all folds together; simulating and judging come on top.
        simulated: simulated patients that are mixed in.
        tests: simulated patients that both models are judged on.
        share: of the patches that come from corrected patients.
        rate: learning rate at its highest.
        way: how far the new weights go from the former model's to the trained ones, see :func:`between`.
        batch: patches a step; 0 takes 16 in 2D and 2 in 3D.
        steps: at most so many in each training.
        processes: that simulate and prepare patients.
        seed: of everything random.
    """

    minutes: float = 15.0
    simulated: int = 8
    tests: int = 4
    share: float = 0.6
    rate: float = 6e-4
    way: float = 0.3
    batch: int = 0
    steps: int = 100000
    processes: int = 2
    seed: int = 0

    def __post_init__(self):
        if not 0 < self.minutes <= 10000:
            raise SpineError(f"The time is {self.minutes:g} minutes; choose more than 0.")
        if not 0 < self.way <= 1:
            raise SpineError(f"The way to the trained weights is {self.way:g}; choose more than 0 and at most 1.")
        if not 0 < self.share < 1 or self.simulated < 1 or self.tests < 1:
            raise SpineError("At least one simulated patient has to be mixed in, and one to be judged on.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def configuration(base: ModelBundle, label: str, settings: TuneSettings, *, minutes: float) -> SegmentationConfig:
    """The settings of one training that goes on from a model.

    Raises:
        SpineError: a model whose patch or network this training does not know.
    """
    card = base.card
    preset = SegmentationConfig.read(_PRESETS[card.network["dimensions"]])
    return SegmentationConfig.from_dict(
        preset.to_dict()
        | {
            "name": "",
            "inputs": list(card.inputs),
            "label": label,
            "init_from": str(base.folder),
            "workers": 0,
            "threshold": uncalibrated(card.threshold, card.calibration),
            "smallest_lesion_ml": card.smallest_lesion_ml,
            "network": {
                key: list(value) if isinstance(value, (list, tuple)) else value
                for key, value in card.network.items()
                if key in ("dimensions", "widths", "neighbours", "neighbours_mm", "presence")
            },
            "preparation": dict(card.preparation),
            "sampling": preset.to_dict()["sampling"]
            | {"patch": list(card.patch), "seed": settings.seed}
            | ({"batch": settings.batch} if settings.batch else {}),
            "optimisation": preset.to_dict()["optimisation"]
            | {"minutes": float(minutes), "steps": settings.steps, "rate": settings.rate, "average": 0.99},
        }
    )


@dataclass(frozen=True)
class SomeChannels(InputChannels):
    """The input of a network that takes any of its sequences, filled from patients who have some of them.

    Attributes:
        places: where each of the patients' sequences stands among the network's.
        known: how many the network knows; :attr:`sequences` is how many the patients have.
    """

    places: tuple[int, ...] = ()
    known: int = 0

    @property
    def whole(self) -> InputChannels:
        """The network's own input."""
        return InputChannels(self.known, self.neighbours, self.neighbours_mm, self.presence)

    @property
    def count(self) -> int:
        return self.whole.count

    def filled(self, planes: Any, there: Sequence[int], into: T) -> T:
        return self.whole.filled(planes, [self.places[one] for one in there], into)


def channels_for(config: SegmentationConfig, inputs: tuple[str, ...]) -> InputChannels:
    """How images of ``inputs`` become the network's channels."""
    channels = config.channels
    if inputs == config.inputs:
        return channels
    places = tuple(config.inputs.index(name) for name in inputs)
    return SomeChannels(
        len(inputs), channels.neighbours, channels.neighbours_mm, channels.presence, places, channels.sequences
    )


def train_part(
    work: Path,
    config: SegmentationConfig,
    inputs: tuple[str, ...],
    one: Part,
    local: Cohort,
    simulated: Cohort,
    settings: TuneSettings,
    progress: Progress = silent,
) -> dict[str, torch.Tensor]:
    """Train, or go on; the weights of the new model.

    Args:
        work: gets prepared cases and the training's state.
        config: of :func:`configuration`.
        inputs: sequences that all patients have; all of the model's, unless it takes any.
        one: whom to learn from.
        local, simulated: the patients.
        settings: time and mixture.
        progress: may raise ``Cancelled``; the state is saved before.

    Raises:
        SpineError: a case cannot be prepared.
        Cancelled: by ``progress``.
    """
    folder = work / "run" / one.name
    if not _finished(folder):
        every = _prepared(local, config, inputs, work, settings, part(progress, 0.0, 0.03))
        others = _prepared(simulated, config, inputs, work, settings, part(progress, 0.03, 0.05))
        mine = [case for case in every if case.name in one.training]
        cases = mixture(mine, others, settings.share)
        run = SegmentationRun(config, [], folder, compute_device())
        layout = channels_for(config, inputs)
        data = Steps(cases, config.sampling, config.augmentation, config.preparation.whitening, layout)
        told = part(progress, 0.05, 1.0)

        def batches(start: int) -> Iterator:
            with ThreadPoolExecutor(1) as ahead:  # samples are drawn while the network computes
                coming = ahead.submit(data.__getitem__, start)
                for step in count(start):
                    try:
                        told(run.done, f"step {step}")
                    except Cancelled:
                        run.save()
                        raise
                    batch, coming = coming.result(), ahead.submit(data.__getitem__, step + 1)
                    yield batch

        drive(run, batches, None, lambda line: None)
        (folder / "finished").touch()
    groups, _ = load_checkpoint(folder / BEST)
    return between(initial_network(config).state_dict(), groups["network"], settings.way)


def mixture(mine: list[PreparedCase], others: list[PreparedCase], share: float) -> list[PreparedCase]:
    """Both, one of them repeated, so that a case drawn at random is one of ``mine`` with a chance near ``share``."""
    wanted = share / (1 - share) * len(others) / len(mine)
    return mine * round(wanted) + others if wanted >= 1 else mine + others * round(1 / wanted)


def _prepared(
    cohort: Cohort,
    config: SegmentationConfig,
    inputs: tuple[str, ...],
    work: Path,
    settings: TuneSettings,
    progress: Progress,
) -> list[PreparedCase]:
    preparation = config.preparation.to_dict()
    place = cache_folder(cohort, inputs, preparation, work / "prepared", label=config.label)
    return prepare_cases(
        cohort, inputs, preparation, place, label=config.label, processes=settings.processes, progress=progress
    )


def _finished(folder: Path) -> bool:
    return (folder / "finished").is_file() and (folder / BEST).is_file()
