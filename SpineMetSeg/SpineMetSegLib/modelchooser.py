"""The choice of a model in the panel: only those that fit, with badge and card."""

from SpineMetSegLib.models import fittingModels
from SpinePanel.cards import cardHtml, isSimulated


class ModelChooser:
    """Fills ``modelCombo`` for the chosen inputs and network, and keeps the parameter ``model`` in line with it."""

    def __init__(self, ui):
        self._combo, self._badge = ui.modelCombo, ui.badgeLabel
        self._node = None
        self._key = None
        self._cards = []

    def setParameterNode(self, parameterNode):
        self._node, self._key = parameterNode, None

    def update(self):
        """Follow the parameter node; the list is read anew only when inputs or network have changed."""
        node = self._node
        if node is None:
            return
        chosen = frozenset(name for name, volume in (("T1", node.t1), ("T2", node.t2)) if volume)
        key = (chosen, node.network)
        if key != self._key:
            self._key = key
            self._cards = fittingModels(chosen, node.network.value) if chosen else []
            self._fill()
        self._select()

    def onChosen(self, index):
        """The user chose another model: its own threshold and smallest lesion come with it."""
        if self._node is not None and 0 <= index < len(self._cards):
            self._take(self._cards[index])

    def reason(self):
        """Why there is no model, as a sentence."""
        inputs, network = self._key or (frozenset(), None)
        if not inputs:
            return "Choose a T1 volume, a T2 volume, or both."
        other = "3D" if network.value == 2 else "2D"
        return (
            f"No {network.value}D model for {' + '.join(sorted(inputs))} is installed: choose {other}, other inputs, "
            "or import a model (spine models import)."
        )

    def _fill(self):
        blocked = self._combo.blockSignals(True)
        self._combo.clear()
        for card in self._cards:
            self._combo.addItem(card.title)
        if not self._cards:
            self._combo.addItem("No model fits" if self._key[0] else "Choose T1 or T2 first")
        self._combo.enabled = bool(self._cards)
        self._combo.blockSignals(blocked)

    def _select(self):
        """Show the node's model, or give the node the first that fits."""
        ids = [card.id for card in self._cards]
        if self._node.model not in ids:
            if self._cards:
                self._take(self._cards[0])
            elif self._node.model:
                self._node.model = ""
            ids = [card.id for card in self._cards]
        if self._node.model in ids:
            self._combo.currentIndex = ids.index(self._node.model)
        card = self._current()
        self._combo.toolTip = cardHtml(card) if card else self.reason()
        self._badge.visible = bool(card and isSimulated(card))
        self._badge.toolTip = self._combo.toolTip

    def _take(self, card):
        """One change of the node for all three values, so that observers see them together."""
        node = self._node
        modifying = node.StartModify()
        node.model = card.id
        node.threshold = min(max(float(card.threshold), 0.05), 0.95)
        node.smallestLesion = min(max(float(card.smallest_lesion_ml), 0.0), 5.0)
        node.EndModify(modifying)

    def _current(self):
        return next((card for card in self._cards if self._node and card.id == self._node.model), None)
