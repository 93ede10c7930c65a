"""The panel of SpineMetSeg: what its widgets show and do."""

import logging
import time
import traceback

from SpineLib.errors import SpineError
from SpineMetSegLib.detect import Detect
from SpineMetSegLib.modelchooser import ModelChooser
from SpineMetSegLib.results import Results
from SpinePanel.jobs import JobRunner
from SpinePanel.packages import installMissing, missingPackages
from SpinePanel.runs import SegmentationRun

_TITLE = "Spine Metastasis Segmentation"
_ERROR, _NOTE = "color: #d0342c;", ""


class Panel:
    """Everything between widgets and logic; the module's widget class keeps the life cycle.

    Args:
        ui: widgets of the ``.ui`` by name.
        logic: SpineMetSegLogic.
    """

    def __init__(self, ui, logic):
        self.ui, self.logic = ui, logic
        self._node = None
        self._run = None
        self._closing = False
        self._missing = missingPackages()
        self.models = ModelChooser(ui)
        self.results = Results(ui, self.showError)
        self.jobs = JobRunner(self._onProgress, self._onResult, self._onError, self._onCancelled, self.update)
        self.detect = Detect(
            ui,
            logic.getParameterNode,
            self.showNote,
            self.showError,
            self.results.measure,
            self._reasonNotToStart,
            self.update,
        )
        self._selectors = (
            ui.t1Selector, ui.t2Selector, ui.outputSelector, ui.resultSelector, ui.referenceSelector
        )  # fmt: skip
        self._connections = (
            *((selector, "nodeAboutToBeRemoved(vtkMRMLNode*)", self._onNodeRemoved) for selector in self._selectors),
            (ui.applyButton, "clicked(bool)", self.onApply),
            (ui.cancelButton, "clicked(bool)", self.onCancel),
            (ui.installButton, "clicked(bool)", self.onInstall),
            (ui.modelCombo, "activated(int)", self.models.onChosen),
        )
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)
        ui.progressBar.visible = False
        ui.stageLabel.visible = False
        self.showNote("")

    def close(self):
        """End the worker and let go of the widgets."""
        self.jobs.close()
        self._forgetRun()
        self.detect.close()
        self.results.close()
        for widget, signal, slot in self._connections:
            widget.disconnect(signal, slot)

    def setParameterNode(self, parameterNode):
        """Show another parameter node, or none while the module is hidden or the scene closes."""
        self._node = parameterNode
        self.models.setParameterNode(parameterNode)
        self.results.setParameterNode(parameterNode)
        self.detect.setParameterNode(parameterNode)
        self.update()

    def update(self):
        """Bring buttons and texts in line with parameter node and job."""
        ui, node = self.ui, self._node
        ui.setupSection.visible = bool(self._missing)
        ui.setupLabel.text = f"Needed once: {', '.join(self._missing)}." if self._missing else ""
        self.models.update()
        self.results.update()
        self.detect.update()
        reason = self._reasonNotToApply()
        ui.applyButton.enabled = not reason
        ui.applyButton.toolTip = (
            reason or "Segment the metastases; the scene gets a segmentation with one segment a lesion"
        )
        ui.cancelButton.enabled = self.jobs.busy and not self.jobs.cancelling
        ui.progressBar.visible = ui.stageLabel.visible = self.jobs.busy
        for section in (ui.inputsSection, ui.settingsSection, ui.outputSection):
            section.enabled = node is not None

    def onApply(self, checked=False):
        """Start a run; a second click while it runs does nothing."""
        if self._reasonNotToApply():
            return
        node = self._node
        self.showNote("")
        try:
            run = SegmentationRun(
                {"T1": node.t1, "T2": node.t2},
                node.model,
                threshold=node.threshold,
                smallestLesionMl=node.smallestLesion,
                device=node.device.value,
                output=node.output,
            )
            self.jobs.start(run.job, run.steps(), run.parameters, run.meanwhile())
            self._run = run
        except SpineError as error:
            self._onError(str(error), "")

    def onCancel(self, checked=False):
        self.ui.stageLabel.text = "Cancelling"
        self.jobs.cancel()

    def onInstall(self, checked=False):
        """Install what is missing; Slicer's own dialogs ask and show progress."""
        self.showNote("")
        try:
            installMissing(_TITLE)
        except SpineError as error:
            self.showError(str(error))
        self._missing = missingPackages()
        self.update()

    def onSceneClosing(self):
        """The images of a running job go away, so the job goes, too."""
        self._closing = self.jobs.busy
        self.showNote("")
        self.jobs.cancel()
        self.detect.clear()
        self.results.clear()

    def showError(self, sentence, details=""):
        """One sentence in red; the details go to the log section and the application's log."""
        self._show(sentence, _ERROR)
        if sentence:
            self._log(sentence)
            logging.error("SpineMetSeg: %s", sentence)
        if details:
            self._log(details)
            logging.error("%s", details)

    def showNote(self, sentence):
        self._show(sentence, _NOTE)
        if sentence:
            self._log(sentence)

    def _reasonNotToStart(self):
        """Why no job at all can be started by the panel's own buttons, as a sentence; "" when one can."""
        if self.jobs.busy:
            return "A run is going on: wait until it has ended, or cancel it."
        if self._node is None:
            return "The scene is being closed, or the module is not shown."
        if self._missing:
            return "Press Install first: some Python packages are missing."
        return ""

    def _reasonNotToApply(self):
        """Why Apply cannot be pressed now, as a sentence; "" when it can."""
        node = self._node
        if self.detect.jobs.busy:
            return "A search or refinement is going on: wait until it has ended, or cancel it."
        if reason := self._reasonNotToStart():
            return reason
        if not node.t1 and not node.t2:
            return "Choose a T1 volume, a T2 volume, or both."
        if node.t1 and node.t1 is node.t2:
            return "T1 and T2 are the same volume: choose two volumes, or clear one selector."
        if not node.model:
            return self.models.reason()
        return ""

    def _onNodeRemoved(self, node):
        """Slicer's selector chooses the neighbour of a deleted node; nothing must go where nobody wanted it."""
        for selector in self._selectors:
            if selector.currentNode() is node:
                selector.setCurrentNode(None)

    def _onProgress(self, fraction, text, remaining):
        self.ui.progressBar.value = round(100 * fraction)
        self.ui.stageLabel.text = f"{text}, {remaining}" if remaining else text

    def _onResult(self, result, folder):
        try:
            imported = self._run.finish(result, folder)
        except SpineError as error:
            self._onError(str(error), "")
            return
        except Exception:  # nobody else would hear of it: this is called by a signal
            self._onError(
                "The result could not be brought into the scene: the log holds the details.", traceback.format_exc()
            )
            return
        self._forgetRun()
        if imported is None:
            return
        # The module may be hidden now, so the node is asked for anew.
        self.logic.getParameterNode().result = imported.segmentation
        count = len(imported.segment_ids)
        found = "No lesion was found." if not count else f"{count} lesion{'s' if count > 1 else ''} found."
        self.showNote(" ".join([found, *imported.notes]))
        self.results.measure()

    def _onError(self, sentence, details):
        self._forgetRun()
        self.showError(sentence, details)

    def _onCancelled(self):
        self._forgetRun()
        closing, self._closing = self._closing, False
        self.showNote(
            "The scene was closed, so the run was cancelled." if closing else "Cancelled; the scene is as it was."
        )

    def _forgetRun(self):
        run, self._run = self._run, None
        if run:
            run.release()

    def _show(self, sentence, style):
        self.ui.statusLabel.styleSheet = style
        self.ui.statusLabel.text = sentence
        self.ui.statusLabel.visible = bool(sentence)

    def _log(self, text):
        self.ui.logText.appendPlainText(f"{time.strftime('%H:%M:%S')}  {text}")
