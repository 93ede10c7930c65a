"""A panel's jobs: prepare step by step, hand to the worker, report, cancel. The GUI thread never waits."""

from __future__ import annotations

import logging
import time
import traceback

import qt

from SpineLib.errors import SpineError
from SpineLib.worker import PrivateFolder, WorkerSession, sweep_stale_folders
from SpinePanel.qprocess import QProcessTransport
from SpinePanel.remaining import RemainingTime, remainingText

#: Deadlines (start, cancel) are looked after this often, milliseconds.
_TICK_MS = 100
#: A worker without a job gives its memory back after this time, milliseconds.
_IDLE_MS = 10 * 60 * 1000
#: Share of the progress bar that the steps before the worker's own take.
_PREPARATION = 0.03


class JobRunner:
    """One worker and one job at a time, for one panel.

    Args:
        onProgress: gets fraction (0 to 1), text of the stage, text of the remaining time ("" while unknown).
        onResult: gets the job's result and the folder with its files, which is removed afterwards.
        onError: gets one sentence for the user, and details for the log.
        onCancelled: no arguments.
        onStateChanged: no arguments; called whenever :attr:`busy` changed.
        transport: factory of transports, for tests.
        onPreview: gets the path of a file that a job offers to be looked at while it runs.
    """

    def __init__(
        self, onProgress, onResult, onError, onCancelled, onStateChanged, transport=QProcessTransport, onPreview=None
    ):
        self._onProgress, self._onResult, self._onError, self._onPreview = onProgress, onResult, onError, onPreview
        self._onCancelled, self._onStateChanged = onCancelled, onStateChanged
        self._newTransport, self._transport = transport, None
        self._session = WorkerSession(self._makeTransport, on_log=lambda line: logging.info("worker: %s", line))
        self._folder = None
        self._steps = []
        self._remaining = None
        self._next = None
        self._ticking, self._idling, self._soon = qt.QTimer(), qt.QTimer(), qt.QTimer()
        self._ticking.setInterval(_TICK_MS)
        self._idling.setInterval(_IDLE_MS)
        self._soon.setInterval(0)
        self._idling.setSingleShot(True)
        self._soon.setSingleShot(True)
        self._connections = (
            (self._ticking, "timeout()", self._session.tick),
            (self._idling, "timeout()", self._session.close),
            (self._soon, "timeout()", self._goOn),
        )
        for timer, signal, slot in self._connections:
            timer.connect(signal, slot)
        sweep_stale_folders()

    @property
    def busy(self) -> bool:
        """Whether a job is being prepared or run (a cancelled one until it has ended)."""
        return self._remaining is not None

    @property
    def cancelling(self) -> bool:
        return self._session.state == "cancelling"

    def start(self, job: str, steps, parameters, meanwhile=()) -> None:
        """Begin a job and return at once.

        Args:
            job: name in ``SpineLib.jobs.registry``.
            steps: (text, callable) pairs; each callable gets the private folder and runs in an event of its own, so
                that the window is drawn between them.
            parameters: callable that gets the private folder and returns the job's parameters, after all steps.
            meanwhile: callables without arguments, each run in an event of its own while the worker works.

        Raises:
            SpineError: a job is running, or no temporary folder can be made.
        """
        if self.busy:
            raise SpineError("A job is still running: wait until it has ended, or cancel it first.")
        self._folder = PrivateFolder()
        self._remaining = RemainingTime(time.monotonic())
        self._steps = [
            *steps,
            ("Starting the worker", lambda folder: self._submit(job, parameters(folder))),
            *[("", lambda folder, call=call: call()) for call in meanwhile],
        ]
        self._report(0.0, self._steps[0][0])
        self._onStateChanged()
        self._idling.stop()
        self._ticking.start()
        self._later(self._warmUp)

    def cancel(self) -> None:
        """Ask the running job to end; ``onCancelled`` follows within 2 s. Does nothing without a job."""
        if not self.busy:
            return
        if self._session.state == "idle":
            self._end(self._onCancelled)
        else:
            self._session.cancel()
            self._onStateChanged()

    def close(self) -> None:
        """Drop the job and end the worker with all it started, at once; nothing is called any more."""
        self._steps, self._remaining, self._next = [], None, None
        for timer, signal, slot in self._connections:
            timer.stop()
            timer.disconnect(signal, slot)
        self._session.close()
        if self._transport is not None:
            self._transport.waitForEnd()
        self._removeFolder()

    def _makeTransport(self, onOutput, onFinished):
        self._transport = self._newTransport(onOutput, onFinished)
        return self._transport

    def _warmUp(self):
        """The worker starts while the images are written."""
        self._session.warm_up()
        self._later(self._nextStep)

    def _nextStep(self):
        text, step = self._steps.pop(0)
        if text:
            self._report(0.0, text)
        step(self._folder.path)
        if self._steps and self._next is None:
            self._later(self._nextStep)

    def _submit(self, job, parameters):
        self._session.submit(
            job,
            parameters,
            self._folder,
            on_progress=self._progressed,
            on_result=self._succeeded,
            on_error=lambda message, details: self._end(self._onError, message, details),
            on_cancelled=lambda: self._end(self._onCancelled),
            on_preview=self._onPreview,
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
            self._end(self._onError, str(error), "")
        except Exception:
            self._end(
                self._onError, "The job could not be prepared: the log holds the details.", traceback.format_exc()
            )

    def _progressed(self, fraction, text):
        self._report(_PREPARATION + (1.0 - _PREPARATION) * fraction, text)

    def _report(self, fraction, text):
        seconds = self._remaining.update(fraction, time.monotonic())
        self._onProgress(fraction, text, remainingText(seconds))

    def _succeeded(self, result):
        self._end(self._onResult, result, self._folder.path)

    def _end(self, call, *arguments):
        """Idle first, so that the panel can enable its buttons; the folder goes last, so that it can read files."""
        self._steps, self._remaining, self._next = [], None, None
        self._ticking.stop()
        self._idling.start()
        try:
            call(*arguments)
        finally:
            self._removeFolder()
            self._onStateChanged()

    def _removeFolder(self):
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()
