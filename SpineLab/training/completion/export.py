"""From a completion's training to a model bundle."""

from __future__ import annotations

from pathlib import Path

from SpineLab.training.checkpoint import BEST, LAST, load_checkpoint
from SpineLab.training.completion.config import (
    CompletionConfig,
    completion_config_from_dict,
)
from SpineLab.training.export import model_name, read_facts
from SpineLib.errors import SpineError
from SpineLib.models import NOTICE, ModelBundle, ModelCard, save_bundle
from SpineLib.networks.unet import UNet
from SpineLib.preprocess.vertebra_frame import FRAME_MM
from SpineLib.tasks.inpainting.completion import CHANNELS, CUT_MM, STEP_MM


def export_completion(
    run: Path,
    target: Path,
    *,
    model_id: str = "",
    title: str = "",
    version: str = "1",
    licence: str = "Apache-2.0",
    figures: dict | None = None,
    notes: str = "",
) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        model_id: the run's or the folder's name if empty.
        figures: further figures for ``model.json``.
        notes: Markdown that ends ``card.md``.

    Raises:
        SpineError: ``run`` is no training of a completion, or has not been validated yet.
    """
    facts = read_facts(run)
    config: CompletionConfig = completion_config_from_dict(facts["config"])
    if not (run / BEST).is_file():
        raise SpineError(f"The training in '{run}' has not looked at its held-out cases yet; wait and export again.")
    groups, state = load_checkpoint(run / BEST)
    network = UNet(3, len(CHANNELS), config.widths)
    network.load_state_dict(groups["network"])
    trained = load_checkpoint(run / LAST)[1] if (run / LAST).is_file() else state
    validation = {key: round(value, 4) for key, value in state["figures"].items()}
    title = title or "Vertebra completion, 3D, from mirror image and neighbours"
    card = ModelCard(
        id=model_id or model_name(run if target.name == "model" else target),
        title=title,
        version=version,
        task="vertebra-completion",
        licence=licence,
        network={"type": "unet", "dimensions": 3, "inputs": len(CHANNELS), "widths": list(config.widths)},
        inputs=("mask",),
        patch=config.sampling.crop,
        preparation={"voxel_mm": FRAME_MM, "cut_mm": CUT_MM, "step_mm": STEP_MM, "channels": list(CHANNELS)},
        training_data=facts["data"],
        command=facts["command"],
        notice=NOTICE,
        figures={
            "validation": validation,
            "step": state["step"],
            "minutes_trained": round(state["minutes"], 1),
            **(figures or {}),
        },
        text=_text(title, config, facts, validation, trained["step"]) + (f"\n{notes.strip()}\n" if notes else ""),
    )
    return save_bundle(target, network, card)


def _text(title: str, config: CompletionConfig, facts: dict, validation: dict, steps: int) -> str:
    data = facts["data"]
    origin = (
        "Trained on **simulated data** only. "
        if data["simulated"]
        else (
            f"Trained partly on **simulated data** ({data['training_simulated_vertebrae']} of "
            f"{data['training_vertebrae']} vertebrae). "
            if data["training_simulated_vertebrae"]
            else ""
        )
    )
    rows = "\n".join(f"| {key} | {value} |" for key, value in validation.items())
    return f"""# {title}

{NOTICE}. {origin}Not for clinical use.

- Input: masks. In the vertebra's own frame, voxels of {FRAME_MM} mm, the network sees signed distances of the known
  bone, of its mirror image and of the two neighbours, each fitted to what is known, and their mean; it says by how much
  the mean is off.
- Network: 3D U-Net with {", ".join(map(str, config.widths))} channels from fine to coarse.
- Training data: {data["description"]}
  {data["training_vertebrae"]} vertebrae (patients: {data["training_cases"]}; pieces cut away:
  {data["training_samples"]}), with random deformations, trained on; {data["held_out_vertebrae"]} other vertebrae chose
  the weights.
- Training: `{facts["command"]}`; {steps} steps of {config.sampling.batch} crops.

Figures on the vertebrae that chose the best weights (so slightly favourable): soft Dice inside what was cut away, mean
error (mm) of the signed distance near the surface there, the same of the templates' mean, and the gain:

| figure | value |
|---|---|
{rows}
"""
