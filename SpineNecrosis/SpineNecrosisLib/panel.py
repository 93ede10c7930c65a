"""The panel of SpineNecrosis: six steps over one worker."""

import logging
import time
import traceback

import qt
import slicer

from SpineLib.errors import SpineError
from SpineNecrosisLib.compare import Compare
from SpineNecrosisLib.register import Register
from SpineNecrosisLib.report import Report
from SpineNecrosisLib.segmenting import Segmenting
from SpinePanel.jobs import JobRunner
from SpinePanel.packages import installMissing, missingPackages

_TITLE = "Spine Ablation Follow-up"
_SECTIONS = {
    "before": "1  Before",
    "after": "2  After",
    "register": "3  Register and look",
    "necrosis": "4  Necrosis",
    "compare": "5  Compare",
    "report": "6  Report",
}


class Panel:
    """Everything between widgets and logic; the module's widget class keeps the life cycle.

    Args:
        ui: widgets of the ``.ui`` by name.
        logic: SpineNecrosisLogic.
    """

    def __init__(self, ui, logic):
        self.ui, self.logic = ui, logic
        self._node = self._run = self._step = self._onDone = None
        self._closing, self._updating, self._agreed = False, False, set()
        self._missing = missingPackages()
        self.jobs = JobRunner(self._onProgress, self._onResult, self._onError, self._onCancelled, self.update)
        self.metastasis = Segmenting(ui, self, "metastasis", "before", self.scansBefore)
        self.registering = Register(ui, self)
        self.necrosis = Segmenting(ui, self, "necrosis", "necrosis", self.scansAfter)
        self.compare = Compare(ui, self)
        self.report = Report(ui, self, _TITLE)
        self._steps = (self.metastasis, self.registering, self.necrosis, self.compare, self.report)
        self._soon = qt.QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._selectors = tuple(
            getattr(ui, f"{name}Selector")
            for name in (
                "beforeT1", "beforeT2", "metastasis", "afterCeT1", "afterT2", "roi", "beforePoints", "afterPoints",
                "transform", "necrosis",
            )
        )  # fmt: skip
        self._connections = (
            *((selector, "nodeAboutToBeRemoved(vtkMRMLNode*)", self._onNodeRemoved) for selector in self._selectors),
            *((getattr(ui, f"{name}Section"), "contentsCollapsed(bool)", self._onCollapsed) for name in _SECTIONS),
            (ui.installButton, "clicked(bool)", self.onInstall),
            (self._soon, "timeout()", self.update),
        )
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)

    def close(self):
        """End the worker and let go of the widgets."""
        self._soon.stop()
        self.jobs.close()
        self._forgetRun()
        for step in self._steps:
            step.close()
        for widget, signal, slot in self._connections:
            widget.disconnect(signal, slot)

    def setParameterNode(self, parameterNode):
        """Show another parameter node, or none while the module is hidden or the scene closes."""
        self._node = parameterNode
        for step in self._steps:
            step.setParameterNode(parameterNode)
        self.update()

    def parameterNode(self):
        """The parameter node, also while the module is hidden."""
        return self._node or self.logic.getParameterNode()

    @staticmethod
    def scansBefore(node):
        """Sequence name to volume node (or None) of the scans from before."""
        return {"T1": node.beforeT1, "T2": node.beforeT2}

    @staticmethod
    def scansAfter(node):
        """Sequence name to volume node (or None) of the scans from after."""
        return {"ceT1": node.afterCeT1, "T2": node.afterT2}

    def update(self):
        """Bring buttons and texts in line with parameter node and job."""
        if self._updating:  # A step may change the node, which calls this again.
            self.later()
            return
        self._updating = True
        try:
            self.ui.setupSection.visible = bool(self._missing)
            self.ui.setupLabel.text = f"Needed once: {', '.join(self._missing)}." if self._missing else ""
            for step in self._steps:
                step.update()
            for name in _SECTIONS:
                getattr(self.ui, f"{name}Section").enabled = self._node is not None
            self._sayAfter()
            self.titles()
        finally:
            self._updating = False

    def later(self):
        """Update in the next round of the event loop."""
        self._soon.start()

    def titles(self):
        """The sections' headers: a tick and a few words where a step is done."""
        states = dict(zip(("before", "register", "necrosis", "compare", "report"), (s.summary() for s in self._steps)))
        after = [name for name, volume in self.scansAfter(self._node).items() if volume] if self._node else []
        states["after"] = bool(after), " + ".join(after)
        for name, title in _SECTIONS.items():
            done, words = states[name]
            mark = "  ✓" if done else ""
            getattr(self.ui, f"{name}Section").text = f"{title}{mark}{f'  {words}' if words else ''}"

    def runState(self, step):
        """(whether the step's job runs, whether it is being cancelled)."""
        return self.jobs.busy and self._step is step, self.jobs.cancelling

    def reasonNotToStart(self):
        """Why no job at all can be started, as a sentence; "" when one can."""
        if self.jobs.busy:
            return "A run is going on: wait until it has ended, or cancel it."
        if self._node is None:
            return "The scene is being closed, or the module is not shown."
        if self._missing:
            return "Press Install first: some Python packages are missing."
        return ""

    def start(self, step, makeRun, onDone):
        """Begin a job.

        Args:
            step: :class:`SpineNecrosisLib.step.Step` that shows it.
            makeRun: callable that gives the run.
            onDone: gets what the run's ``finish`` gives.
        """
        step.say("")
        self._step = step
        try:
            run = makeRun()
            self.jobs.start(run.job, run.steps(), run.parameters, run.meanwhile())
            self._run, self._onDone = run, onDone
        except SpineError as error:
            self._onError(str(error), "")

    def agreed(self, before, after):
        """Whether the user takes the two scans for one patient's before and after; each question is asked once."""
        from SpineLib.scene.dicomfacts import doubts

        for question in doubts(before, after):
            key = (before.GetID(), after.GetID(), question)
            if key in self._agreed:
                continue
            if not slicer.util.confirmOkCancelDisplay(question, _TITLE):
                return False
            self._agreed.add(key)
        return True

    def chooseTransform(self, transform):
        """Choose a transform in the module Transforms."""
        slicer.app.openNodeModule(transform)

    def onCancel(self, checked=False):
        if self._step is not None:
            self._step.progress(0, "Cancelling", "")
        self.jobs.cancel()

    def onInstall(self, checked=False):
        """Install what is missing; Slicer's own dialogs ask and show progress."""
        try:
            installMissing(_TITLE)
            self.ui.setupLabel.text = ""
        except SpineError as error:
            self.ui.setupLabel.text = str(error)
            self._log(str(error))
            return
        self._missing = missingPackages()
        self.update()

    def onSceneClosing(self):
        """The images of a running job go away, so the job goes, too."""
        self._closing = self.jobs.busy
        self._agreed.clear()
        for step in self._steps:
            step.step.say("")
        self.jobs.cancel()
        self.registering.clear()
        self.compare.clear()

    def error(self, step, sentence, details=""):
        """One sentence in red in the step; the details go to the log section and the application's log."""
        step.say(sentence, error=True)
        for text in (sentence, details):
            if text:
                self._log(text)
                logging.error("SpineNecrosis: %s", text)

    def _sayAfter(self):
        """What is odd about the scans from after."""
        label, node, text = self.ui.afterStatusLabel, self._node, ""
        if node is not None:
            before = [volume for volume in self.scansBefore(node).values() if volume]
            after = [volume for volume in self.scansAfter(node).values() if volume]
            if any(one is other for one in before for other in after):
                text = "A scan is chosen both as before and as after."
            elif after and node.afterCeT1 is None:
                text = "Without contrast-enhanced T1 the rim of the necrosis is hard to see."
        label.text = text
        label.visible = bool(text) and not self.ui.afterSection.collapsed

    def _onCollapsed(self, collapsed):
        """An opened section shows all its widgets, those too that have nothing to say."""
        if not collapsed:
            for step in self._steps:
                step.step.refresh()
            self.compare.refresh()
            self.later()

    def _onNodeRemoved(self, node):
        """Slicer's selector chooses the neighbour of a deleted node; nothing must go where nobody wanted it."""
        for selector in self._selectors:
            if selector.currentNode() is node:
                selector.setCurrentNode(None)

    def _onProgress(self, fraction, text, remaining):
        self._step.progress(fraction, text, remaining)

    def _onResult(self, result, folder):
        try:
            imported = self._run.finish(result, folder)
            self._forgetRun()
            if imported is not None:
                self._onDone(imported)
        except SpineError as error:
            self._onError(str(error), "")
        except Exception:  # nobody else would hear of it: this is called by a signal
            self._onError(
                "The result could not be brought into the scene: the log holds the details.", traceback.format_exc()
            )

    def _onError(self, sentence, details):
        self._forgetRun()
        self.error(self._step, sentence, details)

    def _onCancelled(self):
        self._forgetRun()
        closing, self._closing = self._closing, False
        self._step.say(
            "The scene was closed, so the run was cancelled." if closing else "Cancelled; the scene is as it was."
        )

    def _forgetRun(self):
        run, self._run = self._run, None
        if run:
            run.release()

    def _log(self, text):
        self.ui.logText.appendPlainText(f"{time.strftime('%H:%M:%S')}  {text}")
