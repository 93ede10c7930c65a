"""From a training of Faster R-CNN to a model bundle."""

from __future__ import annotations

from pathlib import Path

from SpineLab.training.ct_lesions.config import CtLesionConfig, RcnnSettings
from SpineLab.training.export import Labels, Trained, card_text, origin_of, read_trained, rounded, save
from SpineLib.models import ModelBundle
from SpineLib.networks.faster_rcnn import FasterRCNN

#: Million parameters of the paper's network.
_FULL = 138


def network_of(settings: RcnnSettings) -> FasterRCNN:
    """The network of those settings, with random weights."""
    return FasterRCNN(
        3,
        settings.widths,
        settings.hidden,
        settings.scales,
        settings.ratios,
        settings.batch_norm,
        settings.stride,
        settings.pooling,
        settings.dropout,
    )


def export(run: Path, target: Path, labels: Labels = Labels(), *, threshold: float | None = None) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        labels: what is said of the bundle.
        threshold: of the bundle; None takes the configuration's.

    Raises:
        SpineError: ``run`` is no training of Faster R-CNN, or has not been validated yet.
    """
    trained = read_trained(run, CtLesionConfig)
    config = trained.config
    network = network_of(config.network)
    network.load_state_dict(trained.weights)
    figures = rounded(trained.figures)
    title = labels.title or f"Lesions of the spine on CT, Faster R-CNN on {_width(config.network)}"
    return save(
        [trained],
        run,
        target,
        network,
        labels,
        _text(title, trained, figures, sum(values.numel() for values in network.parameters())),
        looks=[figures],
        title=title,
        task="ct-lesion-detection",
        network=config.network.to_card(),
        inputs=("CT",),
        preparation=config.preparation.to_dict(),
        patch=config.sampling.size,
        threshold=config.threshold if threshold is None else threshold,
    )


def _width(settings: RcnnSettings) -> str:
    """VGG-16, full or narrow, by its first group of 64 channels."""
    return "VGG-16" if settings.widths[0] == 64 else f"a narrow VGG-16 ({'-'.join(map(str, settings.widths))})"


def _text(title: str, trained: Trained[CtLesionConfig], figures: dict[str, float], parameters: int) -> str:
    config, data = trained.config, trained.facts["data"]
    preparation = config.preparation
    low, high = (round(value) for value in preparation.window)
    start = f"VGG-16's layers in `{config.network.weights}`" if config.network.weights else "random weights"
    points = f"""
- Input: CT in HU; axial slices of about {preparation.slice_mm:g} mm with pixels of {preparation.pixel_mm:g} mm, {low}
  to {high} HU in 8 bit; the network sees each slice between its two neighbours.
- Network: Faster R-CNN (Ren et al. 2017) on {_width(config.network)}, {parameters / 1e6:.2f} million parameters (the
  paper's has {_FULL} million){", batch normalisation after each convolution" if config.network.batch_norm else ""};
  conv5 of stride {config.network.stride}, boxes {"aligned" if config.network.pooling == "align" else "max-pooled"};
  anchors of {", ".join(f"{value * preparation.pixel_mm:.0f}" for value in config.network.scales)} mm in
  {len(config.network.ratios)} shapes.
- Training data: {data["description"]} {data["training_cases"]} cases trained on, {data["validation_cases"]} chose the
  weights, {data["held_out_cases"]} held out.
- Training: `{trained.facts["command"]}`; {trained.steps} steps of {config.sampling.images} crops, from {start}.
"""
    about = f"""\
Figures on the{" simulated" if data["simulated"] else ""} cases that chose the best weights (so slightly favourable),
slices around the vertebrae"""
    return card_text(
        title, origin_of(data, data.get("simulated_cases", 0), data.get("all_cases", 0)), points, about, [figures]
    )
