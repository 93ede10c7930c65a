"""A panel of steps over the shared worker: what is the same whatever the steps do."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import qt

from SpineLib.errors import SpineError
from SpinePanel.cards import provenanceLine
from SpinePanel.folding import Folding
from SpinePanel.i18n import tr as _
from SpinePanel.jobs import JobRunner
from SpinePanel.packages import installMissing, installOptional, missingPackages, torchDoubt, torchTooOld
from SpinePanel.protocols import Run, Status, Step
from SpinePanel.views import Views

#: A header has no more letters, since it makes the whole panel as wide as it is.
_LETTERS = 40


class StepPanel:
    """Everything between widgets and logic; the module's widget class keeps the life cycle.

    A subclass names its parts and makes its steps. The ``.ui`` holds ``<name>Section`` for each section,
    ``<name>Selector`` for each selector, ``setupSection``, ``setupLabel``, ``installButton`` and ``logText``. It is the
    :class:`SpinePanel.protocols.JobListener` of its jobs: what becomes of a result, an error and a cancelled run is
    said here, once.

    Args:
        ui: widgets of the ``.ui`` by name.
        logic: of the module; gives the parameter node.

    Attributes:
        MODULE: name in the application's log.
        TITLE: of the module, for questions.
        SECTIONS: name of a section to its header.
        SELECTORS: names of the node selectors.
        CHAIN: names of the sections that follow one another: see :class:`SpinePanel.folding.Folding`.
    """

    MODULE = TITLE = ""
    SECTIONS: dict[str, str] = {}
    SELECTORS: tuple[str, ...] = ()
    CHAIN: tuple[str, ...] = ()

    def __init__(self, ui, logic):
        self.ui, self.logic = ui, logic
        self._node: Any = None
        self._run: Any = None
        self._widgets: Any = None
        self._onDone: Callable | None = None
        self._onPreview: Callable | None = None
        self._closing, self._updating = False, False
        self._missing, self._setupProblem, self._doubt = missingPackages(), torchTooOld(), torchDoubt()
        self.jobs, self.views = JobRunner(self, self.TITLE), Views(ui.layoutButton)
        self._selectors: list = []
        self._folding = Folding(ui, self.CHAIN)
        self._whenShown: list[Callable] = []
        self._soon = qt.QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._whenIdle: list[Callable] = []
        self._idle = qt.QTimer()
        self._idle.setSingleShot(True)
        self._idle.setInterval(0)
        self._connections = [
            *((getattr(ui, f"{name}Section"), "contentsCollapsed(bool)", self._onCollapsed) for name in self.SECTIONS),
            (ui.installButton, "clicked(bool)", self.onInstall),
            (self._soon, "timeout()", self.update),
            (self._idle, "timeout()", self._onIdle),
        ]
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)
        self._steps = self.makeSteps()
        for name in self.SELECTORS:
            self.watchSelector(getattr(ui, f"{name}Selector"))

    def makeSteps(self) -> Sequence[Step]:
        """The steps in their order; called once, when ``jobs`` is there."""
        raise NotImplementedError

    def states(self):
        """Section name to (whether it is done, a few words)."""
        return {one.widgets.name: one.summary() for one in self._steps}

    def close(self):
        """End the worker and let go of the widgets."""
        self._soon.stop()
        self._idle.stop()
        self._whenIdle.clear()
        self.jobs.close()
        self.views.close()
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
        if parameterNode is None:
            return
        for step in self._steps:
            step.lookAgain()
        waiting, self._whenShown = self._whenShown, []
        for call in waiting:
            call()

    def whenShown(self, call: Callable) -> None:
        """Call now, or when the user comes back: views and layout are another module's while that one is shown."""
        if self._node is not None:
            call()
        else:
            self._whenShown.append(call)

    def modelsChanged(self) -> None:
        """Models were installed or removed: every step reads anew which there are."""
        if self._node is not None:
            self.setParameterNode(self._node)

    def whenIdle(self, call: Callable) -> None:
        """Call in the next round of the event loop, if the panel is still open: a job that asks for another has ended.

        By a timer of our own: Slicer's ``qt.QTimer.singleShot`` keeps each timer and its callable until it exits.
        """
        self._whenIdle.append(call)
        self._idle.start()

    def _onIdle(self):
        waiting, self._whenIdle = self._whenIdle, []
        for call in waiting:
            call()

    def watchSelector(self, selector):
        """Slicer's selector chooses the neighbour of a deleted node; nothing must go where nobody wanted it."""
        self._selectors.append(selector)
        connection = (selector, "nodeAboutToBeRemoved(vtkMRMLNode*)", self._onNodeRemoved)
        self._connections.append(connection)
        selector.connect(*connection[1:])

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
            self.ui.setupSection.visible = bool(self._missing or self._doubt)
            self.ui.installButton.visible = bool(self._missing)
            needed = _("Needed once: {names}.").format(names=", ".join(self._missing)) if self._missing else ""
            self.ui.setupLabel.text = self._setupProblem or needed or self._doubt
            for step in self._steps:
                step.update()
            for name in self.SECTIONS:
                getattr(self.ui, f"{name}Section").enabled = self._node is not None
            states = self.titles()
            if self._node is not None:
                self._folding.follow(states, self._warned())
            self._fitWidth()
        finally:
            self._updating = False

    def later(self):
        """Update in the next round of the event loop."""
        self._soon.start()

    def titles(self):
        """The sections' headers: a tick and a few words where a step is done; the states that they tell."""
        states = self.states()
        for name, title in self.SECTIONS.items():
            done, words = states.get(name, (False, ""))
            mark = "  ✓" if done else ""
            getattr(self.ui, f"{name}Section").text = _short(f"{title}{mark}{f'  {words}' if words else ''}")
        return states

    def _fitWidth(self):
        """What is in the scroll area is never narrower than it can be; a scroll area does not tell so by itself."""
        scroll = self.ui.panelScroll
        needed = self.ui.panelContents.minimumSizeHint.width() + scroll.verticalScrollBar().sizeHint.width()
        if scroll.minimumWidth != needed:
            scroll.setMinimumWidth(needed)

    def runState(self, widgets):
        """(whether the job of the step with these widgets runs, whether it is being cancelled)."""
        return self.jobs.busy and self._widgets is widgets, self.jobs.cancelling

    def reasonNotToStart(self):
        """Why no job at all can be started, as a sentence; "" when one can."""
        if reason := self.jobs.reasonToWait():
            return reason
        if self._node is None:
            return _("The scene is being closed, or the module is not shown.")
        if self._missing:
            return _("Press Install first: some Python packages are missing.")
        return ""

    def start(self, widgets: Status, run: Run, onDone: Callable, onPreview: Callable | None = None) -> bool:
        """Begin a job; whether that worked.

        Args:
            widgets: show it.
            run: what is asked for.
            onDone: gets what the run's ``finish`` gives.
            onPreview: gets the path of a file that the job offers to be looked at while it runs.
        """
        widgets.say("")
        self._widgets = widgets
        try:
            self.jobs.start(run)
        except SpineError as error:
            self.jobFailed(str(error), "")
            return False
        self._run, self._onDone, self._onPreview = run, onDone, onPreview
        return True

    def installed(self, widgets, module):
        """Whether a package that only one step needs is there, after asking the user for it."""
        try:
            installOptional(module, self.TITLE)
        except SpineError as error:
            self.error(widgets, str(error))
            return False
        return True

    def onCancel(self, checked=False):
        if self._widgets is not None:
            self._widgets.progress(0, _("Cancelling"), "")
        self.jobs.cancel()

    def onInstall(self, checked=False):
        """Install what is missing; Slicer's own dialogs ask and show progress."""
        try:
            self._setupProblem = ""
            installMissing(self.TITLE)
        except SpineError as error:
            self._setupProblem = str(error)
            self._log(self._setupProblem)
        self._missing = missingPackages()
        self.update()

    def onSceneClosing(self):
        """The images of a running job go away, so the job goes, too."""
        self._closing, self._whenShown = self.jobs.busy, []
        for step in self._steps:
            step.widgets.say("")
        self.jobs.cancel()
        self.views.forget()
        for step in self._steps:
            step.clear()

    def tell(self, widgets, sentence, warning=False, about=None):
        """One sentence in the step, for what was done; the log section keeps it.

        Args:
            about: node that the sentence is about; it goes when another one is chosen.
        """
        widgets.say(sentence, warning=warning, about=about)
        self._log(sentence)

    def error(self, widgets, sentence, details=""):
        """One sentence in red in the step; the details go to the log section and the application's log."""
        widgets.say(sentence, error=True)
        for text in (sentence, details):
            if text:
                self._log(text)
                logging.error("%s: %s", self.MODULE, text)

    def _onCollapsed(self, collapsed):
        if not collapsed:
            for step in self._steps:
                step.refresh()
            self.later()

    def _onNodeRemoved(self, node):
        """Slicer's selector chooses the neighbour of a deleted node; nothing must go where nobody wanted it."""
        for selector in self._selectors:
            if selector.currentNode() is node:
                selector.setCurrentNode(None)
        self.later()  # It is still in the scene now.

    def jobStateChanged(self):
        """Buttons follow; a panel that is hidden does so on coming back."""
        self.update()

    def jobProgressed(self, fraction, text, remaining):
        self._widgets.progress(fraction, text, remaining)

    def jobOffers(self, path):
        if self._onPreview is not None:
            self._onPreview(path)

    def jobSucceeded(self, result, folder):
        """The result goes into the scene, all of it or nothing; whatever breaks becomes one sentence."""
        try:
            imported = self._run.finish(result, folder)
            self._log(provenanceLine(result.get("provenance")))
            onDone = self._onDone
            self._forgetRun()
            if imported is not None and onDone is not None:
                onDone(imported)
                self._goOn(self._widgets.name)
        except SpineError as error:
            self.jobFailed(str(error), "")
        except Exception:  # nobody else would hear of it: this is called by a signal
            sentence = _("The result could not be brought into the scene: the log holds the details.")
            self.jobFailed(sentence, traceback.format_exc())

    def _warned(self):
        """Names of the sections that say something that nobody may miss."""
        return [one.widgets.name for one in self._steps if one.attention()]

    def _goOn(self, name):
        """After a step's job: fold what is finished, and bring the next step's button to where the eye is."""
        if self._node is None:
            return
        button = self._folding.finished(name, self.states(), self._warned())
        if button is not None:
            self.whenIdle(lambda: self.ui.panelScroll.ensureWidgetVisible(button))

    def jobFailed(self, sentence, details):
        self._forgetRun()
        self.error(self._widgets, sentence, details)

    def jobCancelled(self):
        self._forgetRun()
        closing, self._closing = self._closing, False
        self._widgets.say(
            _("The scene was closed, so the run was cancelled.") if closing else _("Cancelled; the scene is as it was.")
        )

    def _forgetRun(self):
        run, self._run = self._run, None
        self._onDone = self._onPreview = None
        if run:
            run.release()

    def _log(self, text):
        if not text:
            return
        self.ui.logText.appendPlainText(f"{time.strftime('%H:%M:%S')}  {text}")


def _short(header):
    return header if len(header) <= _LETTERS else f"{header[: _LETTERS - 1]}…"
