"""Step 1: segment the vertebrae, or take a segmentation of them."""

from SpineInpaintLib.runs import VertebraeRun
from SpineLib.errors import SpineError
from SpinePanel.i18n import tr as _
from SpinePanel.levelchoice import MOVABLE, LevelChoice
from SpinePanel.modelchoice import ModelChoice, forVertebrae
from SpinePanel.segments import openInEditor
from SpinePanel.show3d import Show3d
from SpinePanel.step import StepBase
from SpinePanel.tables import Table

#: Vertebrae are looked at this long after an edit, milliseconds: while the user paints, nothing is measured.
_PAUSE_MS = 800


class VertebraeStep(StepBase):
    """Everything of the step.

    Attributes:
        found: ``SpineLib.scene.vertebrae.Vertebrae`` as they are now; None without a segmentation.
    """

    TIP = _("Segment the vertebrae on the CT; the scene gets a segmentation with one segment a vertebra")

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "vertebrae")
        self._watched = self.found = self._seen = None
        self._problem = ""
        self._stop = lambda: None
        none = _(
            "No model for vertebrae is installed: choose a segmentation below, or import a model (spine models import)."
        )
        self.models = ModelChoice(
            ui.vertebraeModelCombo,
            (ui.vertebraeBadgeLabel, ui.vertebraeBadgeSpacer),
            ui.vertebraeSection,
            "vertebraeModel",
            forVertebrae,
            lambda node: none,
            empty=_("No model is installed"),
        )
        self._topmost = LevelChoice(ui.topmostCombo, _("Unknown: count"), "topmost", (*MOVABLE, "S"))
        for text, key in _numberings():
            ui.numbersCombo.addItem(text, key)
        self._table = Table(
            ui.vertebraeTable, (_("Vertebra"), _("ml"), _("Segment")), 2, {1}, onClicked=self._jump, same=_sameSegment
        )
        self._show3d = Show3d(ui.vertebraeShow3dButton, panel, lambda: self._watched)
        self._pause = self.pause(_PAUSE_MS, self.look)
        self._told = ""
        self.connect(
            (ui.numbersCombo, "activated(int)", self._onNumbers),
            (ui.editVertebraeButton, "clicked(bool)", self.onEdit),
        )

    def close(self):
        super().close()
        self._stop()
        self._table.close()
        self._show3d.close()
        self.models.close()
        self._topmost.close()

    def setParameterNode(self, parameterNode):
        super().setParameterNode(parameterNode)
        self.models.setParameterNode(parameterNode)
        self._topmost.setParameterNode(parameterNode)

    def clear(self):
        super().clear()
        self._watch(None)

    def refresh(self):
        super().refresh()
        self.models.refresh()

    def update(self):
        """Follow parameter node and job."""
        from SpineLib.scene.vertebrae import numbers_of

        node, ui = self._node, self.ui
        self.models.update()
        super().update()
        if node is None:
            return
        self._topmost.update()
        self.widgets.keepFor(node.vertebrae)
        if node.vertebrae is not self._watched:
            self._watch(node.vertebrae)
            self.look()
        ui.editVertebraeButton.enabled = ui.numbersCombo.enabled = node.vertebrae is not None
        self._show3d.update()
        chosen = numbers_of(node.vertebrae) if node.vertebrae is not None else ""
        keys = [ui.numbersCombo.itemData(row) for row in range(ui.numbersCombo.count)]
        ui.numbersCombo.currentIndex = keys.index(chosen) if chosen in keys else 0

    def lookAgain(self):
        from SpineLib.scene.changes import stamp_of

        if stamp_of(self._watched) != self._seen:
            self.look()

    def reason(self):
        """Why the job cannot be started, "" when it can."""
        return self._panel.reasonWithoutCt() or self.models.reason()

    def missing(self):
        """Why there are no vertebrae yet, "" when there are."""
        if self._node is None or self._node.vertebrae is None:
            return _("Choose a segmentation of the vertebrae in step 1, or segment them.")
        return self._problem

    def summary(self):
        """(whether the step is done, a few words)."""
        if self.missing() or self.found is None:
            return False, ""
        names = [one.name for one in self.found.segments]
        return True, names[0] if len(names) == 1 else _("{first} to {last}").format(first=names[0], last=names[-1])

    def onApply(self, checked=False):
        """Start a run; a second click while it runs does nothing."""
        if self.reason() or not self._panel.installed(self.widgets, "skimage"):
            return
        node = self._node
        ct, model, settings = node.ct, node.vertebraeModel, {"first": node.topmost, "device": node.device.value}
        self._panel.start(self.widgets, VertebraeRun(ct, model, settings), self._onResult)

    def onEdit(self, checked=False):
        """Open the Segment Editor on the segmentation, the CT and the chosen vertebra."""
        chosen = self._table.current()
        openInEditor(self._node.vertebrae, chosen.segment_id if chosen is not None else None, self._node.ct)

    def look(self):
        """Read the vertebrae anew."""
        from SpineLib.scene.changes import stamp_of
        from SpineLib.scene.vertebrae import collect_vertebrae

        self._pause.stop()
        if self._node is None:
            return
        self._seen = stamp_of(self._watched)
        self.found, self._problem = None, ""
        if self._watched is not None:
            try:
                self.found = collect_vertebrae(self._watched)
            except SpineError as error:
                self._problem = str(error)
        told = self._problem or (" ".join(self.found.notes) if self.found else "")
        if told != self._told:
            self._told = told
            self.widgets.say(told, error=bool(self._problem), warning=True)
        self._show()
        self._panel.later()

    def _onResult(self, imported):
        self._panel.parameterNode().vertebrae = imported.segmentation
        count = len(imported.segment_ids)
        found = _("{count} vertebra found.") if count == 1 else _("{count} vertebrae found.")
        found = found.format(count=count) if count else _("No vertebra was found.")
        sentence = " ".join([found, *imported.notes])
        self._panel.tell(self.widgets, sentence, warning=not count, about=imported.segmentation)

    def _watch(self, segmentation):
        """Follow the edits of another segmentation."""
        from SpineLib.scene.changes import watch

        self._stop()
        if segmentation is not self._watched:
            self._table.choose(None)  # ids are counted alike in all segmentations
        self._watched = segmentation
        self._stop = watch(segmentation, self._edited)
        if segmentation is None:
            self.found, self._problem = None, ""
            self._show()

    def _edited(self):
        """A segment was edited, added, removed, renamed or moved."""
        self._pause.start()

    def _show(self):
        rows, tips, segments = [], {}, list(self.found.segments) if self.found else []
        for row, one in enumerate(segments):
            segment = self._watched.GetSegmentation().GetSegment(one.segment_id)
            name = segment.GetName() if segment is not None else ""
            rows.append(
                (
                    one.name,
                    f"{one.volume_ml:.1f}",
                    _("{name}, cut off?").format(name=name) if one.touches_border else name,
                )
            )
            if one.touches_border:
                tips[row] = _("It reaches the edge of the image, and may be cut off there.")
        self._table.show(rows, segments, tips=tips)

    def _onNumbers(self, index):
        from SpineLib.scene.vertebrae import set_numbers

        if self._node is not None and self._node.vertebrae is not None:
            set_numbers(self._node.vertebrae, self.ui.numbersCombo.itemData(index) or "")
            self.look()

    @staticmethod
    def _jump(vertebra):
        from SpineLib.scene.views import jump_to

        if vertebra.centre_ras_mm:
            jump_to(vertebra.centre_ras_mm)


def _numberings():
    """(words, what ``set_numbers`` takes) of each numbering that may be chosen."""
    from SpineLib.volume.numberings import ASKED

    titles = {key: ones[0].title for key, ones in ASKED.items() if key != "totalsegmentator" and len(ones) == 1}
    named = [("TotalSegmentator", "totalsegmentator"), *((title, key) for key, title in titles.items())]
    counts = [
        (_("From below, 1 is L5"), "from-below"),
        (_("From below, 1 is S1"), "from-below:S1"),
        (_("From above, 1 is C1"), "from-above:C1"),
        (_("From above, 1 is T1"), "from-above:T1"),
    ]
    return [(_("Told by their order"), ""), *named, *counts]


def _sameSegment(chosen, vertebrae):
    """The vertebra chosen before, whatever its row and its size now."""
    return next((row for row, one in enumerate(vertebrae) if one.segment_id == chosen.segment_id), None)
