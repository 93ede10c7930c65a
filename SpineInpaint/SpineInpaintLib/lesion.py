"""Step 2: find lesions on the CT, draw one, or mark it with a box."""

import slicer
import vtk

from SpineInpaintLib.runs import LesionRun
from SpineInpaintLib.tables import fillTable, prepareTable
from SpineInpaintLib.taskmodels import TaskModels
from SpineLib.errors import SpineError
from SpinePanel.segments import fillSegments, openInEditor, segmentIds
from SpinePanel.step import Step

#: What the parameter holds where all segments are meant together.
ALL = "*"
#: What measuring diameters needs and Slicer does not bring.
_SCIKIT_IMAGE = ("scikit-image>=0.22", "skimage")


class LesionStep:
    """Everything of the step.

    Args:
        ui: widgets of the ``.ui`` by name.
        panel: starts jobs, knows the parameter node and the other steps.
    """

    def __init__(self, ui, panel):
        self.ui, self._panel, self._node, self._boxes = ui, panel, None, []
        self._watched, self._stops = (None, None), []
        self.step = Step(ui, "lesion", self.onApply, panel.onCancel)
        self.models = TaskModels(
            ui.lesionModelCombo, ui.lesionBadgeLabel, ui.lesionBadgeSpacer, "ct-lesion-detection", "lesionModel",
            "No model for lesions on CT is installed: draw the lesion, or import a model (spine models import).",
        )  # fmt: skip
        prepareTable(ui.lesionTable, ("Lesion", "Probability", "RECIST, mm", "Box, mm"), 3)
        self._connections = (
            (ui.lesionTable, "cellClicked(int,int)", self._onClicked),
            (ui.lesionSegmentCombo, "activated(int)", self._onSegment),
            (ui.roiSelector, "nodeAddedByUser(vtkMRMLNode*)", self._onRoiAdded),
            (ui.drawLesionButton, "clicked(bool)", self.onDraw),
            (ui.editLesionButton, "clicked(bool)", self.onEdit),
        )
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)

    def close(self):
        self._watch(None, None)
        self.step.close()
        self.models.close()
        for widget, signal, slot in self._connections:
            widget.disconnect(signal, slot)

    def setParameterNode(self, parameterNode):
        self._node = parameterNode
        self.models.setParameterNode(parameterNode)

    def clear(self):
        """The scene is being closed."""
        self._watch(None, None)
        self._boxes = []
        fillTable(self.ui.lesionTable, ())

    def refresh(self):
        """After the section was opened; nothing but the step's own widgets hide here."""

    def update(self):
        """Follow parameter node and job."""
        node, ui = self._node, self.ui
        self.models.update()
        self.step.update(
            *self._panel.runState(self.step),
            self.reason(),
            "Look for lesions on the CT; the scene gets a box for each, which can be moved and resized",
        )
        if node is None:
            return
        self._show()
        self._watch(node.lesion, node.roi)
        ids, chosen = segmentIds(node.lesion), node.lesionSegment
        wanted = chosen if chosen in ids or (chosen == ALL and ids) else ids[0] if len(ids) == 1 else ""
        if wanted != chosen:
            node.lesionSegment = wanted
        first = ()
        if len(ids) != 1:
            first = ((f"Choose one of {len(ids)}" if ids else "No segment", ""),)
        if len(ids) > 1:
            first = (*first, ("All segments together", ALL))
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
            return "Mark the lesion in step 2: detect it, draw it, or place a box."
        if node.roi is not None:
            return "" if node.roi.GetNumberOfControlPoints() else "Place the lesion's box in the views first."
        count = len(segmentIds(node.lesion))
        if not count:
            return "The segmentation of the lesion holds no segment: draw one, or choose another."
        return "" if node.lesionSegment else f"The segmentation holds {count} segments: choose the lesion in step 2."

    def summary(self):
        """(whether the step is done, a few words)."""
        if self._node is None or self.missing():
            return False, ""
        (segmentation, ids), roi = self.chosen()
        if roi is not None:
            return True, roi.GetName()
        if ids is None:
            return True, f"{len(segmentIds(segmentation))} segments"
        return True, segmentation.GetSegmentation().GetSegment(ids[0]).GetName()

    def onApply(self, checked=False):
        """Start a run; a second click while it runs does nothing."""
        if self.reason() or not self._panel.installed(self.step, *_SCIKIT_IMAGE):
            return
        node, model = self._node, self.models.card().id
        ct, vertebrae = node.ct, None if self._panel.vertebrae.missing() else node.vertebrae
        self._panel.start(self.step, lambda: LesionRun(ct, model, vertebrae), self._onResult)

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
        if imported.boxes:
            node.roi = imported.boxes[0]
        node.EndModify(modifying)
        count = len(imported.boxes)
        found = f"{count} {'lesion' if count == 1 else 'lesions'} found." if count else "No lesion was found."
        self.step.say(" ".join([found, *imported.notes]), warning=not count)

    def _onClicked(self, row, column):
        """Choose the box of that row, and show it in the views."""
        from SpineLib.scene.ctlesions import box_geometry
        from SpineLib.scene.views import jump_to

        if self._node is None or row >= len(self._boxes):
            return
        self._node.roi = self._boxes[row]
        try:
            centre, _, _ = box_geometry(self._boxes[row])
            jump_to(centre * (-1, -1, 1))
        except SpineError as error:
            self._panel.error(self.step, str(error))

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
        from SpineLib.scene.tables import watch_segments

        if (segmentation, roi) == self._watched:
            return
        for stop in self._stops:
            stop()
        self._watched, self._stops = (segmentation, roi), []
        if segmentation is not None:
            self._stops.append(watch_segments(segmentation, self._edited))
        if roi is not None:
            tags = [roi.AddObserver(event, self._edited)
                    for event in (roi.PointModifiedEvent, vtk.vtkCommand.ModifiedEvent)]  # fmt: skip
            self._stops.append(lambda: [roi.RemoveObserver(tag) for tag in tags])

    def _edited(self, caller=None, event=None):
        """The lesion was drawn, moved or resized."""
        self._panel.repair.changed()
        self._panel.later()

    def _show(self):
        """The boxes of the last search that are still there, with the sizes that they have now."""
        from SpineLib.scene.ctlesions import boxes_of, found_in

        self._boxes = boxes_of(self._node.lesions)
        rows = []
        for box in self._boxes:
            found = found_in(box)
            longest, across = found.get("recist_mm", (0, 0))
            size = " × ".join(f"{edge:.0f}" for edge in box.GetSize())
            rows.append((box.GetName(), f"{found.get('probability', 0):.2f}", f"{longest:.0f} × {across:.0f}", size))
        table = self.ui.lesionTable
        if rows != [tuple(table.item(r, c).text() for c in range(4)) for r in range(table.rowCount)]:
            fillTable(table, rows, {1, 2, 3})
        if self._node.roi in self._boxes and table.currentRow() != self._boxes.index(self._node.roi):
            table.setCurrentCell(self._boxes.index(self._node.roi), 0)
