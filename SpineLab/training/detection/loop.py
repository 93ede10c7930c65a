"""One training of the detector: what its loss is, and a whole one from cohort to bundle."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import nn
from torch.nn import functional

from SpineLab.training.cases import refuse_doubles
from SpineLab.training.detection.cases import (
    BACKGROUND,
    LESION,
    VERTEBRA,
    DetectorCase,
    cache_folder,
    prepare_cases,
)
from SpineLab.training.detection.config import DetectorConfig, DetectorOptimisation
from SpineLab.training.detection.export import export
from SpineLab.training.detection.sampling import Batch, Sampler
from SpineLab.training.detection.validation import validate
from SpineLab.training.export import Labels
from SpineLab.training.facts import names_of, write_facts
from SpineLab.training.loop import Run, batches_of, compute_device, drive
from SpineLab.training.settings import HoldOutValidation
from SpineLab.training.split import apart, share_of, split
from SpineLib.cohort.mr import Cohort, described, read_cohort
from SpineLib.errors import SpineError
from SpineLib.inference.layout import laid_out
from SpineLib.models import ModelBundle, find_bundle
from SpineLib.networks.siamese import Siamese
from SpineLib.sequences import SEQUENCES

_Case = TypeVar("_Case")
#: A class's places of a batch weigh no more than if there were so many of them.
_FEWEST = 16


class DetectorRun(Run):
    """The Siamese network, its optimizer and the cross entropy (sections 2.3 and 3.2).

    Args:
        config: all settings.
        chosen_by: the cases that choose the best weights.
        folder: gets checkpoints.
        device: to compute on.
    """

    judged_by = "score"
    network: Siamese

    def __init__(self, config: DetectorConfig, chosen_by: list[DetectorCase], folder: Path, device: torch.device):
        torch.manual_seed(config.sampling.seed)
        self.config, self.chosen_by, settings = config, chosen_by, config.optimisation
        network = laid_out(initial_detector(config), device, torch.channels_last)
        super().__init__(network, optimizer_of(network, settings, config.sampling.batch), settings, folder, device)

    def loss(self, batch: Batch) -> torch.Tensor:
        sampling = self.config.sampling
        images = [image.to(self.device, memory_format=torch.channels_last) for image in batch.images]
        with self.autocast():
            logits = self.network(images, sampling.spacing if sampling.kind == "strips" else None)
        logits, kinds = logits.float(), batch.kinds.to(self.device).long()
        values = functional.cross_entropy(logits, (kinds == LESION).long(), reduction="none")
        if sampling.kind == "patches" and not (sampling.hard or sampling.hard_lesions):
            return values.mean()
        return (values * self._weights(kinds, torch.softmax(logits.detach(), 1)[:, 1])).sum()

    def _weights(self, kinds: torch.Tensor, likelihood: torch.Tensor) -> torch.Tensor:
        """Weights of a batch's places that give each kind the share that the paper draws of it (section 2.4)."""
        sampling = self.config.sampling
        shares = {LESION: 0.5, VERTEBRA: 0.5 * sampling.vertebra, BACKGROUND: 0.5 * (1 - sampling.vertebra)}
        weights = torch.zeros_like(likelihood)
        for kind, share in shares.items():
            own = kinds == kind
            strength = own.float()
            if kind != LESION and sampling.hard:
                strength = strength * (likelihood + 0.01) ** sampling.hard
            elif kind == LESION and sampling.hard_lesions:
                strength = strength * (1.01 - likelihood) ** sampling.hard_lesions
            total = strength.sum()
            fewer = min(1.0, float(own.sum()) / _FEWEST)
            weights = weights + share * fewer * strength / total.clamp_min(1e-12)
        return weights

    def figures(self, network: nn.Module) -> dict[str, float]:
        config = self.config
        return validate(
            cast(Siamese, network),
            self.chosen_by,
            spacing=config.validation.spacing,
            smallest_cm2=config.smallest_area_cm2,
            whiten=config.normalisation == "patch",
            autocast=self.autocast,
            device=self.device,
        )


