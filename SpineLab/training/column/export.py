"""From a training on the column to a model bundle."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from SpineLab.training.column.config import ColumnConfig
from SpineLab.training.export import Labels, Trained, card_text, origin_of, read_trained, rounded, save
from SpineLib.models import ModelBundle
from SpineLib.models.networks import KINDS


def export(run: Path, target: Path, labels: Labels = Labels()) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        labels: what is said of the bundle.

    Raises:
        SpineError: ``run`` is no training on the column, or has not been validated yet.
    """
    trained = read_trained(run, ColumnConfig)
    config = trained.config
    network = KINDS["column"].build(config.network.card)
    network.load_state_dict(trained.weights)
    held_out = rounded(trained.figures)
    title = labels.title or f"Vertebral column on {'CT' if config.preparation.kind == 'ct' else 'MR'}"
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
        task="column-segmentation",
        network=config.network.card,
        inputs=config.inputs,
        patch=config.sampling.patch,
        preparation=asdict(config.preparation),
        threshold=0.5,
    )


def _text(title: str, trained: Trained[ColumnConfig], held_out: dict[str, float]) -> str:
    config, data = trained.config, trained.facts["data"]
    z, y, x = config.preparation.spacing
    points = f"""
- Input: {" or ".join(config.inputs)}, voxels of {z:g} x {y:g} x {x:g} mm (superior, posterior, left).
- Output: body, arch, sacrum, disc, canal and other bone, and for each voxel of a vertebra the way to its body's centre,
  by which vertebrae are told apart.
- Network: a 3-D U-Net with {", ".join(str(width) for width in config.network.widths)} maps and instance normalisation.
- Training data: {data["description"]} {data["training_cases"]} cases trained on, {data["held_out_cases"]} held out.
- Training: `{trained.facts["command"]}`; {trained.steps} steps of {config.sampling.batch} patches.
"""
    about = """\
Figures on patches of the held-out simulated cases that chose the best weights (so slightly favourable): Dice of each
part, and how far from the centre a voxel votes, mm"""
    whole, real = data["training_cases"], data["real_cases"]
    origin = origin_of(data | {"simulated": not real}, whole - real, whole)
    return card_text(title, origin, points, about, [held_out])
