"""From a detector's training to a model bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from SpineLab.training.detection.config import DetectorConfig
from SpineLab.training.export import Labels, Trained, card_text, mean_weights, origin_of, read_trained, rounded, save
from SpineLib.errors import SpineError
from SpineLib.models import ModelBundle
from SpineLib.networks.siamese import PATCH, Siamese

_NORMALISED = {
    "patch": "each patch's mean and deviation",
    "local": "local mean and deviation",
    "local-root": "local mean and deviation of the intensities' square roots",
    "slice": "each slice's mean and deviation",
}


def export(
    run: Path,
    target: Path,
    labels: Labels = Labels(),
    *,
    threshold: float | None = None,
    smallest_area_cm2: float | None = None,
    average: Sequence[Path] = (),
) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        labels: what is said of the bundle.
        threshold, smallest_area_cm2: of the bundle; None takes the configuration's.
        average: further trainings from the same start that differ in their seed alone; the bundle gets the mean of all
            weights.

    Raises:
        SpineError: ``run`` is no training of a detector, has not been validated yet, or cannot be averaged with others.
    """
    trained = [read_trained(folder, DetectorConfig) for folder in (run, *average)]
    weights, config = mean_weights(trained), trained[0].config
    # Weights can be averaged where trainings left the same place on the same way.
    if average and not (config.init_from and config.optimisation.frozen_norms):
        raise SpineError(
            "Only trainings with frozen_norms that started from the same detector can be averaged; export one alone."
        )
    network = Siamese(config.scales, config.context)
    network.load_state_dict(weights)
    looks = [rounded(one.figures) for one in trained]
    scales = ", ".join(f"{scale:g}" for scale in config.scales)
    title = labels.title or f"Metastasis detection on {config.sequence}, {scales} mm a pixel"
    return save(
        trained,
        run,
        target,
        network,
        labels,
        _text(title, trained, looks),
        looks=looks,
        title=title,
        task="metastasis-detection",
        network={"type": "siamese", "context": config.context, "scales": list(config.scales)},
        inputs=(config.sequence,),
        patch=PATCH,
        preparation={
            "normalisation": config.normalisation,
            "smallest_area_cm2": config.smallest_area_cm2 if smallest_area_cm2 is None else smallest_area_cm2,
        },
        threshold=config.threshold if threshold is None else threshold,
    )


def _text(title: str, trained: Sequence[Trained[DetectorConfig]], looks: Sequence[dict[str, float]]) -> str:
    config, data = trained[0].config, trained[0].facts["data"]
    beyond = (
        "zeros, as in the paper"
        if config.context == "zeros"
        else "the image's own margin, which the paper does not have and a fast run over whole slices needs"
    )
    unit = "lattices of places" if config.sampling.kind == "strips" else "patches"
    trainings = "\n".join(
        f"- Training: `{one.facts['command']}`; {one.steps} steps of {config.sampling.batch} {unit}." for one in trained
    )
    mean, alone = "", ""
    if len(trained) > 1:
        mean = (
            f"- Weights: the mean of those of the {len(trained)} trainings, which differ in their seed (Wortsman "
            "et al., Model soups, 2022)."
        )
        alone = ", of each training alone"
    points = f"""
- Input: {config.sequence}, sagittal slices; normalised by {_NORMALISED[config.normalisation]}.
- Network: the Siamese network of Wang et al., A multi-resolution approach for spinal metastasis detection using deep
  Siamese neural networks (2017); beyond a patch its convolutions see {beyond}.
- Training data: {data["description"]} {data["training_cases"]} cases trained on, {data["validation_cases"]} chose the
  weights, {data["held_out_cases"]} held out.
{trainings}
{mean}
"""
    about = (
        f"Figures on the{' simulated' if data['simulated'] else ''} cases that chose the best weights (so slightly "
        f"favourable){alone}"
    )
    return card_text(title, origin_of(data), points, about, looks)
