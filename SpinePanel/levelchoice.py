"""A combo box for the level of one vertebra, from which the others are named."""

from SpineLib.volume.levels import DOWNWARDS, VERSE

#: What can be chosen, from the top downwards; spines with a sixth lumbar vertebra are there.
MOVABLE = tuple(VERSE[number] for number in sorted({*DOWNWARDS, 25}) if VERSE[number] != "S")


class LevelChoice:
    """Lets the user name a vertebra.

    Args:
        combo: QComboBox, empty.
        unknown: text of the choice that names none.
        parameter: of the parameter node, a level or "".
        levels: that can be chosen.
    """

    def __init__(self, combo, unknown, parameter, levels=MOVABLE):
        self._combo, self._parameter, self._node = combo, parameter, None
        self._levels = ("", *levels)
        combo.addItem(unknown, "")
        for level in levels:
            combo.addItem(level, level)
        combo.connect("activated(int)", self._onChosen)

    def close(self):
        """Let go of the widget."""
        self._combo.disconnect("activated(int)", self._onChosen)

    def setParameterNode(self, node):
        """Follow this parameter node, or None."""
        self._node = node
        self.update()

    def update(self):
        """Show what the parameter node says."""
        if self._node is not None:
            level = getattr(self._node, self._parameter)
            self._combo.currentIndex = self._levels.index(level) if level in self._levels else 0

    def _onChosen(self, index):
        if self._node is not None:
            setattr(self._node, self._parameter, self._combo.itemData(index) or "")
