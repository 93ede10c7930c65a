"""From a detector's training to a model bundle."""

from __future__ import annotations

from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.models import NOTICE, ModelBundle, ModelCard, save_bundle
from SpineLib.networks.siamese import PATCH, Siamese
from SpineLib.training.checkpoint import BEST, LAST, load_checkpoint
from SpineLib.training.detection.config import DetectorConfig, detector_config_from_dict
from SpineLib.training.export import model_name, read_facts

_NORMALISED = {"patch": "each patch's mean and deviation", "local": "local mean and deviation",
               "local-root": "local mean and deviation of the intensities' square roots",
               "slice": "each slice's mean and deviation"}


def export_detector(run: Path, target: Path, *, model_id: str = "", title: str = "", version: str = "1",
                    licence: str = "Apache-2.0", smallest_area_cm2: float | None = None,
                    threshold: float | None = None, figures: dict | None = None, notes: str = "") -> ModelBundle:
    """Write the best weights so far of the training in ``run`` as a bundle; the training may still be running.

    Args:
        run: the training's folder.
        target: the bundle's folder.
        model_id: the run's or the folder's name if empty.
        threshold, smallest_area_cm2: of the bundle; None takes the configuration's.
        figures: further figures for ``model.json``.
        notes: Markdown that ends ``card.md``.

    Raises:
        SpineError: ``run`` is no training of a detector, or has not been validated yet.
    """
    facts = read_facts(run)
    config: DetectorConfig = detector_config_from_dict(facts["config"])
    if not (run / BEST).is_file():
        raise SpineError(f"The training in '{run}' has not looked at its held-out cases yet; wait and export again.")
    groups, state = load_checkpoint(run / BEST)
    network = Siamese(config.scales, config.context)
    network.load_state_dict(groups["network"])
    trained = load_checkpoint(run / LAST)[1] if (run / LAST).is_file() else state
    validation = {key: round(value, 4) for key, value in state["figures"].items()}
    scales = ", ".join(f"{scale:g}" for scale in config.scales)
    title = title or f"Metastasis detection on {config.sequence}, {scales} mm a pixel"
    card = ModelCard(
        id=model_id or model_name(run if target.name == "model" else target), title=title, version=version,
        task="metastasis-detection", licence=licence,
        network={"type": "siamese", "context": config.context, "scales": list(config.scales)},
        inputs=(config.sequence,), patch=PATCH,
        preparation={"normalisation": config.normalisation,
                     "smallest_area_cm2": config.smallest_area_cm2 if smallest_area_cm2 is None else smallest_area_cm2},
        threshold=config.threshold if threshold is None else threshold, training_data=facts["data"],
        command=facts["command"], notice=NOTICE,
        figures={"validation": validation, "step": state["step"], "minutes_trained": round(state["minutes"], 1),
                 **(figures or {})},
        text=_text(title, config, facts, validation, trained["step"]) + (f"\n{notes.strip()}\n" if notes else ""))
    return save_bundle(target, network, card)


def _text(title: str, config: DetectorConfig, facts: dict, validation: dict, steps: int) -> str:
    data = facts["data"]
    origin = "Trained on **simulated data** only. " if data["simulated"] else ""
    rows = "\n".join(f"| {key} | {value} |" for key, value in validation.items())
    beyond = ("zeros, as in the paper" if config.context == "zeros"
              else "the image's own margin, which the paper does not have and a fast run over whole slices needs")
    unit = "lattices of places" if config.sampling.kind == "strips" else "patches"
    return f"""# {title}

{NOTICE}. {origin}Not for clinical use.

- Input: {config.sequence}, sagittal slices; normalised by {_NORMALISED[config.normalisation]}.
- Network: the Siamese network of Wang et al., A multi-resolution approach for spinal metastasis detection using deep
  Siamese neural networks (2017); beyond a patch its convolutions see {beyond}.
- Training data: {data["description"]} {data["training_cases"]} cases trained on, {data["validation_cases"]} chose the
  weights, {data["held_out_cases"]} held out.
- Training: `{facts["command"]}`; {steps} steps of {config.sampling.batch} {unit}.

Figures on the{" simulated" if data["simulated"] else ""} cases that chose the best weights (so slightly favourable):

| figure | value |
|---|---|
{rows}
"""
