"""From a training that marks lesions on CT to a model bundle."""

from __future__ import annotations

from pathlib import Path

from SpineLab.training.ct_marks.config import MarkConfig
from SpineLab.training.export import Labels, card_text, read_trained, rounded, save
from SpineLib.models import ModelBundle
from SpineLib.networks.unet import UNet
from SpineLib.tasks.ct.lesion_marks import CHANNELS, KINDS, WINDOWS


def export(run: Path, target: Path, labels: Labels = Labels()) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        labels: what is said of the bundle.

    Raises:
        SpineError: ``run`` is no such training, or has not been validated yet.
    """
    trained = read_trained(run, MarkConfig)
    config, data = trained.config, trained.facts["data"]
    network = UNet(3, CHANNELS, config.widths, len(KINDS))
    network.load_state_dict(trained.weights)
    figures = rounded(trained.figures)
    title = labels.title or "Lesions of bone on CT, marked in 3-D by a U-Net"
    windows = " and ".join(f"{low:g} to {high:g}" for low, high in WINDOWS)
    points = f"""
- Input: CT in HU, in voxels of {config.spacing_mm:g} mm; two channels, {windows} HU.
- Output: for each voxel whether it is {", ".join(name for name in KINDS.values() if name)} or none of them. What hangs
  together is one lesion, with the box around it.
- Network: 3-D U-Net with {", ".join(map(str, config.widths))} maps, batch normalisation.
- Training data: {data["description"]} {data["training_cases"]} cases trained on, {data["validation_cases"]} simulated
  ones chose the weights.
- Training: `{trained.facts["command"]}`; {trained.steps} steps of {config.sampling.batch} patches of
  {config.sampling.patch}^3 voxels.
"""
    about = """\
Figures on patches of the simulated cases that chose the best weights (so slightly favourable): Dice of lesion of any
kind, share of its voxels whose kind is right, share of the patches without a lesion in which something is marked"""
    return save(
        [trained],
        run,
        target,
        network,
        labels,
        card_text(title, "Every lesion it learned from is **simulated**. ", points, about, [figures]),
        looks=[figures],
        title=title,
        task="ct-lesion-detection",
        network={
            "type": "unet", "dimensions": 3, "inputs": CHANNELS, "widths": list(config.widths), "outputs": len(KINDS),
        },
        inputs=("CT",),
        preparation={"spacing_mm": config.spacing_mm},
        patch=(config.sampling.patch,) * 3,
        threshold=config.threshold,
    )  # fmt: skip
