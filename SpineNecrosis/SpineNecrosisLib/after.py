"""Step 2: the scans from after the ablation."""

from SpinePanel.i18n import tr as _
from SpinePanel.step import StepBase


class After(StepBase):
    """What is there, and what is odd about it."""

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "after")

    def update(self):
        node, text = self._node, ""
        if node is None:
            return
        before, after = self._panel.scansBefore(node).values(), self._panel.scansAfter(node).values()
        if any(one is other for one in before for other in after if one is not None):
            text = _("A scan is chosen both as before and as after.")
        elif any(after) and node.afterCeT1 is None:
            text = _("Without contrast-enhanced T1 the rim of the necrosis is hard to see.")
        if text != self.widgets.said():
            self.widgets.say(text, warning=True)

    def summary(self):
        names = [name for name, volume in self._panel.scansAfter(self._node).items() if volume] if self._node else []
        return bool(names), " + ".join(names)
