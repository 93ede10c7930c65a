"""Step 1: segment the vertebrae, or take a segmentation of them."""

import qt

from SpineInpaintLib.runs import VertebraeRun
from SpineInpaintLib.tables import fillTable, prepareTable
from SpineInpaintLib.taskmodels import TaskModels
from SpineLib.errors import SpineError
from SpinePanel.segments import openInEditor
from SpinePanel.step import Step

#: Vertebrae are looked at this long after an edit, milliseconds: while the user paints, nothing is measured.
_PAUSE_MS = 800


#: What telling the vertebrae apart needs and Slicer does not bring.
_SCIKIT_IMAGE = ("scikit-image>=0.22", "skimage")
_LEVELS = (*(f"C{n}" for n in range(1, 8)), *(f"T{n}" for n in range(1, 13)), *(f"L{n}" for n in range(1, 6)), "S")


class VertebraeStep:
    """Everything of the step.

    Args:
        ui: widgets of the ``.ui`` by name.
        panel: starts jobs, knows the parameter node and the other steps.

    Attributes:
        found: ``SpineLib.scene.vertebrae.Vertebrae`` as they are now; None without a segmentation.
    """

    def __init__(self, ui, panel):
        self.ui, self._panel = ui, panel
        self._node = self._watched = None
        self._stop, self.found, self._problem = lambda: None, None, ""
        self.step = Step(ui, "vertebrae", self.onApply, panel.onCancel)
        self.models = TaskModels(
            ui.vertebraeModelCombo, ui.vertebraeBadgeLabel, ui.vertebraeBadgeSpacer,
            "vertebra-segmentation", "vertebraeModel",
            "No model for vertebrae is installed: choose a segmentation below, or import a model "
            "(spine models import).",
        )  # fmt: skip
        ui.topmostCombo.addItem("Unknown: count", "")
        for level in _LEVELS:
            ui.topmostCombo.addItem(level, level)
        prepareTable(ui.vertebraeTable, ("Vertebra", "ml", "Segment"), 2)
        self._pause = qt.QTimer()
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._connections = (
            (self._pause, "timeout()", self.look),
            (ui.topmostCombo, "activated(int)", self._onTopmost),
            (ui.vertebraeTable, "cellClicked(int,int)", self._onClicked),
            (ui.editVertebraeButton, "clicked(bool)", self.onEdit),
        )
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)

    def close(self):
        self._pause.stop()
        self._stop()
        self.step.close()
        self.models.close()
        for widget, signal, slot in self._connections:
            widget.disconnect(signal, slot)

    def setParameterNode(self, parameterNode):
        self._node = parameterNode
        self.models.setParameterNode(parameterNode)

    def clear(self):
        """The scene is being closed."""
        self._pause.stop()
        self._watch(None)

    def refresh(self):
        """After the section was opened; nothing but the step's own widgets hide here."""

    def update(self):
        """Follow parameter node and job."""
        node, ui = self._node, self.ui
        self.models.update()
        self.step.update(
            *self._panel.runState(self.step),
            self.reason(),
            "Segment the vertebrae on the CT; the scene gets a segmentation with one segment a vertebra",
        )
        if node is None:
            return
        ui.topmostCombo.currentIndex = _LEVELS.index(node.topmost) + 1 if node.topmost in _LEVELS else 0
        if node.vertebrae is not self._watched:
            self._watch(node.vertebrae)
            self.look()
        ui.editVertebraeButton.enabled = node.vertebrae is not None

    def reason(self):
        """Why the job cannot be started, "" when it can."""
        return self._panel.reasonWithoutCt() or self.models.reason()

    def missing(self):
        """Why there are no vertebrae yet, "" when there are."""
        if self._node is None or self._node.vertebrae is None:
            return "Choose a segmentation of the vertebrae in step 1, or segment them."
        return self._problem

    def summary(self):
        """(whether the step is done, a few words)."""
        if self.missing() or self.found is None:
            return False, ""
        names = [one.name for one in self.found.segments]
        return True, names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"

    def onApply(self, checked=False):
        """Start a run; a second click while it runs does nothing."""
        if self.reason() or not self._panel.installed(self.step, *_SCIKIT_IMAGE):
            return
        ct, model, settings = self._node.ct, self.models.card().id, {"first": self._node.topmost}
        self._panel.start(self.step, lambda: VertebraeRun(ct, model, settings), self._onResult)

    def onEdit(self, checked=False):
        """Open the Segment Editor on the segmentation, the CT and the chosen vertebra."""
        row = self.ui.vertebraeTable.currentRow()
        segments = self.found.segments if self.found else []
        segment = segments[row].segment_id if 0 <= row < len(segments) else None
        openInEditor(self._node.vertebrae, segment, self._node.ct)

    def look(self):
        """Read the vertebrae anew."""
        from SpineLib.scene.vertebrae import collect_vertebrae

        self._pause.stop()
        before, self.found, self._problem = self._problem, None, ""
        if self._watched is not None:
            try:
                self.found = collect_vertebrae(self._watched)
            except SpineError as error:
                self._problem = str(error)
        if self._problem != before:
            self.step.say(self._problem, error=bool(self._problem))
        self._show()
        self._panel.later()

    def _onResult(self, imported):
        self._panel.parameterNode().vertebrae = imported.segmentation
        count = len(imported.segment_ids)
        found = f"{count} {'vertebra' if count == 1 else 'vertebrae'} found." if count else "No vertebra was found."
        self.step.say(" ".join([found, *imported.notes]), warning=not count)

    def _watch(self, segmentation):
        """Follow the edits of another segmentation."""
        from SpineLib.scene.tables import watch_segments

        self._stop()
        self._watched = segmentation
        self._stop = watch_segments(segmentation, self._edited) if segmentation is not None else lambda: None
        if segmentation is None:
            self.found, self._problem = None, ""
            self._show()

    def _edited(self):
        """A segment was edited, added, removed or renamed."""
        self._pause.start()

    def _show(self):
        rows, tips = [], {}
        for row, one in enumerate(self.found.segments if self.found else []):
            segment = self._watched.GetSegmentation().GetSegment(one.segment_id)
            name = segment.GetName() if segment is not None else ""
            rows.append((one.name, f"{one.volume_ml:.1f}", f"{name}, cut off?" if one.touches_border else name))
            if one.touches_border:
                tips[row] = "It reaches the edge of the image, and may be cut off there."
        fillTable(self.ui.vertebraeTable, rows, {1}, tips=tips)

    def _onTopmost(self, index):
        if self._node is not None:
            self._node.topmost = self.ui.topmostCombo.itemData(index) or ""

    def _onClicked(self, row, column):
        from SpineLib.scene.views import jump_to

        if self.found and row < len(self.found.segments) and self.found.segments[row].centre_ras_mm:
            jump_to(self.found.segments[row].centre_ras_mm)
