"""From a training of Faster R-CNN to a model bundle."""

from __future__ import annotations

from pathlib import Path

from SpineLab.training.checkpoint import BEST, LAST, load_checkpoint
from SpineLab.training.ctlesions.config import (
    CtLesionConfig,
    RcnnSettings,
    ct_lesion_config_from_dict,
)
from SpineLab.training.export import model_name, read_facts
from SpineLib.errors import SpineError
from SpineLib.models import NOTICE, ModelBundle, ModelCard, save_bundle
from SpineLib.networks.faster_rcnn import FasterRCNN

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


def export_ct_lesions(
    run: Path,
    target: Path,
    *,
    model_id: str = "",
    title: str = "",
    version: str = "1",
    licence: str = "Apache-2.0",
    threshold: float | None = None,
    figures: dict | None = None,
    notes: str = "",
) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        model_id: the run's or the folder's name if empty.
        threshold: of the bundle; None takes the configuration's.
        figures: further figures for ``model.json``.
        notes: Markdown that ends ``card.md``.

    Raises:
        SpineError: ``run`` is no training of Faster R-CNN, or has not been validated yet.
    """
    facts = read_facts(run)
    config: CtLesionConfig = ct_lesion_config_from_dict(facts["config"])
    if not (run / BEST).is_file():
        raise SpineError(f"The training in '{run}' has not looked at its held-out cases yet; wait and export again.")
    groups, state = load_checkpoint(run / BEST)
    network = network_of(config.network)
    network.load_state_dict(groups["network"])
    trained = load_checkpoint(run / LAST)[1] if (run / LAST).is_file() else state
    validation = {key: round(value, 4) for key, value in state["figures"].items()}
    title = title or f"Lesions of the spine on CT, Faster R-CNN on {_width(config.network)}"
    card = ModelCard(
        id=model_id or model_name(run if target.name == "model" else target),
        title=title,
        version=version,
        task="ct-lesion-detection",
        licence=licence,
        network=config.network.to_card(),
        inputs=("CT",),
        preparation=config.preparation.to_dict(),
        patch=config.sampling.size,
        threshold=config.threshold if threshold is None else threshold,
        training_data=facts["data"],
        command=facts["command"],
        notice=NOTICE,
        figures={
            "validation": validation,
            "step": state["step"],
            "minutes_trained": round(state["minutes"], 1),
            **(figures or {}),
        },
        text=_text(title, config, facts, validation, trained["step"], sum(p.numel() for p in network.parameters()))
        + (f"\n{notes.strip()}\n" if notes else ""),
    )
    return save_bundle(target, network, card)


def _width(settings: RcnnSettings) -> str:
    """VGG-16, full or narrow, by its first group of 64 channels."""
    return "VGG-16" if settings.widths[0] == 64 else f"a narrow VGG-16 ({'-'.join(map(str, settings.widths))})"


def _text(title: str, config: CtLesionConfig, facts: dict, validation: dict, steps: int, parameters: int) -> str:
    data, preparation = facts["data"], config.preparation
    origin = "Trained on **simulated data** only. " if data["simulated"] else ""
    rows = "\n".join(f"| {key} | {value} |" for key, value in validation.items())
    low, high = (round(value) for value in preparation.window)
    start = f"VGG-16's layers in `{config.network.weights}`" if config.network.weights else "random weights"
    return f"""# {title}

{NOTICE}. {origin}Not for clinical use.

- Input: CT in HU; axial slices of about {preparation.slice_mm:g} mm with pixels of {preparation.pixel_mm:g} mm, {low}
  to {high} HU in 8 bit; the network sees each slice between its two neighbours.
- Network: Faster R-CNN (Ren et al. 2017) on {_width(config.network)}, {parameters / 1e6:.2f} million parameters (the
  paper's has {_FULL} million){", batch normalisation after each convolution" if config.network.batch_norm else ""};
  conv5 of stride {config.network.stride}, boxes {"aligned" if config.network.pooling == "align" else "max-pooled"};
  anchors of {", ".join(f"{value * preparation.pixel_mm:.0f}" for value in config.network.scales)} mm in
  {len(config.network.ratios)} shapes.
- Training data: {data["description"]} {data["training_cases"]} cases trained on, {data["validation_cases"]} chose the
  weights, {data["held_out_cases"]} held out.
- Training: `{facts["command"]}`; {steps} steps of {config.sampling.images} crops, from {start}.

Figures on the{" simulated" if data["simulated"] else ""} cases that chose the best weights (so slightly favourable),
slices around the vertebrae:

| figure | value |
|---|---|
{rows}
"""
