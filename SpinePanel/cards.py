"""Which model bundles fit the chosen inputs, and what a panel says about them. No Qt here."""

from __future__ import annotations

import html

from SpinePanel.i18n import tr as _


def fittingCards(task: str, fits):
    """Cards of the installed bundles of a task: those measured best first, those without a figure last.

    A 3D model that a 2D one for the same images is measured to be better than is left out: it takes longer and finds
    less. In the shell it stays selectable.

    Args:
        task: one of ``SpineLib.models.card.TASKS``.
        fits: callable that gets a card: whether it is wanted.
    """
    from SpineLib.models import list_bundles
    from SpineLib.models.ranking import better_in_2d, measured_dice

    cards = [card for _, card in list_bundles() if card.task == task and fits(card)]
    offered = [card for card in cards if better_in_2d(card, cards) is None]
    # Of equals the faster 2D; the order is stable, so that then the project's own come first.
    return sorted(offered, key=lambda card: (-(measured_dice(card) or 0.0), card.network.get("dimensions", 2)))


def cardLabel(card) -> str:
    """What a list of models shows of one: its title, and how good it was measured to be."""
    from SpineLib.models.ranking import measured_dice

    dice = measured_dice(card)
    if dice is None:
        return card.title
    return _("{title} (Dice {dice:.0f} %, simulated)").format(title=card.title, dice=100 * dice)


def isSimulated(card) -> bool:
    """Whether the model learned from simulated images."""
    return bool(card.training_data.get("simulated"))


def cardHtml(card) -> str:
    """The model card as rich text for a tooltip."""
    rows = [
        (_("Model"), _("{title} (version {version})").format(title=card.title, version=card.version)),
        (_("Inputs"), " + ".join(card.inputs)),
        (_("Training data"), str(card.training_data.get("description", ""))),
        (_("Licence"), card.licence),
    ]
    rows += [(name.replace("_", " "), _figure(value)) for name, value in card.figures.items() if _figure(value)]
    table = "".join(
        f"<tr><td><b>{html.escape(name)}</b>&nbsp;</td><td>{html.escape(text)}</td></tr>" for name, text in rows if text
    )
    return f"<table>{table}</table><p>{html.escape(card.notice)}</p>"


def _figure(value) -> str:
    """A measured figure as text; nested ones in one line, longer tables are left to the card's own file."""
    if isinstance(value, dict):
        text = ", ".join(
            f"{name.replace('_', ' ')} {_figure(one)}"
            for name, one in value.items()
            if not isinstance(one, (dict, list))
        )
    elif isinstance(value, float):
        text = f"{value:.3g}"
    else:
        text = "" if isinstance(value, list) else str(value)
    return text if len(text) <= 200 else text[:199] + "…"


def provenanceLine(provenance) -> str:
    """How a result was made, in a line for the log; "" where nothing is known.

    Args:
        provenance: as every job gives it; the whole of it lies in the result's nodes.
    """
    if not provenance:
        return ""
    model = provenance.get("model") or {}
    if isinstance(model, dict) and model.get("id"):
        version, checksum = model.get("version", ""), str(model.get("sha256", ""))[:8]
        made = f"{model['id']}{f' version {version}' if version else ''}{f' (SHA-256 {checksum}…)' if checksum else ''}"
    else:
        made = str(provenance.get("task", ""))
    parts = [made, str(provenance.get("device") or ""), f"SpineOncology {provenance.get('version', '')}".strip()]
    return _("Made by {names}.").format(names=", ".join(part for part in parts if part))
