"""A panel's jobs: prepare step by step, hand to the worker, report, cancel. The GUI thread never waits."""

from __future__ import annotations

import time
import traceback

import qt

from SpineLib.errors import SpineError
from SpineLib.worker import PrivateFolder
from SpinePanel.i18n import tr as _
from SpinePanel.protocols import JobListener, Run
from SpinePanel.remaining import RemainingTime, remainingText
from SpinePanel.worker import sharedWorker

#: Share of the progress bar that the steps before the worker's own take.
_PREPARATION = 0.03


class JobRunner:
    """One job at a time for one panel, in the worker that all panels share.

    Args:
        listener: hears of the job.
        title: of the panel, for the others while its job runs.
        worker: :class:`SpinePanel.worker.SharedWorker`; default: that of the application.
    """

    def __init__(self, listener: JobListener, title: str = "", worker=None):
        self._listener, self.title = listener, title
        self.worker = worker or sharedWorker()
        self._folder: PrivateFolder | None = None
        self._remaining: RemainingTime | None = None
        self._next = None
        self._steps: list = []
        self._soon = qt.QTimer()
        self._soon.setInterval(0)
        self._soon.setSingleShot(True)
        self._soon.connect("timeout()", self._goOn)
        self.worker.join(self)

    @property
    def busy(self) -> bool:
        """Whether a job is being prepared or run (a cancelled one until it has ended)."""
        return self._remaining is not None

    @property
    def cancelling(self) -> bool:
        return self.busy and self.worker.session.state == "cancelling"

    def reasonToWait(self) -> str:
        """Why no job can begin now, as a sentence; "" when one can."""
        holder = self.worker.holder
        if holder is None:
            return ""
        if holder is self:
            return _("A run is going on: wait until it has ended, or cancel it.")
        return _("A run of {title} is going on: wait until it has ended, or cancel it there.").format(
            title=holder.title
        )

    def start(self, run: Run) -> None:
        """Begin a job and return at once.

        The run's steps are made one by one, each in an event of its own, so that the window is drawn between them;
        so is what it wants to be done while the worker works.

        Raises:
            SpineError: a job is running, or no temporary folder can be made.
        """
        if reason := self.reasonToWait():
            raise SpineError(reason)
        steps, meanwhile = run.steps(), run.meanwhile()
        self._folder = PrivateFolder()
        self._remaining = RemainingTime(time.monotonic())
        self._steps = [
            *steps,
            (_("Starting the worker"), lambda folder: self._submit(run.job, run.parameters(folder))),
            *[("", lambda folder, call=call: call()) for call in meanwhile],
        ]
        self._report(0.0, self._steps[0][0])
        self.worker.take(self)
        self._listener.jobStateChanged()
        self._later(self._warmUp)

    def cancel(self) -> None:
        """Ask the running job to end; the listener hears within 2 s. Does nothing without a job."""
        if not self.busy:
            return
        if self.worker.session.state == "idle":
            self._end(self._listener.jobCancelled)
        else:
            self.worker.session.cancel()
            self._listener.jobStateChanged()

    def close(self) -> None:
        """Drop the job, and the worker that has it, at once; nothing is called any more."""
        self._steps, self._remaining, self._next = [], None, None
        self._soon.stop()
        self._soon.disconnect("timeout()", self._goOn)
        self.worker.leave(self)
        self._removeFolder()

    def workerChanged(self) -> None:
        """Another panel's job began or ended."""
        self._listener.jobStateChanged()

    def _warmUp(self):
        """The worker starts while the images are written."""
        self.worker.session.warm_up()
        self._later(self._nextStep)

    def _nextStep(self):
        text, step = self._steps.pop(0)
        if text:
            self._report(0.0, text)
        assert self._folder is not None
        step(self._folder.path)
        if self._steps and self._next is None:
            self._later(self._nextStep)

    def _submit(self, job, parameters):
        listener, folder = self._listener, self._folder
        assert folder is not None
        self.worker.session.submit(
            job,
            parameters,
            folder,
            on_progress=self._progressed,
            on_result=lambda result: self._end(listener.jobSucceeded, result, folder.path),
            on_error=lambda message, details: self._end(listener.jobFailed, message, details),
            on_cancelled=lambda: self._end(listener.jobCancelled),
            on_preview=listener.jobOffers,
        )

    def _later(self, function):
        """Run in the next round of the event loop, unless the job has ended by then.

        By a timer of our own: Slicer's ``qt.QTimer.singleShot`` keeps each timer and its callable until it exits.
        """
        self._next = function
        self._soon.start()

    def _goOn(self):
        function, self._next = self._next, None
        if function is None:
            return
        try:
            function()
        except SpineError as error:
            self._end(self._listener.jobFailed, str(error), "")
        except Exception:
            sentence = _("The job could not be prepared: the log holds the details.")
            self._end(self._listener.jobFailed, sentence, traceback.format_exc())

    def _progressed(self, fraction, text):
        self._report(_PREPARATION + (1.0 - _PREPARATION) * fraction, text)

    def _report(self, fraction, text):
        assert self._remaining is not None
        seconds = self._remaining.update(fraction, time.monotonic())
        self._listener.jobProgressed(fraction, text, remainingText(seconds))

    def _end(self, call, *arguments):
        """Idle first, so that the panel can enable its buttons; the folder goes last, so that it can read files."""
        self._steps, self._remaining, self._next = [], None, None
        self.worker.giveBack(self)
        try:
            call(*arguments)
        finally:
            self._removeFolder()
            self._listener.jobStateChanged()

    def _removeFolder(self):
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()
