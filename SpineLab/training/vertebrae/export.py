"""From a training on vertebrae to a model bundle."""

from __future__ import annotations

from pathlib import Path

from SpineLab.training.export import Labels, Trained, card_text, origin_of, read_trained, rounded, save
from SpineLab.training.vertebrae.config import VertebraConfig
from SpineLib.models import ModelBundle
from SpineLib.models.networks import KINDS
from SpineLib.networks.vnet import WIDTHS


def export(run: Path, target: Path, labels: Labels = Labels(), *, threshold: float | None = None) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        labels: what is said of the bundle.
        threshold: of the bundle; None takes the configuration's.

    Raises:
        SpineError: ``run`` is no training on vertebrae, or has not been validated yet.
    """
    trained = read_trained(run, VertebraConfig)
    config = trained.config
    network = KINDS[config.network.type].build(config.network.card)
    network.load_state_dict(trained.weights)
    held_out = rounded(trained.figures)
    title = labels.title or f"Vertebrae on CT, {network_name(config)}"
    return save(
        [trained],
        run,
        target,
        network,
        labels,
        _text(title, trained, held_out),
        looks=[held_out],
        looked_at="held_out",
        title=title,
        task="vertebra-segmentation",
        network=config.network.card,
        inputs=("CT",),
        patch=config.sampling.patch,
        preparation=config.preparation.to_dict(),
        threshold=config.threshold if threshold is None else threshold,
    )


def network_name(config: VertebraConfig) -> str:
    """ "V-Net", "narrow V-Net" or "U-Net"."""
    if config.network.type == "unet":
        return "U-Net"
    return "V-Net" if config.network.widths == WIDTHS else "narrow V-Net"


def _text(title: str, trained: Trained[VertebraConfig], held_out: dict[str, float]) -> str:
    config, data = trained.config, trained.facts["data"]
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
    points = f"""
- Input: CT, axial slices, {pixel}, {low:.0f} to {high:.0f} HU in 8 bit.
- Output: bone of vertebrae, C1 to L5 (without the sacrum); they are told apart afterwards.
- Network: {network}.
- Training data: {data["description"]} {data["training_cases"]} cases trained on, {data["held_out_cases"]} held out.
- Training: `{trained.facts["command"]}`; {trained.steps} steps of {config.sampling.batch} patches.
"""
    about = f"""\
Figures on the held-out{" simulated" if data["held_out_simulated"] else ""} cases that chose the best weights (so
slightly favourable); IoU and Dice of all slices of a case together, loss is the binary cross-entropy of a pixel"""
    return card_text(
        title, origin_of(data, data.get("simulated_cases", 0), data.get("all_cases", 0)), points, about, [held_out]
    )
