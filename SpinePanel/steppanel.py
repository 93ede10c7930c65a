"""A panel of steps over one worker: what is the same whatever the steps do."""

from __future__ import annotations

import logging
import time
import traceback

import qt

from SpineLib.errors import SpineError
from SpinePanel.jobs import JobRunner
from SpinePanel.packages import installMissing, missingPackages


class StepPanel:
    """Everything between widgets and logic; the module's widget class keeps the life cycle.

    A subclass names its parts and makes its steps: objects with ``step`` (:class:`SpinePanel.step.Step`), ``update()``,
    ``summary()``, ``setParameterNode(node)`` and ``close()``. The ``.ui`` holds ``<name>Section`` for each section,
    ``<name>Selector`` for each selector, ``setupSection``, ``setupLabel``, ``installButton`` and ``logText``.

    Args:
        ui: widgets of the ``.ui`` by name.
        logic: of the module; gives the parameter node.

    Attributes:
        MODULE: name in the application's log.
        TITLE: of the module, for questions.
        SECTIONS: name of a section to its header.
        SELECTORS: names of the node selectors.
    """

    MODULE = TITLE = ""
    SECTIONS: dict[str, str] = {}
    SELECTORS: tuple[str, ...] = ()

    def __init__(self, ui, logic):
        self.ui, self.logic = ui, logic
        self._node = self._run = self._step = self._onDone = self._onPreview = None
        self._closing, self._updating = False, False
        self._missing = missingPackages()
        self.jobs = JobRunner(
            self._onProgress, self._onResult, self._onError, self._onCancelled, self.update, onPreview=self._onFile
        )
        self._steps = self.makeSteps()
        self._soon = qt.QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._selectors = tuple(getattr(ui, f"{name}Selector") for name in self.SELECTORS)
        self._connections = (
            *((selector, "nodeAboutToBeRemoved(vtkMRMLNode*)", self._onNodeRemoved) for selector in self._selectors),
            *((getattr(ui, f"{name}Section"), "contentsCollapsed(bool)", self._onCollapsed) for name in self.SECTIONS),
            (ui.installButton, "clicked(bool)", self.onInstall),
            (self._soon, "timeout()", self.update),
        )
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)

    def makeSteps(self):
        """The steps in their order; called once, when ``jobs`` is there."""
        raise NotImplementedError

    def states(self):
        """Section name to (whether it is done, a few words)."""
        return {one.step.name: one.summary() for one in self._steps}

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
            for name in self.SECTIONS:
                getattr(self.ui, f"{name}Section").enabled = self._node is not None
            self.updateMore()
            self.titles()
        finally:
            self._updating = False

    def updateMore(self):
        """For a subclass: what belongs to no step."""

    def later(self):
        """Update in the next round of the event loop."""
        self._soon.start()

    def titles(self):
        """The sections' headers: a tick and a few words where a step is done."""
        states = self.states()
        for name, title in self.SECTIONS.items():
            done, words = states.get(name, (False, ""))
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

    def start(self, step, makeRun, onDone, onPreview=None):
        """Begin a job.

        Args:
            step: :class:`SpinePanel.step.Step` that shows it.
            makeRun: callable that gives the run.
            onDone: gets what the run's ``finish`` gives.
            onPreview: gets the path of a file that the job offers to be looked at while it runs.
        """
        step.say("")
        self._step = step
        try:
            run = makeRun()
            self.jobs.start(run.job, run.steps(), run.parameters, run.meanwhile())
            self._run, self._onDone, self._onPreview = run, onDone, onPreview
        except SpineError as error:
            self._onError(str(error), "")

    def onCancel(self, checked=False):
        if self._step is not None:
            self._step.progress(0, "Cancelling", "")
        self.jobs.cancel()

    def onInstall(self, checked=False):
        """Install what is missing; Slicer's own dialogs ask and show progress."""
        try:
            installMissing(self.TITLE)
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
        for step in self._steps:
            step.step.say("")
        self.jobs.cancel()

    def error(self, step, sentence, details=""):
        """One sentence in red in the step; the details go to the log section and the application's log."""
        step.say(sentence, error=True)
        for text in (sentence, details):
            if text:
                self._log(text)
                logging.error("%s: %s", self.MODULE, text)

    def sectionOpened(self):
        """For a subclass: an opened section shows all its widgets, those too that have nothing to say."""

    def _onCollapsed(self, collapsed):
        if not collapsed:
            for step in self._steps:
                step.step.refresh()
            self.sectionOpened()
            self.later()

    def _onNodeRemoved(self, node):
        """Slicer's selector chooses the neighbour of a deleted node; nothing must go where nobody wanted it."""
        for selector in self._selectors:
            if selector.currentNode() is node:
                selector.setCurrentNode(None)
        self.later()  # It is still in the scene now.

    def _onProgress(self, fraction, text, remaining):
        self._step.progress(fraction, text, remaining)

    def _onFile(self, path):
        if self._onPreview is not None:
            self._onPreview(path)

    def _onResult(self, result, folder):
        try:
            imported = self._run.finish(result, folder)
            onDone = self._onDone
            self._forgetRun()
            if imported is not None:
                onDone(imported)
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
        self._onDone = self._onPreview = None
        if run:
            run.release()

    def _log(self, text):
        self.ui.logText.appendPlainText(f"{time.strftime('%H:%M:%S')}  {text}")
