"""From a completion's training to a model bundle."""

from __future__ import annotations

from pathlib import Path

from SpineLab.training.completion.config import CompletionConfig
from SpineLab.training.export import Labels, Trained, card_text, origin_of, read_trained, rounded, save
from SpineLib.models import ModelBundle
from SpineLib.networks.unet import UNet
from SpineLib.preprocess.vertebra_frame import FRAME_MM
from SpineLib.tasks.inpainting.completion import CHANNELS, CUT_MM, STEP_MM


def export(run: Path, target: Path, labels: Labels = Labels()) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        labels: what is said of the bundle.

    Raises:
        SpineError: ``run`` is no training of a completion, or has not been validated yet.
    """
    trained = read_trained(run, CompletionConfig)
    config = trained.config
    network = UNet(3, len(CHANNELS), config.widths)
    network.load_state_dict(trained.weights)
    figures = rounded(trained.figures)
    title = labels.title or "Vertebra completion, 3D, from mirror image and neighbours"
    return save(
        [trained],
        run,
        target,
        network,
        labels,
        _text(title, trained, figures),
        looks=[figures],
        title=title,
        task="vertebra-completion",
        network={"type": "unet", "dimensions": 3, "inputs": len(CHANNELS), "widths": list(config.widths)},
        inputs=("mask",),
        patch=config.sampling.crop,
        preparation={"voxel_mm": FRAME_MM, "cut_mm": CUT_MM, "step_mm": STEP_MM, "channels": list(CHANNELS)},
    )


def _text(title: str, trained: Trained[CompletionConfig], figures: dict[str, float]) -> str:
    config, data = trained.config, trained.facts["data"]
    origin = origin_of(data, data["training_simulated_vertebrae"], data["training_vertebrae"], "vertebrae")
    points = f"""
- Input: masks. In the vertebra's own frame, voxels of {FRAME_MM} mm, the network sees signed distances of the known
  bone, of its mirror image and of the two neighbours, each fitted to what is known, and their mean; it says by how much
  the mean is off.
- Network: 3D U-Net with {", ".join(map(str, config.widths))} channels from fine to coarse.
- Training data: {data["description"]}
  {data["training_vertebrae"]} vertebrae (patients: {data["training_cases"]}; pieces cut away:
  {data["training_samples"]}), with random deformations, trained on; {data["held_out_vertebrae"]} other vertebrae chose
  the weights.
- Training: `{trained.facts["command"]}`; {trained.steps} steps of {config.sampling.batch} crops.
"""
    about = """\
Figures on the vertebrae that chose the best weights (so slightly favourable): soft Dice inside what was cut away, mean
error (mm) of the signed distance near the surface there, the same of the templates' mean, and the gain"""
    return card_text(title, origin, points, about, [figures])
