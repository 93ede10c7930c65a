"""One training of Faster R-CNN: what its loss is, and a whole one from cohort to bundle."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from SpineLab.training.ct_lesions.cases import (
    SliceCase,
    cache_folder,
    prepare_cases,
)
from SpineLab.training.ct_lesions.config import CtLesionConfig, RcnnSettings
from SpineLab.training.ct_lesions.export import export, network_of
from SpineLab.training.ct_lesions.key_slices import (
    chosen_images,
    is_deeplesion,
    patient_of,
    prepare_key_slices,
)
from SpineLab.training.ct_lesions.losses import rcnn_losses
from SpineLab.training.ct_lesions.painting import prepare_painted
from SpineLab.training.ct_lesions.sampling import CropBatch, CropSampler
from SpineLab.training.ct_lesions.validation import validate
from SpineLab.training.detection.loop import optimizer_of, split_cases
from SpineLab.training.export import Labels
from SpineLab.training.facts import names_of, write_facts
from SpineLab.training.loop import Run, batches_of, compute_device, drive
from SpineLab.training.split import apart
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.cohort.origin import counted
from SpineLib.errors import SpineError
from SpineLib.inference.layout import laid_out
from SpineLib.models import ModelBundle
from SpineLib.networks.faster_rcnn import FasterRCNN, initialise
from SpineLib.networks.vgg import load_torchvision_vgg16


class CtLesionRun(Run):
    """Faster R-CNN, its optimizer and its four losses.

    Proposals and heads are learned together (approximate joint training: Ren et al. 2017, section 3.2).

    Args:
        config: all settings.
        chosen_by: the cases that choose the best weights.
        folder: gets checkpoints.
        device: to compute on.
    """

    judged_by = "ap"
    network: FasterRCNN

    def __init__(self, config: CtLesionConfig, chosen_by: list[SliceCase], folder: Path, device: torch.device):
        torch.manual_seed(config.sampling.seed)
        self.config, self.chosen_by = config, chosen_by
        network = laid_out(initial_rcnn(config.network), device, torch.channels_last)
        super().__init__(network, optimizer_of(network, config.optimisation), config.optimisation, folder, device)

    def loss(self, batch: CropBatch) -> torch.Tensor:
        images = batch.images.to(self.device, memory_format=torch.channels_last)
        boxes = [one.to(self.device) for one in batch.boxes]
        losses = rcnn_losses(self.network, images, boxes, self.config.losses, self.autocast)
        return sum(losses.values(), start=torch.zeros((), device=self.device))

    def figures(self, network: nn.Module) -> dict[str, float]:
        return validate(cast(FasterRCNN, network), self.chosen_by, autocast=self.autocast, device=self.device)


def initial_rcnn(settings: RcnnSettings) -> FasterRCNN:
    """The network with random weights, or VGG-16's where the settings name a file of them.

    Raises:
        SpineError: the file cannot be used.
    """
    network = initialise(network_of(settings))
    if settings.weights:
        load_torchvision_vgg16(network, settings.weights)
    return network


def run_training(
    config: CtLesionConfig,
    cohort_folder: Path,
    out: Path,
    *,
    cache: Path | None = None,
    processes: int = 2,
    first_cases: int | None = None,
    held_out: Collection[str] | None = None,
    painted: Path | None = None,
    painted_each: int = 16,
    further: Sequence[Path] = (),
    kinds: Sequence[str] | None = None,
    only: Path | None = None,
    command: str = "",
    model_id: str = "",
    report: Callable[[str], None] = lambda text: None,
) -> ModelBundle:
    """Prepare the cohort, train in ``out`` (or go on there), and write the bundle ``out / "model"``.

    Args:
        cohort_folder: as ``spine phantom --ct`` writes it, or DeepLesion's.
        painted: of the form that ``spine phantom --ct`` writes, with CTs without lesions, real ones too; lesions are
            painted into them, to train on only.
        painted_each: versions of each of these.
        held_out: names of the test's cases, where somebody else chose them; not of DeepLesion.
        further: cohorts of ``spine phantom --ct`` to train on only.
        kinds, only: which lesions and slices of DeepLesion, see
            :func:`SpineLab.training.ct_lesions.key_slices.chosen_images`.

    Raises:
        SpineError: data or settings cannot be used.
        Cancelled: Ctrl-C.
    """
    folder, told = cache_folder(cohort_folder, config.preparation, cache), lambda fraction, text: report(text)
    if is_deeplesion(cohort_folder):
        images = chosen_images(cohort_folder, kinds, only)[:first_cases]
        cases = prepare_key_slices(images, config.preparation, folder, as_given=config.as_given, progress=told)
        patients = sorted({patient_of(case) for case in cases})
        groups = split_cases(patients, config.validation, config.sampling.seed)
        training, chosen_by, held = ([case for case in cases if patient_of(case) in group] for group in groups)
        text = f"Key slices of DeepLesion, lesions: {', '.join(kinds or ['all'])}."
        data: dict[str, Any] = {"simulated": False, "description": text}
    else:
        found = read_ct_cohort(cohort_folder)[:first_cases]
        cases = prepare_cases(found, config.preparation, folder, processes=processes, progress=told)
        if held_out is None:
            training, chosen_by, held = split_cases(cases, config.validation, config.sampling.seed)
        else:
            rest, held = apart(cases, held_out)
            training, chosen_by, _ = split_cases(
                rest, replace(config.validation, folds=0, fold=0), config.sampling.seed
            )
        data = {
            "simulated": any(case.simulated for case in found),
            "simulated_cases": sum(case.simulated for case in found),
            "all_cases": len(found),
            "description": f"CT of the spine of {counted(case.origin for case in found)} patients.",
        }
    for more in further:
        training = training + prepare_cases(
            read_ct_cohort(more),
            config.preparation,
            cache_folder(more, config.preparation, cache),
            processes=processes,
            progress=told,
        )
    if painted is not None:
        healthy = read_ct_cohort(painted, ("vertebrae",))
        training = training + prepare_painted(
            healthy, painted_each, config.preparation, cache_folder(painted, config.preparation, cache), progress=told
        )
        data["description"] += (
            f" And {len(healthy)} further CTs without lesions, each with simulated lesions painted "
            f"into {painted_each} copies."
        )
    names = names_of(training=training, validation=chosen_by, held_out=held)
    write_facts(out, "ct-lesions", command, config.to_dict(), data, names)
    report(f"{len(training)} cases to train on, {len(chosen_by)} to choose the weights, {len(held)} held out.")
    run = CtLesionRun(config, chosen_by, out, compute_device())
    try:
        sampler = CropSampler(training, config)
    except ValueError as error:
        raise SpineError("No case to train on shows a lesion; give more cases.") from error
    drive(run, batches_of(sampler.batch), config.validation.every, report)
    return export(out, out / "model", Labels(model_id))
