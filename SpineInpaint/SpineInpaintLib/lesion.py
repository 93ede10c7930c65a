"""Step 2: find lesions on the CT, draw one, or mark it with a box."""

import slicer

from SpineInpaintLib.runs import LesionRun
from SpineLib.errors import SpineError
from SpinePanel.i18n import tr as _
from SpinePanel.modelchoice import ModelChoice, forTask
from SpinePanel.segments import ALL, SegmentChoice, fillSegments, openInEditor, segmentIds
from SpinePanel.step import StepBase
from SpinePanel.tables import Table

#: A change is looked at after this pause, milliseconds: while the user paints, nothing is read.
_PAUSE_MS = 400
#: What measuring diameters needs and Slicer does not bring.


class LesionStep(StepBase):
    """Everything of the step."""

    TIP = _("Look for lesions on the CT; the scene gets a box for each, which can be moved and resized")

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "lesion")
        self._watched, self._stops, self._rows = (None, None), [], None
        self._choice = SegmentChoice()
        none = _("No model for lesions on CT is installed: draw the lesion, or import a model (spine models import).")
        self.models = ModelChoice(
            ui.lesionModelCombo,
            (ui.lesionBadgeLabel, ui.lesionBadgeSpacer),
            ui.lesionSection,
            "lesionModel",
            forTask("ct-lesion-detection"),
            lambda node: none,
            empty=_("No model is installed"),
        )
        titles = (_("Lesion"), _("Probability"), _("RECIST, mm"), _("Box, mm"))
        self._table = Table(ui.lesionTable, titles, 3, {1, 2, 3}, onClicked=self._onClicked)
        self._pause = self.pause(_PAUSE_MS, self._edited)
        self.connect(
            (ui.lesionSegmentCombo, "activated(int)", self._onSegment),
            (ui.roiSelector, "nodeAddedByUser(vtkMRMLNode*)", self._onRoiAdded),
            (ui.drawLesionButton, "clicked(bool)", self.onDraw),
            (ui.editLesionButton, "clicked(bool)", self.onEdit),
        )

    def close(self):
        super().close()
        self._watch(None, None)
        self._table.close()
        self.models.close()

    def setParameterNode(self, parameterNode):
        super().setParameterNode(parameterNode)
        if parameterNode is None:
            self._choice.forget()
        self.models.setParameterNode(parameterNode)

    def clear(self):
        super().clear()
        self._watch(None, None)
        self._rows = None
        self._table.show(())

    def refresh(self):
        super().refresh()
        self.models.refresh()

    def update(self):
        """Follow parameter node and job."""
        node, ui = self._node, self.ui
        self.models.update()
        super().update()
        if node is None:
            return
        self.widgets.keepFor(node.lesions)
        self._show()
        self._watch(node.lesion, node.roi)
        ids, chosen = segmentIds(node.lesion), node.lesionSegment
        wanted = self._choice.wanted(node.lesion, chosen)
        if wanted != chosen:
            node.lesionSegment = wanted
        first = ()
        if len(ids) != 1:
            first = ((_("Choose one of {count}").format(count=len(ids)) if ids else _("No segment"), ""),)
        if len(ids) > 1:
            first = (*first, (_("All segments together"), ALL))
        fillSegments(ui.lesionSegmentCombo, node.lesion, first)
        data = [ui.lesionSegmentCombo.itemData(index) for index in range(ui.lesionSegmentCombo.count)]
        ui.lesionSegmentCombo.currentIndex = data.index(wanted) if wanted in data else 0
        ui.lesionSegmentCombo.enabled = len(ids) > 1 and node.roi is None
        ui.editLesionButton.enabled = node.lesion is not None
        ui.drawLesionButton.enabled = node.ct is not None

    def reason(self):
        """Why the job cannot be started, "" when it can."""
        return self._panel.reasonWithoutCt() or self.models.reason()

    def chosen(self):
        """(segmentation node, segment ids or None for all of them), and the box, which goes first."""
        node = self._node
        return (node.lesion, None if node.lesionSegment == ALL else [node.lesionSegment]), node.roi

    def missing(self):
        """Why there is no lesion yet, "" when there is."""
        node = self._node
        if node is None or (node.roi is None and node.lesion is None):
            return _("Mark the lesion in step 2: detect it, draw it, or place a box.")
        if node.roi is not None:
            return "" if node.roi.GetNumberOfControlPoints() else _("Place the lesion's box in the views first.")
        count = len(segmentIds(node.lesion))
        if not count:
            return _("The segmentation of the lesion holds no segment: draw one, or choose another.")
        return (
            ""
            if node.lesionSegment
            else _("The segmentation holds {count} segments: choose the lesion in step 2.").format(count=count)
        )

    def summary(self):
        """(whether the step is done, a few words)."""
        if self._node is None or self.missing():
            return False, ""
        (segmentation, ids), roi = self.chosen()
        if roi is not None:
            return True, roi.GetName()
        if ids is None:
            return True, _("{count} segments").format(count=len(segmentIds(segmentation)))
        return True, segmentation.GetSegmentation().GetSegment(ids[0]).GetName()

    def onApply(self, checked=False):
        """Start a run; a second click while it runs does nothing."""
        if self.reason() or not self._panel.installed(self.widgets, "skimage"):
            return
        node = self._node
        ct, vertebrae = node.ct, None if self._panel.vertebrae.missing() else node.vertebrae
        run = LesionRun(ct, node.lesionModel, vertebrae, {"device": node.device.value})
        self._panel.start(self.widgets, run, self._onResult)

    def onDraw(self, checked=False):
        """A new segmentation on the CT with an empty segment, open in the Segment Editor."""
        from SpineLib.scene.ctlesions import add_empty_lesion

        node = self._node
        if node is None or node.ct is None:
            return
        segmentation, segment = add_empty_lesion(node.ct)
        modifying = node.StartModify()
        node.roi, node.lesion, node.lesionSegment = None, segmentation, segment
        node.EndModify(modifying)
        openInEditor(segmentation, segment, node.ct)

    def onEdit(self, checked=False):
        """Open the Segment Editor on the chosen lesion."""
        segment = self._node.lesionSegment
        openInEditor(self._node.lesion, None if segment == ALL else segment, self._node.ct)

    def _onResult(self, imported):
        node = self._panel.parameterNode()
        modifying = node.StartModify()
        node.lesions = imported.head
        if imported.marks is not None:
            node.roi, node.lesion, node.lesionSegment = None, imported.marks, imported.segment_ids[0]
        elif imported.boxes:
            node.roi = imported.boxes[0]
        node.EndModify(modifying)
        count = len(imported.boxes)
        found = (
            _("{count} lesion found.")
            if count == 1
            else _("{count} lesions found.")
            if count
            else _("Nothing was marked.")
        )
        found = found.format(count=count)
        sentence = " ".join([found, *imported.notes])
        self._panel.tell(self.widgets, sentence, warning=not count, about=imported.head)

    def _onClicked(self, box):
        """Choose the clicked box, and show it in the views."""
        from SpineLib.scene.ctlesions import box_geometry
        from SpineLib.scene.views import jump_to
        from SpineLib.volume.places import ras_lps

        if self._node is None:
            return
        self._node.roi = box
        if box.GetDisplayNode() is not None:
            box.GetDisplayNode().SetVisibility3D(True)
        try:
            centre, *_rest = box_geometry(box)
            jump_to(ras_lps(centre))
        except SpineError as error:
            self._panel.error(self.widgets, str(error))

    def _onRoiAdded(self, roi):
        """The user places a new box at once."""
        roi.CreateDefaultDisplayNodes()
        logic = slicer.modules.markups.logic()
        logic.SetActiveList(roi)
        logic.StartPlaceMode(False)

    def _onSegment(self, index):
        if self._node is not None:
            self._node.lesionSegment = self.ui.lesionSegmentCombo.itemData(index) or ""

    def _watch(self, segmentation, roi):
        """Follow the edits of another lesion."""
        from SpineLib.scene.changes import watch

        if (segmentation, roi) == self._watched:
            return
        for stop in self._stops:
            stop()
        self._watched = (segmentation, roi)
        self._stops = [watch(node, self._pause.start) for node in self._watched]

    def _edited(self):
        """The lesion was drawn, moved or resized, and the user has paused."""
        self._panel.repair.changed()
        self._panel.later()

    def _show(self):
        """The boxes of the last search that are still there, with the sizes that they have now."""
        from SpineLib.scene.ctlesions import boxes_of, found_in

        boxes, rows = boxes_of(self._node.lesions), []
        for box in boxes:
            found = found_in(box)
            longest, across = found.get("recist_mm", (0, 0))
            size = " × ".join(f"{edge:.0f}" for edge in box.GetSize())
            name = f"{box.GetName()}, {found['kind']}" if found.get("kind") else box.GetName()
            rows.append((name, f"{found.get('probability', 0):.2f}", f"{longest:.0f} × {across:.0f}", size))
        if (rows, boxes) != self._rows:
            self._rows = (rows, boxes)
            self._table.show(rows, boxes)
        self._table.choose(self._node.roi)
