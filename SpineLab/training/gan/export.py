"""From a GAN's training to a model bundle."""

from __future__ import annotations

from pathlib import Path

from SpineLab.training.export import Labels, Trained, card_text, origin_of, read_trained, rounded, save
from SpineLab.training.gan.config import GanConfig
from SpineLib.models import ModelBundle
from SpineLib.networks.gan import SIZE, Gan
from SpineLib.preprocess.vertebra_slices import PIXEL_MM, SLICE_MM

_NAMES = {"wgan-gp": "WGAN-GP", "dcgan": "DCGAN"}


def export(run: Path, target: Path, labels: Labels = Labels()) -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        labels: what is said of the bundle.

    Raises:
        SpineError: ``run`` is no training of a GAN, or has not been validated yet.
    """
    trained = read_trained(run, GanConfig)
    config = trained.config
    network = Gan(config.kind, config.latent, config.widths)
    network.load_state_dict(trained.weights)
    figures = rounded(trained.figures, 5)
    title = labels.title or f"Vertebra inpainting, slice by slice, {_NAMES[config.kind]}"
    return save(
        [trained],
        run,
        target,
        network,
        labels,
        _text(title, trained, figures),
        looks=[figures],
        title=title,
        task="vertebra-inpainting",
        network={"type": config.kind, "latent": config.latent, "widths": list(config.widths)},
        inputs=("mask",),
        patch=(SIZE, SIZE),
        preparation={"pixel_mm": PIXEL_MM, "slice_mm": SLICE_MM},
    )


def _text(title: str, trained: Trained[GanConfig], figures: dict[str, float]) -> str:
    config, data = trained.config, trained.facts["data"]
    command = trained.facts["command"]
    critic = "discriminator" if config.kind == "dcgan" else "critic"
    own = "" if config.widths == GanConfig.widths else f"; narrower than the configuration paper-{config.kind}"
    points = f"""
- Input: masks of one vertebra, cut across its own axis into images of 64 x 64 pixels of {PIXEL_MM} mm.
- Network: the {_NAMES[config.kind]} of Miao et al., Spinal neoplasm image inpainting with deep convolutional neural
  networks; noise of length {config.latent}, {", ".join(map(str, config.widths))} channels from fine to coarse{own}.
  The bundle holds generator and {critic}.
- Training data: {data["description"]}
  {data["training_vertebrae"]} vertebrae of {data["training_cases"]} cases trained on, {data["held_out_vertebrae"]} of
  {data["held_out_cases"]} held out.
- Training: `{command}`; {trained.steps} steps{_pretrained(config)}. A step of the GAN is one of the generator and
  {config.optimisation.critic_steps} of the {critic}, {config.sampling.batch}
  images each.
"""
    about = """\
Figures on the held-out cases that chose the best weights (so slightly favourable): one hole of 16 x 16 pixels a slice,
Dice inside the holes, and squared KMMD (Gaussian kernel, median heuristic, biased estimate) of the whole images against
the repaired ones and against images made of noise"""
    origin = origin_of(data, data["simulated_cases"], data["training_cases"])
    return card_text(title, origin, points, about, [figures])


def _pretrained(config: GanConfig) -> str:
    share = config.pretraining.share
    return (
        (
            f", those in the first {share:.0%} of the time on the generator as decoder of a variational autoencoder "
            f"({config.pretraining.batch} images each), which the paper does not have"
        )
        if share
        else ""
    )
