"""The choice of a model for what the user chose as scans."""

from SpinePanel.cards import cardHtml, fittingCards, isSimulated


def fittingModels(target, sequences):
    """Cards of the installed models that need no more than these sequences: those that use most first, 2D before 3D.

    Args:
        target: "metastasis" or "necrosis".
        sequences: names of the chosen scans, e.g. {"ceT1", "T2"}.
    """
    cards = fittingCards(f"{target}-segmentation", lambda card: set(card.inputs) <= set(sequences))
    return sorted(cards, key=lambda card: (-len(card.inputs), card.network.get("dimensions", 2)))


class ModelCombo:
    """Fills a combo box for the chosen scans, and keeps a parameter in line with it.

    Args:
        combo, badge: widgets.
        target: "metastasis" or "necrosis".
        parameter: name of the parameter that holds the model's id.
        scans: callable: gives sequence name to volume node (or None) of a parameter node.
        onTaken: gets parameter node and card when another model is taken, within one change of the node.
    """

    def __init__(self, combo, badge, target, parameter, scans, onTaken=None):
        self._combo, self._badge, self._target, self._parameter = combo, badge, target, parameter
        self._scans, self._onTaken = scans, onTaken
        self._node = self._key = self._byUser = None
        self._cards = []
        combo.connect("activated(int)", self._chosen)

    def close(self):
        self._combo.disconnect("activated(int)", self._chosen)

    def setParameterNode(self, parameterNode):
        self._node, self._key = parameterNode, None

    def update(self):
        """Follow the parameter node; the list is read anew only when the scans have changed."""
        node = self._node
        if node is None:
            return
        key = frozenset(name for name, volume in self._scans(node).items() if volume)
        grown = self._key is not None and key != self._key
        if key != self._key:
            self._key, self._cards = key, fittingModels(self._target, key) if key else []
            blocked = self._combo.blockSignals(True)
            self._combo.clear()
            for card in self._cards:
                self._combo.addItem(card.title)
            if not self._cards:
                self._combo.addItem("No model fits" if key else "Choose a scan first")
            self._combo.enabled = bool(self._cards)
            self._combo.blockSignals(blocked)
        chosen = getattr(node, self._parameter)
        ids = [card.id for card in self._cards]
        # A model that nobody chose gives way to one that uses a scan chosen since.
        if chosen not in ids or (grown and chosen not in (ids[0], self._byUser)):
            if self._cards:
                self._take(self._cards[0])
            elif chosen:
                setattr(node, self._parameter, "")
        card = self.card()
        if card is not None:
            self._combo.currentIndex = self._cards.index(card)
        self._combo.toolTip = cardHtml(card) if card else self.reason()
        self._badge.visible = bool(card and isSimulated(card))
        self._badge.toolTip = self._combo.toolTip

    def card(self):
        """The chosen model's card, or None."""
        chosen = getattr(self._node, self._parameter) if self._node else None
        return next((card for card in self._cards if card.id == chosen), None)

    def reason(self):
        """Why there is no model, as a sentence; "" when there is."""
        if self._cards:
            return ""
        if not self._key:
            return "Choose at least one scan above."
        chosen = " + ".join(sorted(self._key))
        return f"No model for {chosen} is installed: choose other scans, or import a model (spine models import)."

    def _chosen(self, index):
        if self._node is not None and 0 <= index < len(self._cards):
            self._byUser = self._cards[index].id
            self._take(self._cards[index])

    def _take(self, card):
        modifying = self._node.StartModify()
        setattr(self._node, self._parameter, card.id)
        if self._onTaken is not None:
            self._onTaken(self._node, card)
        self._node.EndModify(modifying)
