"""From a GAN's training to a model bundle."""

from __future__ import annotations

from pathlib import Path

from SpineLab.training.checkpoint import BEST, LAST, load_checkpoint
from SpineLab.training.export import model_name, read_facts
from SpineLab.training.gan.config import GanConfig, gan_config_from_dict
from SpineLib.errors import SpineError
from SpineLib.models import NOTICE, ModelBundle, ModelCard, save_bundle
from SpineLib.networks.gan import SIZE, Gan
from SpineLib.preprocess.vertebra_slices import PIXEL_MM, SLICE_MM

_NAMES = {"wgan-gp": "WGAN-GP", "dcgan": "DCGAN"}


def export_gan(
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
        SpineError: ``run`` is no training of a GAN, or has not been validated yet.
    """
    facts = read_facts(run)
    config: GanConfig = gan_config_from_dict(facts["config"])
    if not (run / BEST).is_file():
        raise SpineError(f"The training in '{run}' has not looked at its held-out cases yet; wait and export again.")
    groups, state = load_checkpoint(run / BEST)
    network = Gan(config.kind, config.latent, config.widths)
    network.load_state_dict(groups["network"])
    trained = load_checkpoint(run / LAST)[1] if (run / LAST).is_file() else state
    validation = {key: round(value, 5) for key, value in state["figures"].items()}
    title = title or f"Vertebra inpainting, slice by slice, {_NAMES[config.kind]}"
    card = ModelCard(
        id=model_id or model_name(run if target.name == "model" else target),
        title=title,
        version=version,
        task="vertebra-inpainting",
        licence=licence,
        network={"type": config.kind, "latent": config.latent, "widths": list(config.widths)},
        inputs=("mask",),
        patch=(SIZE, SIZE),
        preparation={"pixel_mm": PIXEL_MM, "slice_mm": SLICE_MM},
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


def _text(title: str, config: GanConfig, facts: dict, validation: dict, steps: int) -> str:
    data, optimisation = facts["data"], config.optimisation
    origin = (
        "Trained on **simulated data** only. "
        if data["simulated"]
        else (
            f"Trained partly on **simulated data** ({data['simulated_cases']} of {data['training_cases']} cases). "
            if data["simulated_cases"]
            else ""
        )
    )
    rows = "\n".join(f"| {key} | {value} |" for key, value in validation.items())
    own = "" if config.widths == GanConfig.widths else f"; narrower than the configuration paper-{config.kind}"
    return f"""# {title}

{NOTICE}. {origin}Not for clinical use.

- Input: masks of one vertebra, cut across its own axis into images of 64 x 64 pixels of {PIXEL_MM} mm.
- Network: the {_NAMES[config.kind]} of Miao et al., Spinal neoplasm image inpainting with deep convolutional neural
  networks; noise of length {config.latent}, {", ".join(map(str, config.widths))} channels from fine to coarse{own}.
  The bundle holds generator and {"discriminator" if config.kind == "dcgan" else "critic"}.
- Training data: {data["description"]}
  {data["training_vertebrae"]} vertebrae of {data["training_cases"]} cases trained on, {data["held_out_vertebrae"]} of
  {data["held_out_cases"]} held out.
- Training: `{facts["command"]}`; {steps} steps{_pretrained(config)}. A step of the GAN is one of the generator and
  {optimisation.critic_steps} of the {"discriminator" if config.kind == "dcgan" else "critic"}, {config.sampling.batch}
  images each.

Figures on the held-out cases that chose the best weights (so slightly favourable): one hole of 16 x 16 pixels a slice,
Dice inside the holes, and squared KMMD (Gaussian kernel, median heuristic, biased estimate) of the whole images against
the repaired ones and against images made of noise:

| figure | value |
|---|---|
{rows}
"""


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
