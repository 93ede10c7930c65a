"""From a training's folder to a model bundle: what the exports of all tasks share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from SpineLab.training.checkpoint import BEST, LAST, load_checkpoint
from SpineLab.training.facts import kind_of, read_facts
from SpineLab.training.record import read_log
from SpineLab.training.settings import ConfigBase
from SpineLib import NOTICE
from SpineLib.errors import SpineError
from SpineLib.models import ModelBundle, ModelCard, save_bundle

_Config = TypeVar("_Config", bound=ConfigBase)


@dataclass(frozen=True)
class Labels:
    """What is said of a bundle by the one who writes it.

    Attributes:
        model_id: the training's or the folder's name if empty.
        title: for people; the task's own if empty.
        version, licence: of the model.
        figures: further figures for ``model.json``.
        notes: Markdown that ends ``card.md``, e.g. the table of ``spine evaluate``.
    """

    model_id: str = ""
    title: str = ""
    version: str = "1"
    licence: str = "Apache-2.0"
    figures: dict[str, Any] = field(default_factory=dict)
    notes: str = ""


@dataclass(frozen=True)
class Trained(Generic[_Config]):
    """What a training's folder holds; the training may still be running.

    Attributes:
        config: its settings.
        facts: what it wrote down when it began.
        weights: of the network.
        step, minutes: of these weights.
        figures: of these weights on the cases that choose them.
        steps: trained so far.
    """

    config: _Config
    facts: dict[str, Any]
    weights: dict[str, torch.Tensor]
    step: int
    minutes: float
    figures: dict[str, float]
    steps: int


def exporter(run: Path) -> Callable[..., ModelBundle]:
    """The function ``export`` of the task that the training in ``run`` is of.

    Raises:
        SpineError: ``run`` is no folder of a training, or one of a kind that is not known.
    """
    kind = kind_of(read_facts(run))
    package = f"{__package__}.{kind.replace('-', '_')}"
    try:
        return import_module(f"{package}.export").export
    except ModuleNotFoundError as error:
        if error.name not in (package, f"{package}.export"):
            raise
        raise SpineError(
            f"The training in '{run}' is of the kind '{kind}', which this version does not know."
        ) from error


def read_trained(run: Path, kind: type[_Config], *, last: bool = False) -> Trained[_Config]:
    """The best weights so far of a training, or the ``last`` ones that were saved.

    Args:
        run: the training's folder.
        kind: of its settings.
        last: take those that were saved last.

    Raises:
        SpineError: ``run`` is no such training, has not been validated yet, or holds no latest weights.
    """
    facts = read_facts(run)
    config = kind.from_dict(facts["config"])
    if not (run / BEST).is_file():
        raise SpineError(f"The training in '{run}' has not looked at its held-out cases yet; wait and export again.")
    groups, state = load_checkpoint(run / BEST)
    best = Trained(config, facts, groups["network"], state["step"], state["minutes"], state["figures"], state["step"])
    if not (run / LAST).is_file():
        if last:
            raise SpineError(f"The training in '{run}' holds its best weights only; export without the latest ones.")
        return best
    groups, state = load_checkpoint(run / LAST)
    if not last:
        return replace(best, steps=state["step"])
    looks = [line["held_out"] for line in read_log(run) if "held_out" in line]
    weights, minutes = groups.get("average", groups["network"]), state["seconds"] / 60
    return Trained(config, facts, weights, state["step"], minutes, looks[-1] if looks else {}, state["step"])


def mean_weights(trained: Sequence[Trained]) -> dict[str, torch.Tensor]:
    """The mean of the weights of trainings that differ in their seed alone (Wortsman et al., Model soups, ICML 2022).

    Raises:
        SpineError: they differ in more.
    """

    def unseeded(one: Trained) -> ConfigBase:
        return one.config.changed(sampling={"seed": 0})

    if any(unseeded(one) != unseeded(trained[0]) for one in trained[1:]):
        raise SpineError(
            "The trainings to be averaged differ in more than their seed; give trainings of the same "
            "configuration and start."
        )
    if len(trained) == 1:
        return trained[0].weights
    return {name: torch.stack([one.weights[name].float() for one in trained]).mean(0) for name in trained[0].weights}


def save(
    trained: Sequence[Trained],
    run: Path,
    target: Path,
    network: torch.nn.Module,
    labels: Labels,
    text: str,
    /,
    *,
    looks: Sequence[dict[str, float]],
    looked_at: str = "validation",
    **card: Any,
) -> ModelBundle:
    """Write the bundle.

    Args:
        trained: the training in ``run``, and others whose weights the network has the mean of.
        run: folder of the training.
        target: the bundle's folder.
        network: with its weights.
        labels: what is said of the bundle.
        text: of the card, without notes.
        looks: figures of each training as :func:`rounded`.
        looked_at: what they are called in ``model.json``.
        card: further fields of :class:`SpineLib.models.ModelCard`.
    """
    first = trained[0]
    model = ModelCard(
        id=labels.model_id or model_name(run if target.name == "model" else target),
        version=labels.version,
        licence=labels.licence,
        training_data=first.facts["data"],
        command="; ".join(one.facts["command"] for one in trained),
        notice=NOTICE,
        figures={
            looked_at: looks[0] if len(looks) == 1 else list(looks),
            "step": first.step,
            "minutes_trained": round(sum(one.minutes for one in trained), 1),
            **labels.figures,
        },
        text=text + (f"\n{labels.notes.strip()}\n" if labels.notes else ""),
        **card,
    )
    return save_bundle(target, network, model)


def rounded(figures: dict[str, float], digits: int = 4) -> dict[str, float]:
    """As a card has them."""
    return {key: round(value, digits) for key, value in figures.items()}


def card_text(title: str, origin: str, points: str, about: str, looks: Sequence[dict[str, float]]) -> str:
    """The text of a model's card.

    Args:
        title: of the model.
        origin: a sentence on simulated data, see :func:`origin_of`.
        points: Markdown list: input, network, data, training.
        about: what the figures are of, a clause without full stop.
        looks: figures of each training.
    """
    heads = ["value"] if len(looks) == 1 else [f"training {number}" for number in range(1, len(looks) + 1)]
    rows = [[key, *(str(look[key]) for look in looks)] for key in looks[0]]
    table = "\n".join(f"| {' | '.join(row)} |" for row in [["figure", *heads], *rows])
    head, _, body = table.partition("\n")
    return f"""# {title}

{NOTICE}. {origin}Not for clinical use.

{points.strip()}

{about}:

{head}
|{"---|" * (len(looks) + 1)}
{body}
"""


def origin_of(data: dict[str, Any], part: int = 0, whole: int = 0, what: str = "cases") -> str:
    """The sentence on simulated data, empty where there is none; ``part`` of ``whole`` are simulated where not all
    are."""
    if 0 < part < whole:
        return f"Trained partly on **simulated data** ({part} of {whole} {what}). "
    return "Trained on **simulated data** only. " if data["simulated"] else ""


def model_name(folder: Path) -> str:
    """A folder's name as a model's id."""
    return re.sub(r"[^a-z0-9._-]+", "-", folder.resolve().name.lower()).strip("-._")[:64] or "model"
