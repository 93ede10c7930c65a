"""From a segmentation's training to a model bundle."""

from __future__ import annotations

from pathlib import Path

from SpineLab.training.export import Labels, Trained, card_text, origin_of, read_trained, rounded, save
from SpineLab.training.segmentation.config import TASK_OF_LABEL, SegmentationConfig
from SpineLab.training.segmentation.initialise import between, initial_network
from SpineLib.errors import SpineError
from SpineLib.models import ModelBundle

_FINDINGS = {
    "lesion": "Spinal metastases",
    "necrosis": "Necrosis after ablation of spinal metastases",
    "vertebrae": "Vertebrae",
}
_PAPERS = {
    "lesion": """Hille et al., Spinal Metastases Segmentation in MR Imaging using Deep Convolutional Neural Networks
  (2020)""",
    "necrosis": """Steffen et al., Automatic Segmentation of Necrosis Zones After Radiofrequency Ablation of Spinal
  Metastases (2020)""",
}
_PAPERS["vertebrae"] = _PAPERS["lesion"]  # for another purpose


def export(
    run: Path,
    target: Path,
    labels: Labels = Labels(),
    *,
    threshold: float | None = None,
    smallest_lesion_ml: float | None = None,
    smoothing_mm: float = 0.0,
    calibration: tuple[float, float] = (1.0, 0.0),
    last: bool = False,
    way: float = 1.0,
) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        labels: what is said of the bundle.
        threshold, smallest_lesion_ml: of the bundle; None takes the configuration's.
        smoothing_mm, calibration: of the card.
        last: take the latest weights that were saved, not those that were best on the held-out cases, which are few.
        way: how far from the model that the training started from to what it found
            (:func:`SpineLab.training.segmentation.initialise.between`).

    Raises:
        SpineError: ``run`` is no such training, has not been validated yet, holds no latest weights, or began at no
            model though a part of the ``way`` is wanted.
    """
    trained = read_trained(run, SegmentationConfig, last=last)
    config = trained.config
    network = config.new_network()
    if way != 1 and not config.init_from:
        raise SpineError(
            "The training did not start from a model, so its weights cannot be a part of the way from one."
        )
    weights = trained.weights if way == 1 else between(initial_network(config).state_dict(), trained.weights, way)
    network.load_state_dict(weights)
    held_out = rounded(trained.figures)
    title = labels.title or f"{_FINDINGS[config.label]} on {_inputs(config)}, {config.network.dimensions}D"
    return save(
        [trained],
        run,
        target,
        network,
        labels,
        _text(title, trained, held_out, last, way),
        looks=[held_out],
        looked_at="held_out",
        title=title,
        task=TASK_OF_LABEL[config.label],
        network={
            "type": "unet",
            "dimensions": config.network.dimensions,
            "inputs": config.channels.count,
            "widths": list(config.network.widths),
            **config.channels.to_dict(),
        },
        inputs=config.inputs,
        preparation=config.preparation.to_dict(),
        patch=config.sampling.patch,
        threshold=config.threshold if threshold is None else threshold,
        smallest_lesion_ml=config.smallest_lesion_ml if smallest_lesion_ml is None else smallest_lesion_ml,
        smoothing_mm=smoothing_mm,
        calibration=calibration,
    )


def _inputs(config: SegmentationConfig) -> str:
    return f"any of {', '.join(config.inputs)}" if config.network.presence else " and ".join(config.inputs)


def _text(title: str, trained: Trained[SegmentationConfig], held_out: dict[str, float], last: bool, way: float) -> str:
    config, data = trained.config, trained.facts["data"]
    simulated = " simulated" if data["simulated"] else ""
    also = f" In its place also trained on {' and '.join(config.also)}." if config.also else ""
    when = (
        ", of the last weights, which they did not choose"
        if config.validation.folds
        else ", at the last look"
        if last
        else " that chose the best weights (so slightly favourable)"
    )
    part = (
        ""
        if way == 1
        else f" Weights are {way:.0%} of the way from the model it started from; figures are of all of it."
    )
    points = f"""
- Input: {_inputs(config)}; co-registered and prepared as `model.json` says.{also}
- Network: U-Net of {_PAPERS[config.label]}, {config.network.dimensions}D.
- Training data: {data["description"]} {data["training_cases"]} cases trained on, {data["held_out_cases"]} held out.
- Training: `{trained.facts["command"]}`; {trained.steps} steps of {config.sampling.batch} patches. Tversky loss with
  alpha {config.optimisation.alpha:g} and beta {config.optimisation.beta:g}, which are not the paper's: it names
  none.{part}
"""
    return card_text(title, origin_of(data), points, f"Figures on the held-out{simulated} cases{when}", [held_out])
