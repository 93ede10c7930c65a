"""Step 4: compare the listed segmentation with a reference, voxel by voxel."""

import math

from SpineLib.errors import SpineError
from SpinePanel.i18n import tr as _
from SpinePanel.segments import chosenSegment, fillSegments
from SpinePanel.step import StepBase

_ALL = ((_("All segments"), ""),)


class CompareStep(StepBase):
    """Everything of the step."""

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "compare")
        self._compared = self._reference = self._seen = None
        self._stop = lambda: None
        self.connect(
            (ui.compareButton, "clicked(bool)", self.onCompare),
            (ui.referenceSegmentCombo, "activated(int)", self._onChosen),
            (ui.comparedSegmentCombo, "activated(int)", self._onChosen),
        )

    def close(self):
        super().close()
        self._stop()

    def clear(self):
        super().clear()
        self._stop()
        self._compared = self._reference = None
        self.widgets.say("")

    def update(self):
        from SpineLib.scene.changes import watch

        node, ui = self._node, self.ui
        if node is None:
            return
        if node.reference is not self._reference:
            self._stop()
            self._reference, self._stop = node.reference, watch(node.reference, self._edited)
        fillSegments(ui.referenceSegmentCombo, node.reference, _ALL)
        fillSegments(ui.comparedSegmentCombo, node.result, _ALL)
        there = node.result is not None and node.reference is not None
        ui.compareButton.enabled = there and self._panel.results.volume() is not None
        self._onChosen()

    def changed(self):
        """One of the two was edited: what was said of it is no longer true."""
        if self._compared is not None:
            self._compared = None
            self.widgets.say("")

    def lookAgain(self):
        if self._compared is not None and self._stamp() != self._seen:
            self.changed()

    def onCompare(self, checked=False):
        """Dice, true positive rate and true negative rate of the listed segmentation against the reference."""
        from SpineLib.scene.compare import compare_segments

        reference, compared = self._chosen()
        try:
            overlap = compare_segments(reference, compared, self._panel.results.volume())
        except SpineError as error:
            self._panel.error(self.widgets, str(error))
            return
        self._compared, self._seen = self._chosen(), self._stamp()
        text = _("Dice {dice}, TPR {tpr}, TNR {tnr}").format(
            dice=_percent(overlap.dice), tpr=_percent(overlap.tpr), tnr=_percent(overlap.tnr, 2)
        )
        self._panel.tell(self.widgets, text)

    def _edited(self):
        """The reference was edited."""
        self.changed()
        self._panel.later()

    def _stamp(self):
        from SpineLib.scene.changes import stamp_of

        return stamp_of(self._node.reference), stamp_of(self._node.result)

    def _chosen(self):
        """(segmentation node, segment id or None) of the reference, and of what is compared with it."""
        return (
            (self._node.reference, chosenSegment(self.ui.referenceSegmentCombo)),
            (self._node.result, chosenSegment(self.ui.comparedSegmentCombo)),
        )

    def _onChosen(self, index=0):
        """What was said of other segments goes."""
        if self._node is not None and self._compared not in (None, self._chosen()):
            self.changed()


def _percent(value, decimals=1):
    return _("undefined (nothing there)") if math.isnan(value) else f"{100 * value:.{decimals}f} %"
