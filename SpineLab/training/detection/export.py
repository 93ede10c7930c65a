"""From a detector's training to a model bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from SpineLab.training.checkpoint import BEST, LAST, load_checkpoint
from SpineLab.training.detection.config import DetectorConfig, detector_config_from_dict
from SpineLab.training.export import model_name, read_facts
from SpineLib.errors import SpineError
from SpineLib.models import NOTICE, ModelBundle, ModelCard, save_bundle
from SpineLib.networks.siamese import PATCH, Siamese

_NORMALISED = {
    "patch": "each patch's mean and deviation",
    "local": "local mean and deviation",
    "local-root": "local mean and deviation of the intensities' square roots",
    "slice": "each slice's mean and deviation",
}


class _Trained(NamedTuple):
    """What a training's folder holds: its settings, what it wrote about itself, and its best weights."""

    config: DetectorConfig
    facts: dict
    weights: dict[str, torch.Tensor]
    state: dict
    steps: int


def export_detector(
    run: Path,
    target: Path,
    *,
    average: Sequence[Path] = (),
    model_id: str = "",
    title: str = "",
    version: str = "1",
    licence: str = "Apache-2.0",
    smallest_area_cm2: float | None = None,
    threshold: float | None = None,
    figures: dict | None = None,
    notes: str = "",
) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        average: further trainings from the same start that differ in their seed alone; the bundle gets the mean of all
            weights (Wortsman et al., Model soups, ICML 2022).
        model_id: the run's or the folder's name if empty.
        threshold, smallest_area_cm2: of the bundle; None takes the configuration's.
        figures: further figures for ``model.json``.
        notes: Markdown that ends ``card.md``.

    Raises:
        SpineError: ``run`` is no training of a detector, has not been validated yet, or cannot be averaged with others.
    """
    trained = [_read(folder) for folder in (run, *average)]
    config, facts = trained[0].config, trained[0].facts
    _check_alike(trained)
    network = Siamese(config.scales, config.context)
    network.load_state_dict(_mean([one.weights for one in trained]))
    looks = [{key: round(value, 4) for key, value in one.state["figures"].items()} for one in trained]
    scales = ", ".join(f"{scale:g}" for scale in config.scales)
    title = title or f"Metastasis detection on {config.sequence}, {scales} mm a pixel"
    card = ModelCard(
        id=model_id or model_name(run if target.name == "model" else target),
        title=title,
        version=version,
        task="metastasis-detection",
        licence=licence,
        network={"type": "siamese", "context": config.context, "scales": list(config.scales)},
        inputs=(config.sequence,),
        patch=PATCH,
        preparation={
            "normalisation": config.normalisation,
            "smallest_area_cm2": config.smallest_area_cm2 if smallest_area_cm2 is None else smallest_area_cm2,
        },
        threshold=config.threshold if threshold is None else threshold,
        training_data=facts["data"],
        command="; ".join(one.facts["command"] for one in trained),
        notice=NOTICE,
        figures={
            "validation": looks[0] if len(looks) == 1 else looks,
            "step": trained[0].state["step"],
            "minutes_trained": round(sum(one.state["minutes"] for one in trained), 1),
            **(figures or {}),
        },
        text=_text(title, trained, looks) + (f"\n{notes.strip()}\n" if notes else ""),
    )
    return save_bundle(target, network, card)


def _read(run: Path) -> _Trained:
    facts = read_facts(run)
    if not (run / BEST).is_file():
        raise SpineError(f"The training in '{run}' has not looked at its held-out cases yet; wait and export again.")
    groups, state = load_checkpoint(run / BEST)
    latest = load_checkpoint(run / LAST)[1] if (run / LAST).is_file() else state
    return _Trained(detector_config_from_dict(facts["config"]), facts, groups["network"], state, latest["step"])


def _check_alike(trained: list[_Trained]) -> None:
    """Weights can be averaged where trainings left the same place on the same way."""

    def unseeded(config: DetectorConfig) -> DetectorConfig:
        return replace(config, sampling=replace(config.sampling, seed=0))

    first = trained[0].config
    if any(unseeded(one.config) != unseeded(first) for one in trained[1:]):
        raise SpineError(
            "The trainings to be averaged differ in more than their seed; give trainings of the same "
            "configuration and start."
        )
    if len(trained) > 1 and not (first.init_from and first.optimisation.frozen_norms):
        raise SpineError(
            "Only trainings with frozen_norms that started from the same detector can be averaged; export one alone."
        )


def _mean(states: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]}


def _text(title: str, trained: list[_Trained], looks: list[dict]) -> str:
    config, data = trained[0].config, trained[0].facts["data"]
    origin = "Trained on **simulated data** only. " if data["simulated"] else ""
    rows = "\n".join(" | ".join([f"| {key}", *(str(look[key]) for look in looks)]) + " |" for key in looks[0])
    beyond = (
        "zeros, as in the paper"
        if config.context == "zeros"
        else "the image's own margin, which the paper does not have and a fast run over whole slices needs"
    )
    unit = "lattices of places" if config.sampling.kind == "strips" else "patches"
    trainings = "\n".join(
        f"- Training: `{one.facts['command']}`; {one.steps} steps of {config.sampling.batch} {unit}." for one in trained
    )
    mean, alone, heads = "", "", ["value"]
    if len(trained) > 1:
        mean = (
            f"- Weights: the mean of those of the {len(trained)} trainings, which differ in their seed (Wortsman "
            "et al., Model soups, 2022).\n"
        )
        alone, heads = ", of each training alone", [f"training {number}" for number in range(1, len(trained) + 1)]
    return f"""# {title}

{NOTICE}. {origin}Not for clinical use.

- Input: {config.sequence}, sagittal slices; normalised by {_NORMALISED[config.normalisation]}.
- Network: the Siamese network of Wang et al., A multi-resolution approach for spinal metastasis detection using deep
  Siamese neural networks (2017); beyond a patch its convolutions see {beyond}.
- Training data: {data["description"]} {data["training_cases"]} cases trained on, {data["validation_cases"]} chose the
  weights, {data["held_out_cases"]} held out.
{trainings}
{mean}
Figures on the{" simulated" if data["simulated"] else ""} cases that chose the best weights (so slightly favourable){
        alone
    }:

| {" | ".join(["figure", *heads])} |
|{"---|" * (len(looks) + 1)}
{rows}
"""
