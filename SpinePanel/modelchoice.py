"""The choice of a model: only those that fit, with badge and card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from SpinePanel import style
from SpinePanel.cards import cardHtml, cardLabel, fittingCards, isSimulated
from SpinePanel.i18n import tr as _

#: So many letters of a title are seen in a panel of 300 pixels.
_LETTERS = 20


class ModelChoice:
    """Fills a combo box with the models that fit, and keeps a parameter in line with it.

    A model that no longer fits is let go of only when another one is taken, so that what the user set up comes back
    with the images. A model that nobody chose gives way to the first one when what it has to fit changes.

    Args:
        combo: ``QComboBox``.
        badges: widgets below the combo box: the first one holds the title where it is longer than a narrow panel shows,
            and that a model learned from simulated data.
        section: that the badges lie in.
        parameter: name of the parameter that holds the model's id.
        fits: gets the parameter node and gives a key of all that the list depends on, and a callable that lists the
            cards, the best first.
        none: gets the parameter node and gives a sentence: why there is no model.
        onTaken: gets parameter node and card when another model is taken, within one change of the node.
        empty: what the combo box shows while nothing fits.
    """

    def __init__(
        self,
        combo,
        badges: Sequence,
        section,
        parameter: str,
        fits: Callable,
        none: Callable[[object], str],
        onTaken: Callable | None = None,
        empty: str = _("No model fits"),
    ):
        self._combo, self._badges, self._section = combo, tuple(badges), section
        self._parameter, self._fits, self._none, self._onTaken = parameter, fits, none, onTaken
        self._empty = empty
        self._node: Any = None
        self._key = self._byUser = None
        self._cards: list = []
        combo.connect("activated(int)", self._chosen)

    def close(self):
        """Let go of the widget."""
        self._combo.disconnect("activated(int)", self._chosen)

    def setParameterNode(self, parameterNode):
        """Also reads anew which models are installed: the user comes back to the module."""
        self._node, self._key = parameterNode, None

    def update(self):
        """Follow the parameter node; the list is read anew only when what it depends on has changed."""
        if self._node is None:
            return
        key, cards = self._fits(self._node)
        changed = self._key is not None and key != self._key
        if key != self._key:
            self._key, self._cards = key, list(cards())
            self._fill()
        ids, chosen = [card.id for card in self._cards], getattr(self._node, self._parameter)
        if ids and (chosen not in ids or (changed and chosen not in (ids[0], self._byUser))):
            self._take(self._cards[0])
        card = self.card()
        if card is not None:
            self._combo.currentIndex = self._cards.index(card)
        self._combo.toolTip = cardHtml(card) if card else self.reason()
        self.refresh()

    def refresh(self):
        """After the section was opened, which shows all its widgets."""
        card = self.card()
        words = [cardLabel(card)] if card and len(cardLabel(card)) > _LETTERS else []
        if card and isSimulated(card):
            words.append(_("Simulated training data"))
        for badge in self._badges[:1]:
            badge.text = ". ".join(words)
            badge.styleSheet = style.BADGE if card and isSimulated(card) else ""
        for badge in self._badges:
            badge.visible = bool(words) and not self._section.collapsed
            badge.toolTip = self._combo.toolTip

    def card(self):
        """The chosen model's card, or None where it does not fit."""
        chosen = getattr(self._node, self._parameter) if self._node else None
        return next((card for card in self._cards if card.id == chosen), None)

    def reason(self):
        """Why there is no model, as a sentence; "" when there is."""
        return "" if self.card() is not None or self._node is None else self._none(self._node)

    def _fill(self):
        blocked = self._combo.blockSignals(True)
        self._combo.clear()
        for card in self._cards:
            self._combo.addItem(cardLabel(card))
        if not self._cards:
            self._combo.addItem(self._empty)
        self._combo.enabled = bool(self._cards)
        self._combo.blockSignals(blocked)

    def _chosen(self, index):
        """The user chose another model: what belongs to it comes with it."""
        if self._node is not None and 0 <= index < len(self._cards):
            self._byUser = self._cards[index].id
            self._take(self._cards[index])

    def _take(self, card):
        if getattr(self._node, self._parameter) == card.id:
            return
        modifying = self._node.StartModify()
        setattr(self._node, self._parameter, card.id)
        if self._onTaken is not None:
            self._onTaken(self._node, card)
        self._node.EndModify(modifying)


def forTask(task: str) -> Callable:
    """All installed models of a task fit, whatever is chosen."""
    return lambda node: (task, lambda: fittingCards(task, lambda card: True))


def forVertebrae(node):
    """All installed models that find vertebrae on CT, the one that is used by default first."""
    from SpineLib.models.catalogue import vertebra_models

    return "vertebrae", lambda: [card for _, card in vertebra_models()]
