"""One training on vertebrae: what its loss is, and a whole one from cohort to bundle."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import torch

from SpineLab.training.checkpoint import BEST, load_checkpoint
from SpineLab.training.export import Labels
from SpineLab.training.facts import names_of, read_facts, write_facts, write_json
from SpineLab.training.loop import Run, batches_of, compute_device, drive
from SpineLab.training.segmentation.config import SliceValidation
from SpineLab.training.segmentation.losses import TverskyLoss
from SpineLab.training.split import apart, split
from SpineLab.training.vertebrae.cases import SliceCase, cache_folder, open_case, prepare_cases
from SpineLab.training.vertebrae.config import VertebraConfig
from SpineLab.training.vertebrae.export import export
from SpineLab.training.vertebrae.sampling import SliceSampler
from SpineLab.training.vertebrae.validation import slice_figures
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.inference.layout import laid_out
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
        seen: some of the cases trained on, for curves of both.
    """

    judged_by = "iou"

    def __init__(
        self,
        config: VertebraConfig,
        held_out: list[SliceCase],
        folder: Path,
        device: torch.device,
        seen: Sequence[SliceCase] = (),
    ):
        self.seen = list(seen)
        torch.manual_seed(config.sampling.seed)
        self.config, self.held_out, settings = config, held_out, config.optimisation
        network = KINDS[config.network.type].build(config.network.card)
        network = laid_out(network, device, torch.channels_last)
        super().__init__(network, torch.optim.Adam(network.parameters(), lr=settings.rate), settings, folder, device)
        self.keeps_last = bool(config.validation.folds)
        self.criterion = TverskyLoss(
            settings.alpha, settings.beta, settings.cross_entropy, by_sample=settings.by_sample
        )

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        images, masks = batch
        with self.autocast():
            logits = self.network(images.to(self.device, memory_format=torch.channels_last))
        return self.criterion(logits, masks.to(self.device))

    def figures(self, network: torch.nn.Module) -> dict[str, float]:
        step = self.config.validation.slice_step
        learned = self.figures_on(network, self.seen, step)
        return self.figures_on(network, self.held_out, step) | {f"training_{k}": v for k, v in learned.items()}

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


def run_training(
    config: VertebraConfig,
    cohorts: Sequence[Path],
    out: Path,
    *,
    real_cohorts: Sequence[Path] = (),
    cache: Path | None = None,
    processes: int = 2,
    first_cases: int | None = None,
    held_out: Collection[str] | None = None,
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
        held_out: names of the fold's cases of the first folder, where somebody else made the folds.
        command: what started the training, for the card.
        model_id: of the bundle; the folder's name without it.
        report: is told lines for people.

    Raises:
        SpineError: data or settings cannot be used.
        Cancelled: Ctrl-C.
    """
    groups = []
    for folder in (*cohorts, *real_cohorts):
        found = read_ct_cohort(folder, ("vertebrae",))[:first_cases]
        prepared = cache_folder(Path(folder), config.preparation.pixel_mm, config.left_out, cache)
        groups.append(
            prepare_cases(
                found,
                config.preparation.pixel_mm,
                config.left_out,
                prepared,
                processes=processes,
                progress=lambda fraction, text: report(text),
            )
        )
    if held_out is None:
        groups[0], held = split_cases(groups[0], config.validation, config.sampling.seed)
    else:
        groups[0], held = apart(groups[0], held_out)
    training = [case for group in groups for case in group]
    counts = [len(group) for group in groups]
    counts[0] += len(held)
    real = sum(counts[len(cohorts) :])
    origin = [f"{sum(counts) - real} simulated"] * bool(cohorts) + [f"{real} real"] * bool(real_cohorts)
    data = {
        "simulated": bool(cohorts),
        "simulated_cases": sum(counts) - real,
        "all_cases": sum(counts),
        "description": f"{' and '.join(origin)} CTs of the spine.",
        "held_out_simulated": bool(cohorts),
    }
    write_facts(out, "vertebrae", command, config.to_dict(), data, names_of(training=training, held_out=held))
    report(f"{len(training)} cases to train on, {len(held)} held out.")
    run = VertebraRun(config, held, out, compute_device(), training[: config.validation.training_cases])
    sampler = SliceSampler(groups, config)
    drive(run, batches_of(sampler.batch), config.validation.every if held else None, report)
    if not (out / FIGURES).is_file():
        _write_figures(run, training, out)
    return export(out, out / "model", Labels(model_id))


def figures_by_case(run: Path, cache: Path, slice_step: int = 1) -> dict[str, dict[str, float]]:
    """Figures of each case that a finished training held out, by its exported weights.

    Args:
        run: folder of the training.
        cache: that its cases were prepared in.

    Raises:
        SpineError: it is no such training.
    """
    facts = read_facts(run)
    config = VertebraConfig.from_dict(facts["config"])
    trained = VertebraRun(config, [], run, compute_device())
    trained.judged.load_state_dict(load_checkpoint(run / BEST)[0]["network"])
    trained.judged.eval()
    places = {path.parent.name: path.parent for path in sorted(cache.glob("vertebrae-*/*/case.json"))}
    return {
        name: trained.figures_on(trained.judged, [open_case(places[name])], slice_step)
        for name in facts["cases"]["held_out"]
    }


def split_cases(
    cases: list[SliceCase], settings: SliceValidation, seed: int
) -> tuple[list[SliceCase], list[SliceCase]]:
    """Training and held-out cases, disjoint; the same for the same cases, settings and seed.

    Raises:
        SpineError: there are too few cases.
    """
    training, chosen, held = split(
        cases,
        (seed, 22),
        lambda rest: 0 if settings.folds else min(settings.cases, rest // 2),
        folds=settings.folds,
        fold=settings.fold,
    )
    return training, held or chosen


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
