"""From a training on vertebrae to a model bundle."""

from __future__ import annotations

from pathlib import Path

from SpineLab.training.checkpoint import BEST, LAST, load_checkpoint
from SpineLab.training.export import model_name, read_facts
from SpineLab.training.vertebrae.config import VertebraConfig, vertebra_config_from_dict
from SpineLib.errors import SpineError
from SpineLib.models import NOTICE, ModelBundle, ModelCard, save_bundle
from SpineLib.models.networks import KINDS
from SpineLib.networks.vnet import WIDTHS


def export_vertebrae(
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
        SpineError: ``run`` is no training on vertebrae, or has not been validated yet.
    """
    facts = read_facts(run)
    config: VertebraConfig = vertebra_config_from_dict(facts["config"])
    if not (run / BEST).is_file():
        raise SpineError(f"The training in '{run}' has not looked at its held-out cases yet; wait and export again.")
    groups, state = load_checkpoint(run / BEST)
    network = KINDS[config.network.type].build(config.network.card)
    network.load_state_dict(groups["network"])
    trained = load_checkpoint(run / LAST)[1] if (run / LAST).is_file() else state
    held_out = {key: round(value, 4) for key, value in state["figures"].items()}
    title = title or f"Vertebrae on CT, {network_name(config)}"
    card = ModelCard(
        id=model_id or model_name(run if target.name == "model" else target),
        title=title,
        version=version,
        task="vertebra-segmentation",
        licence=licence,
        network=config.network.card,
        inputs=("CT",),
        patch=config.sampling.patch,
        preparation=config.preparation.to_dict(),
        threshold=config.threshold if threshold is None else threshold,
        training_data=facts["data"],
        command=facts["command"],
        notice=NOTICE,
        figures={
            "held_out": held_out,
            "step": state["step"],
            "minutes_trained": round(state["minutes"], 1),
            **(figures or {}),
        },
        text=_text(title, config, facts, held_out, trained["step"]) + (f"\n{notes.strip()}\n" if notes else ""),
    )
    return save_bundle(target, network, card)


def network_name(config: VertebraConfig) -> str:
    """ "V-Net", "narrow V-Net" or "U-Net"."""
    if config.network.type == "unet":
        return "U-Net"
    return "V-Net" if config.network.widths == WIDTHS else "narrow V-Net"


def _text(title: str, config: VertebraConfig, facts: dict, held_out: dict, steps: int) -> str:
    data = facts["data"]
    origin = "Trained on **simulated data** only. " if data["simulated"] else ""
    rows = "\n".join(f"| {key} | {value} |" for key, value in held_out.items())
    low, high = config.preparation.window
    pixel = f"pixels of {config.preparation.pixel_mm:g} mm" if config.preparation.pixel_mm else "the CT's own pixels"
    full = ", ".join(str(width) for width in WIDTHS)
    own = ", ".join(str(width) for width in config.network.widths)
    network = (
        f"the V-Net of Miao et al., Spinal neoplasm image inpainting (2020), with {own} maps instead of {full}"
        if config.network.type == "vnet" and config.network.widths != WIDTHS
        else "the V-Net of Miao et al., Spinal neoplasm image inpainting (2020)"
        if config.network.type == "vnet"
        else f"U-Net in 2D with {own} maps, which Miao et al. compare their V-Net with"
    )
    return f"""# {title}

{NOTICE}. {origin}Not for clinical use.

- Input: CT, axial slices, {pixel}, {low:.0f} to {high:.0f} HU in 8 bit.
- Output: bone of vertebrae, C1 to L5 (without the sacrum); they are told apart afterwards.
- Network: {network}.
- Training data: {data["description"]} {data["training_cases"]} cases trained on, {data["held_out_cases"]} held out.
- Training: `{facts["command"]}`; {steps} steps of {config.sampling.batch} patches.

Figures on the held-out{" simulated" if data["held_out_simulated"] else ""} cases that chose the best weights (so
slightly favourable); IoU and Dice of all slices of a case together, loss is the binary cross-entropy of a pixel:

| figure | value |
|---|---|
{rows}
"""
