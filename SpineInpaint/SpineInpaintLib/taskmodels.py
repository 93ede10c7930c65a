"""The choice of a model for one task."""

from SpinePanel.cards import cardHtml, fittingCards, isSimulated


class TaskModels:
    """Fills a combo box with the installed models of a task, and keeps a parameter in line with it.

    Args:
        combo, badge, spacer: widgets; the spacer stands beside the badge.
        task: of the models.
        parameter: name of the parameter that holds the model's id.
        none: a sentence for when there is none.
    """

    def __init__(self, combo, badge, spacer, task, parameter, none):
        self._combo, self._badges = combo, (badge, spacer)
        self._task, self._parameter, self._none = task, parameter, none
        self._node, self._cards, self._read = None, [], False
        combo.connect("activated(int)", self._chosen)

    def close(self):
        self._combo.disconnect("activated(int)", self._chosen)

    def setParameterNode(self, parameterNode):
        """Also reads anew which models are installed: the user comes back to the module."""
        self._node, self._read = parameterNode, False

    def update(self):
        """Follow the parameter node."""
        if self._node is None:
            return
        if not self._read:
            self._fill()
        ids = [card.id for card in self._cards]
        if getattr(self._node, self._parameter) not in ids and ids:
            setattr(self._node, self._parameter, ids[0])
        card = self.card()
        if card is not None:
            self._combo.currentIndex = ids.index(card.id)
        self._combo.toolTip = cardHtml(card) if card else self._none
        for one in self._badges:
            one.visible = bool(card and isSimulated(card))
            one.toolTip = self._combo.toolTip

    def card(self):
        """The chosen model's card, or None."""
        chosen = getattr(self._node, self._parameter) if self._node else None
        return next((card for card in self._cards if card.id == chosen), None)

    def reason(self):
        """Why there is no model, as a sentence; "" when there is."""
        return "" if self.card() is not None else self._none

    def _fill(self):
        self._read, self._cards = True, fittingCards(self._task, lambda card: True)
        blocked = self._combo.blockSignals(True)
        self._combo.clear()
        for card in self._cards:
            self._combo.addItem(card.title)
        if not self._cards:
            self._combo.addItem("No model is installed")
        self._combo.enabled = bool(self._cards)
        self._combo.blockSignals(blocked)

    def _chosen(self, index):
        if self._node is not None and 0 <= index < len(self._cards):
            setattr(self._node, self._parameter, self._cards[index].id)
