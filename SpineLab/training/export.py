"""From a training's folder to a model bundle."""

from __future__ import annotations

import json
import re
from pathlib import Path

from SpineLab.training.checkpoint import BEST, LAST, load_checkpoint
from SpineLab.training.config import TASK_OF_LABEL, TrainingConfig, config_from_dict
from SpineLab.training.record import read_log
from SpineLib.errors import SpineError
from SpineLib.models import NOTICE, ModelBundle, ModelCard, save_bundle
from SpineLib.networks.unet import UNet

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
    *,
    model_id: str = "",
    title: str = "",
    version: str = "1",
    licence: str = "Apache-2.0",
    smallest_lesion_ml: float | None = None,
    threshold: float | None = None,
    smoothing_mm: float = 0.0,
    last: bool = False,
    figures: dict | None = None,
    notes: str = "",
) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        model_id: the folder's name if empty.
        smoothing_mm: of the card.
        last: take the latest weights that were saved, not those that were best on the held-out cases, which are few.
        figures: further figures for ``model.json``.
        notes: Markdown that ends ``card.md``, e.g. the table of ``spine evaluate``.

    Raises:
        SpineError: ``run`` is no training, has not been validated yet, or holds no latest weights.
    """
    facts = read_facts(run)
    config: TrainingConfig = config_from_dict(facts["config"])
    if not (run / BEST).is_file():
        raise SpineError(f"The training in '{run}' has not looked at its held-out cases yet; wait and export again.")
    groups, state = load_checkpoint(run / BEST)
    weights, trained = groups["network"], state
    if (run / LAST).is_file():
        groups, trained = load_checkpoint(run / LAST)
    elif last:
        raise SpineError(f"The training in '{run}' holds its best weights only; export without the latest ones.")
    if last:
        weights = groups.get("average", groups["network"])
        looks = [line["held_out"] for line in read_log(run) if "held_out" in line]
        state = {"step": trained["step"], "minutes": trained["seconds"] / 60, "figures": looks[-1] if looks else {}}
    network = UNet(config.network.dimensions, len(config.inputs), config.network.widths)
    network.load_state_dict(weights)
    held_out = {key: round(value, 4) for key, value in state["figures"].items()}
    model_id = model_id or target.name
    inputs = " and ".join(config.inputs)
    title = title or f"{_FINDINGS[config.label]} on {inputs}, {config.network.dimensions}D"
    simulated = bool(facts["data"]["simulated"])
    card = ModelCard(
        id=model_id,
        title=title,
        version=version,
        task=TASK_OF_LABEL[config.label],
        licence=licence,
        network={
            "type": "unet",
            "dimensions": config.network.dimensions,
            "inputs": len(config.inputs),
            "widths": list(config.network.widths),
        },
        inputs=config.inputs,
        preparation=config.preparation.to_dict(),
        patch=config.sampling.patch,
        threshold=config.threshold if threshold is None else threshold,
        smallest_lesion_ml=config.smallest_lesion_ml if smallest_lesion_ml is None else smallest_lesion_ml,
        smoothing_mm=smoothing_mm,
        training_data=facts["data"],
        command=facts["command"],
        notice=NOTICE,
        figures={
            "held_out": held_out,
            "step": state["step"],
            "minutes_trained": round(state["minutes"], 1),
            **(figures or {}),
        },
        text=_text(title, inputs, config, facts, held_out, trained["step"], simulated, last)
        + (f"\n{notes.strip()}\n" if notes else ""),
    )
    return save_bundle(target, network, card)


def read_facts(run: Path) -> dict:
    """What a training wrote down about itself when it began.

    Raises:
        SpineError: ``run`` is no folder of a training.
    """
    try:
        return json.loads((run / "training.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpineError(f"'{run}' is no folder of a training; give the folder of 'spine train'.") from error


def is_detector(run: Path) -> bool:
    """Whether the training in ``run`` is a detector's."""
    return "scales" in read_facts(run)["config"]


def is_ct_detector(run: Path) -> bool:
    """Whether the training in ``run`` is that of a detector of lesions on CT."""
    return "losses" in read_facts(run)["config"]


def is_completion(run: Path) -> bool:
    """Whether the training in ``run`` is a completion's."""
    return "crop" in read_facts(run)["config"].get("sampling", {})


def is_gan(run: Path) -> bool:
    """Whether the training in ``run`` is a GAN's."""
    return "latent" in read_facts(run)["config"]


def is_on_vertebrae(run: Path) -> bool:
    """Whether the training in ``run`` is that of a network that segments vertebrae on CT."""
    return "left_out" in read_facts(run)["config"]


def model_name(folder: Path) -> str:
    """A folder's name as a model's id."""
    return re.sub(r"[^a-z0-9._-]+", "-", folder.resolve().name.lower()).strip("-._")[:64] or "model"


def _text(
    title: str,
    inputs: str,
    config: TrainingConfig,
    facts: dict,
    held_out: dict,
    steps: int,
    simulated: bool,
    last: bool,
) -> str:
    data = facts["data"]
    origin = "Trained on **simulated data** only. " if simulated else ""
    rows = "\n".join(f"| {key} | {value} |" for key, value in held_out.items())
    also = f" In its place also trained on {' and '.join(config.also)}." if config.also else ""
    return f"""# {title}

{NOTICE}. {origin}Not for clinical use.

- Input: {inputs}; co-registered and prepared as `model.json` says.{also}
- Network: U-Net of {_PAPERS[config.label]}, {config.network.dimensions}D.
- Training data: {data["description"]} {data["training_cases"]} cases trained on, {data["held_out_cases"]} held out.
- Training: `{facts["command"]}`; {steps} steps of {config.sampling.batch} patches.

Figures on the held-out{" simulated" if simulated else ""} cases{
        ", at the last look" if last else " that chose the best weights (so slightly favourable)"
    }:

| figure | value |
|---|---|
{rows}
"""