def initial_detector(config: DetectorConfig) -> Siamese:
    """The network with the weights of ``config.init_from``, or random ones, drawn as He et al. (2015) for layers before
    a ReLU.

    The last layer's random ones are near zero, so that all likelihoods begin at one half: the 5184 features behind the
    first fully connected layer are not normalised, and short trials that began elsewhere learned nothing at the paper's
    rate.

    Raises:
        SpineError: there is no such bundle, its network has other resolutions, or one is needed.
    """
    network = Siamese(config.scales, config.context)
    network.dropout.p, network.frozen_norms = config.optimisation.dropout, config.optimisation.frozen_norms
    if config.init_from:
        bundle = find_bundle(config.init_from)
        if bundle.card.network.get("scales") != list(config.scales):
            raise SpineError(
                f"The model '{bundle.card.id}' is no detector with the resolutions of this training; "
                "start from one that is."
            )
        network.load_state_dict(bundle.network().state_dict())
        return network
    if network.frozen_norms:
        raise SpineError(
            "A training with frozen_norms starts from another detector, whose statistics it keeps; name "
            "one (--init-from)."
        )
    for layer in (*network.convolutions, network.hidden):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    nn.init.normal_(network.last.weight, std=0.01)
    nn.init.zeros_(network.last.bias)
    return network


def optimizer_of(network: nn.Module, settings: DetectorOptimisation, summed: int = 1) -> torch.optim.Optimizer:
    """Stochastic gradient descent with the decay of equation 3, or Adam with decoupled decay, of weights only.

    Args:
        summed: how many losses equation 3 sums where the batch's loss here is their mean: beside a mean, lambda counts
            so many times less.
    """
    weights = [values for values in network.parameters() if values.ndim > 1]
    others = [values for values in network.parameters() if values.ndim <= 1]
    if settings.optimizer == "adam":
        groups = [{"params": weights, "weight_decay": settings.decay}, {"params": others, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=settings.rate, betas=(settings.momentum, 0.999))
    # The gradient of lambda w^2 is 2 lambda w.
    groups = [{"params": weights, "weight_decay": 2 * settings.decay / summed}, {"params": others}]
    return torch.optim.SGD(groups, lr=settings.rate, momentum=settings.momentum)


def run_training(
    config: DetectorConfig,
    cohort_folder: Path,
    out: Path,
    *,
    cache: Path | None = None,
    processes: int = 2,
    first_cases: int | None = None,
    held_out: Collection[str] | None = None,
    command: str = "",
    model_id: str = "",
    report: Callable[[str], None] = lambda text: None,
) -> ModelBundle:
    """Prepare the cohort, train in ``out`` (or go on there), and write the bundle ``out / "model"``.

    ``held_out`` names the cases of the fold, where somebody else made the folds; else they are made here.

    Raises:
        SpineError: data or settings cannot be used.
        Cancelled: Ctrl-C.
    """
    if config.sequence not in SEQUENCES:
        raise SpineError(f"'{config.sequence}' is no sequence; it is one of {', '.join(SEQUENCES)}.")
    cohort = read_cohort(cohort_folder, (config.sequence,), labels=("lesion",))
    if first_cases:
        cohort = replace(cohort, cases=cohort.cases[:first_cases])
    cases = prepare_cases(
        cohort,
        config.sequence,
        config.scales,
        config.normalisation,
        cache_folder(cohort, config.sequence, config.scales, config.normalisation, cache),
        processes=processes,
        progress=lambda fraction, text: report(text),
    )
    if held_out is None:
        refuse_doubles(case.folder for case in cases)
        training, chosen_by, held = split_cases(cases, config.validation, config.sampling.seed)
    else:
        rest, held = apart(cases, held_out)
        training, chosen_by, _ = split_cases(rest, replace(config.validation, folds=0, fold=0), config.sampling.seed)
    data = {"simulated": cohort.simulated, "description": described(cohort) + _without_bones(cohort)}
    names = names_of(training=training, validation=chosen_by, held_out=held)
    write_facts(out, "detection", command, config.to_dict(), data, names)
    report(f"{len(training)} cases to train on, {len(chosen_by)} to choose the weights, {len(held)} held out.")
    run = DetectorRun(config, chosen_by, out, compute_device())
    try:
        sampler = Sampler(training, config, run.network)
    except ValueError as error:
        raise SpineError("No case to train on shows a metastasis; give more cases.") from error
    drive(run, batches_of(sampler.batch), config.validation.every, report)
    return export(out, out / "model", Labels(model_id))


def _without_bones(cohort: Cohort) -> str:
    """A sentence on the cases whose vertebrae nobody drew."""
    count = sum("vertebrae" not in case.labels for case in cohort.cases)
    return f" Vertebrae of {count} of them were found by a model, not drawn." if count else ""


def split_cases(
    cases: Sequence[_Case], settings: HoldOutValidation, seed: int
) -> tuple[list[_Case], list[_Case], list[_Case]]:
    """Cases to train on, to choose the best weights by, and to test on (section 3.2); a case is in one of them.

    Raises:
        SpineError: there are too few cases.
    """
    chosen = share_of(settings.share, settings.most)
    return split(cases, (seed, 21), chosen, folds=settings.folds, fold=settings.fold)
