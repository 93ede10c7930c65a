"""One training on vertebrae: what its loss is, and a whole one from cohort to bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import torch

from SpineLab.training.checkpoint import BEST, load_checkpoint
from SpineLab.training.config import ValidationSettings
from SpineLab.training.loop import Run, drive, write_json
from SpineLab.training.losses import TverskyLoss
from SpineLab.training.vertebrae.cases import SliceCase, prepare_slice_cases, slice_cache
from SpineLab.training.vertebrae.config import VertebraConfig
from SpineLab.training.vertebrae.export import export_vertebrae
from SpineLab.training.vertebrae.sampling import SliceSampler
from SpineLab.training.vertebrae.validation import slice_figures
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.errors import SpineError
from SpineLib.models import ModelBundle
from SpineLib.models.networks import KINDS

#: Figures of a finished training on the cases it was trained on and on those held out.
FIGURES = "figures.json"


class VertebraRun(Run):
    """V-Net or U-Net, its optimizer, and the Tversky loss with cross-entropy.

    Args:
        config: all settings.
        held_out: the cases that choose the best weights.
        folder: gets checkpoints.
        device: to compute on.
    """

    judged_by = "iou"

    def __init__(self, config: VertebraConfig, held_out: list[SliceCase], folder: Path, device: torch.device):
        torch.manual_seed(config.sampling.seed)
        self.config, self.held_out, settings = config, held_out, config.optimisation
        network = KINDS[config.network.type].build(config.network.card)
        network = network.to(device, memory_format=torch.channels_last)
        super().__init__(network, torch.optim.Adam(network.parameters(), lr=settings.rate), settings, folder, device)
        self.criterion = TverskyLoss(
            settings.alpha, settings.beta, settings.cross_entropy, by_sample=settings.by_sample
        )

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        images, masks = batch
        with self.autocast():
            logits = self.network(images.to(self.device, memory_format=torch.channels_last))
        return self.criterion(logits, masks.to(self.device))

    def figures(self, network: torch.nn.Module) -> dict[str, float]:
        return self.figures_on(network, self.held_out, self.config.validation.slice_step)

    def figures_on(self, network: torch.nn.Module, cases: list[SliceCase], slice_step: int) -> dict[str, float]:
        """The figures of :func:`slice_figures` on some cases."""
        config = self.config
        return slice_figures(
            network,
            cases,
            window=config.preparation.window,
            slice_step=slice_step,
            threshold=config.threshold,
            autocast=self.autocast,
            device=self.device,
        )


def run_vertebra_training(
    config: VertebraConfig,
    cohorts: Sequence[Path],
    out: Path,
    *,
    real_cohorts: Sequence[Path] = (),
    cache: Path | None = None,
    processes: int = 2,
    first_cases: int | None = None,
    command: str = "",
    model_id: str = "",
    report: Callable[[str], None] = lambda text: None,
) -> ModelBundle:
    """Prepare the cohorts, train in ``out`` (or go on there), and write the bundle ``out / "model"``.

    Args:
        config: all settings.
        cohorts: folders as ``spine phantom --ct`` writes them.
        real_cohorts: folders of the same form with patients' CTs. Cases are held out of the first folder of all alone;
            each folder is drawn from as often.
        out: folder of the training.
        cache: folder for prepared cases; None: beside each cohort.
        processes: that prepare cases.
        first_cases: use only so many of each cohort.
        command: what started the training, for the card.
        model_id: of the bundle; the folder's name without it.
        report: is told lines for people.

    Raises:
        SpineError: data or settings cannot be used.
        Cancelled: Ctrl-C.
    """
    groups = []
    for folder in (*cohorts, *real_cohorts):
        found = read_ct_cohort(folder)[:first_cases]
        prepared = slice_cache(Path(folder), config.preparation.pixel_mm, config.left_out, cache)
        groups.append(
            prepare_slice_cases(
                found,
                config.preparation.pixel_mm,
                config.left_out,
                prepared,
                processes=processes,
                progress=lambda fraction, text: report(text),
            )
        )
    groups[0], held_out = split(groups[0], config.validation, config.sampling.seed)
    training = [case for group in groups for case in group]
    out.mkdir(parents=True, exist_ok=True)
    counts = [len(group) for group in groups]
    counts[0] += len(held_out)
    real = sum(counts[len(cohorts) :])
    origin = [f"{sum(counts) - real} simulated"] * bool(cohorts) + [f"{real} real"] * bool(real_cohorts)
    write_json(
        out / "training.json",
        {
            "command": command,
            "config": config.to_dict(),
            "data": {
                "simulated": not real_cohorts,
                "description": f"{' and '.join(origin)} CTs of the spine.",
                "held_out_simulated": bool(cohorts),
                "training_cases": len(training),
                "held_out_cases": len(held_out),
            },
            "cases": {"training": [case.name for case in training], "held_out": [case.name for case in held_out]},
        },
    )
    report(f"{len(training)} cases to train on, {len(held_out)} held out.")
    run = VertebraRun(config, held_out, out, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    sampler = SliceSampler(groups, config)

    def batches(start: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return (sampler.batch(step) for step in count(start))

    drive(run, batches, config.validation.every if held_out else None, report)
    if not (out / FIGURES).is_file():
        _write_figures(run, training, out)
    return export_vertebrae(out, out / "model", model_id=model_id)


def split(cases: list[SliceCase], settings: ValidationSettings, seed: int) -> tuple[list[SliceCase], list[SliceCase]]:
    """Training and held-out cases, disjoint; the same for the same cases, settings and seed.

    Raises:
        SpineError: there are too few cases.
    """
    if len(cases) < max(2, settings.folds):
        raise SpineError(
            f"{len(cases)} cases are too few for {settings.folds} folds; give more cases or fewer folds."
            if settings.folds
            else "One case is too few to train on and to hold out; give more cases."
        )
    order = np.random.default_rng([seed, 22]).permutation(len(cases))
    if settings.folds:
        held = {int(n) for n in order[settings.fold :: settings.folds]}
    else:
        held = {int(n) for n in order[: min(settings.cases, len(cases) // 2)]}
    return (
        [case for n, case in enumerate(cases) if n not in held],
        [case for n, case in enumerate(cases) if n in held],
    )


def _write_figures(run: VertebraRun, training: list[SliceCase], out: Path) -> None:
    """Loss and IoU of the exported weights, on all cases trained on and on those held out."""
    run.judged.load_state_dict(load_checkpoint(out / BEST)[0]["network"])
    run.judged.eval()
    step = run.config.validation.slice_step
    write_json(
        out / FIGURES,
        {
            "training": run.figures_on(run.judged, training, step),
            "held_out": run.figures_on(run.judged, run.held_out, step),
        },
    )
