"""One worker, one job at a time, seen from the panel: submit, watch, cancel, survive the worker's death.

Nothing here waits, sleeps or starts a thread: Python threads starve in Slicer's main process. The session moves on only
when its transport reports something and when :meth:`WorkerSession.tick` is called (by a timer, ten times a second).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from SpineLib import __version__
from SpineLib.errors import Cancelled, SpineError
from SpineLib.progress import Progress
from SpineLib.temporary import PrivateFolder
from SpineLib.worker.process_tree import kill_tree
from SpineLib.worker.protocol import FINAL_EVENTS, Event, EventReader, LastLines, encode
from SpineLib.worker.redaction import redact

#: A job that has not ended this long after it was asked to is killed, seconds.
KILL_AFTER = 1.5
#: A killed process that is not gone this long after the wish to cancel is left to itself, seconds.
GIVE_UP_AFTER = 1.9
#: A cold start on a slow disk with a virus scanner takes its time, seconds.
START_WITHIN = 90.0


class Transport(Protocol):
    """One child process. Its factory gets two callables and calls them in the session's own thread:

    ``on_output(data: bytes)``: standard output, in pieces as they come;
    ``on_finished(code: int, last_lines: list[str])``: once, when the process is gone (code -1: it never was), with the
    last lines of its standard error (:class:`SpineLib.worker.LastLines` collects them).
    """

    def start(self) -> None:
        """Starts the process without waiting for it; OSError when that fails at once."""

    def write(self, data: bytes) -> None:
        """Sends bytes to standard input without waiting; silently nothing when the process is gone."""

    def kill_tree(self) -> None:
        """Kills the process and what it started, without waiting (:func:`SpineLib.worker.kill_tree`)."""

    def poll(self) -> None:
        """Calls the callables for what has arrived; empty where an event loop does so (Qt)."""


OnOutput = Callable[[bytes], None]
OnFinished = Callable[[int, "list[str]"], None]
TransportFactory = Callable[[OnOutput, OnFinished], Transport]


@dataclass
class _Job:
    number: int
    request: dict[str, Any]
    folder: PrivateFolder | None
    on_progress: Progress
    on_result: Callable[[dict], None]
    on_error: Callable[[str, str], None]
    on_cancelled: Callable[[], None]
    on_preview: Callable[[Path], None] | None = None
    cancelled_at: float | None = None
    answered: bool = False
    retried: bool = False

    def redact(self, text: str) -> str:
        return redact(text, {**self.request["parameters"], "folder": self.request["folder"]})


class WorkerSession:
    """Keeps one worker alive between jobs and gives it one job at a time.

    Args:
        transport_factory: makes a transport for each child; see :class:`Transport`.
        on_log: gets each line the worker prints where only messages belong (never needed, good to have in a log).
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        transport_factory: TransportFactory,
        *,
        on_log: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._factory = transport_factory
        self._on_log = on_log
        self._clock = clock
        self._transport: Transport | None = None
        self._generation = 0
        self._reader = EventReader()
        self._noise = LastLines()
        self._events: deque[Event] = deque()
        self._ready = False
        self._fresh = True
        self._worker_pid: int | None = None
        self._started_at = 0.0
        self._job: _Job | None = None
        self._last_number = 0

    @property
    def state(self) -> str:
        """ "idle", "starting" (a job waits for the worker), "running" or "cancelling"."""
        if self._job is None:
            return "idle"
        if self._job.cancelled_at is not None:
            return "cancelling"
        return "running" if self._ready else "starting"

    def warm_up(self) -> None:
        """Starts the worker ahead of the first job; SpineError when it cannot be started."""
        if self._transport is None:
            self._start()

    def submit(
        self,
        job: str,
        parameters: dict[str, Any],
        folder: PrivateFolder | Path,
        *,
        on_progress: Progress,
        on_result: Callable[[dict], None],
        on_error: Callable[[str, str], None],
        on_cancelled: Callable[[], None],
        on_preview: Callable[[Path], None] | None = None,
    ) -> None:
        """Gives the worker a job and returns at once; exactly one of the last three callables is called in the end.

        Args:
            job: name in ``SpineLib.jobs.registry``.
            parameters: JSON-able.
            folder: where the job writes its files. A :class:`PrivateFolder` is removed after the last call, whatever
                the end; a plain path is left as it is.
            on_progress: fraction and text, at least once a second.
            on_result: the job's result; read its files before returning.
            on_error: one sentence for the user, and details (last lines of the worker) for the log or a "More" button;
                the details hold no path from ``parameters``.
            on_cancelled: after :meth:`cancel`.
            on_preview: a file that the job offers to be looked at; it is there until the job ends.

        Raises:
            SpineError: a job is running, or the worker cannot be started.
        """
        if self._job is not None:
            raise SpineError("A job is still running: wait until it has ended, or cancel it first.")
        private = folder if isinstance(folder, PrivateFolder) else None
        path = str(private.path if private else folder)
        self._last_number += 1
        request = {"id": self._last_number, "job": job, "parameters": parameters, "folder": path}
        encode(request)  # a parameter that is no JSON fails here, before anything has begun
        self.warm_up()
        self._job = _Job(
            self._last_number, request, private, on_progress, on_result, on_error, on_cancelled, on_preview
        )
        if self._ready and self._transport is not None:
            self._transport.write(encode(request))

    def cancel(self) -> None:
        """Asks the job to end; ``on_cancelled`` follows within 2 s, if need be by killing the worker."""
        job = self._job
        if job is None or job.cancelled_at is not None:
            return
        job.cancelled_at = self._clock()
        if self._ready and self._transport is not None:
            self._transport.write(encode({"cancel": job.number}))
        else:  # the job never reached the worker
            self._end_job(job.on_cancelled)

    def close(self) -> None:
        """Ends the worker at once, for example when the panel goes; a running job is dropped without a call."""
        job, self._job = self._job, None
        self._kill()
        self._forget()
        if job is not None and job.folder is not None:
            job.folder.remove()

    def tick(self) -> None:
        """Lets the transport report, and looks after the deadlines."""
        if self._transport is not None:
            self._transport.poll()
        self._take_events()
        job, now = self._job, self._clock()
        if job is not None and job.cancelled_at is not None:
            if now - job.cancelled_at >= KILL_AFTER:
                self._kill()
            if now - job.cancelled_at >= GIVE_UP_AFTER:
                self._forget()
                self._end_job(job.on_cancelled)
        elif self._transport is not None and not self._ready and now - self._started_at >= START_WITHIN:
            self._kill()
            self._forget()
            self._fail("The worker did not start in time: try again, or restart the application.", "")

    # The worker's life

    def _start(self) -> None:
        self._generation += 1
        generation = self._generation
        self._reader, self._noise = EventReader(), LastLines()
        self._ready, self._fresh, self._worker_pid = False, True, None

        def on_output(data: bytes) -> None:
            if generation == self._generation:
                self._take_output(data)

        def on_finished(code: int, last_lines: list[str]) -> None:
            if generation == self._generation:
                self._take_end(code, last_lines)

        transport = self._factory(on_output, on_finished)
        self._started_at = self._clock()
        self._transport = transport
        try:
            transport.start()
        except OSError as error:
            self._forget()
            reason = error.strerror or type(error).__name__
            raise SpineError(f"The worker could not be started ({reason}): reinstall the extension.") from error

    def _kill(self) -> None:
        if self._transport is None:
            return
        if self._worker_pid is not None:  # behind a launcher the worker is not the process the transport started
            kill_tree(self._worker_pid)
        self._transport.kill_tree()

    def _forget(self) -> None:
        """No more events of this worker; the next job starts another."""
        self._generation += 1
        self._events.clear()
        self._transport, self._ready, self._worker_pid = None, False, None

    def _take_output(self, data: bytes) -> None:
        self._events.extend(self._reader.feed(data))
        self._take_events()

    def _take_events(self) -> None:
        """A queue, because a callable of the panel may raise or let Qt deliver more output while it runs."""
        while self._events:
            self._take_event(self._events.popleft())

    def _take_event(self, event: Event) -> None:
        job = self._job
        if event.kind == "noise":
            self._noise.feed(event.text.encode() + b"\n")
            if self._on_log is not None:
                self._on_log(job.redact(event.text) if job else redact(event.text, {}))
        elif event.kind == "ready":
            if not self._ready:
                self._take_ready(event)
        elif job is not None and event.job == job.number:
            job.answered = True
            if event.kind in FINAL_EVENTS:
                self._fresh = False
                self._take_final(job, event)
            elif job.cancelled_at is None:
                try:
                    job.on_progress(event.fraction, event.text)
                    if event.file and job.on_preview is not None:
                        job.on_preview(Path(job.request["folder"]) / event.file)
                except Cancelled:
                    self.cancel()

    def _take_ready(self, event: Event) -> None:
        if event.version != __version__:
            self._kill()
            self._forget()
            self._fail("The worker belongs to another version of the extension: restart the application.", "")
            return
        self._ready, self._worker_pid = True, event.pid
        if self._job is not None and self._transport is not None:
            self._transport.write(encode(self._job.request))

    def _take_final(self, job: _Job, event: Event) -> None:
        if job.cancelled_at is not None or event.kind == "cancelled":
            self._end_job(job.on_cancelled)
        elif event.kind == "result":
            self._end_job(job.on_result, event.result)
        else:
            self._fail(event.text, event.details)

    def _take_end(self, code: int, last_lines: list[str]) -> None:
        """The process is gone: an error for its job, unless it was to be cancelled."""
        lines = [*self._noise.lines(), *last_lines]
        died_idle, was_ready = not self._fresh, self._ready
        self._forget()
        job = self._job
        if job is None:
            return
        if job.cancelled_at is not None:
            self._end_job(job.on_cancelled)
        elif died_idle and not job.answered and not job.retried:
            job.retried = True  # it died between two jobs, unnoticed: this job has not begun
            try:
                self._start()
            except SpineError as error:
                self._fail(str(error), "")
        else:
            self._fail(_sentence_for_end(code, was_ready), "\n".join(lines))

    # The job's end

    def _fail(self, message: str, details: str) -> None:
        job = self._job
        if job is not None:
            self._end_job(job.on_error, message, job.redact(details))

    def _end_job(self, call: Callable[..., None], *arguments) -> None:
        """Idle first, so that the callable may submit the next job; the folder goes last, so that it may read files."""
        job, self._job = self._job, None
        try:
            call(*arguments)
        finally:
            if job is not None and job.folder is not None:
                job.folder.remove()


def _sentence_for_end(code: int, was_ready: bool) -> str:
    if not was_ready:
        return f"The worker could not be started (code {code}): reinstall the extension; the log holds its last lines."
    if code in (-9, 9, 137):
        return (
            "The worker was ended by the system, most likely because memory ran out: "
            "close other applications or choose a smaller model, and try again."
        )
    return f"The worker ended unexpectedly (code {code}): try again; the log holds its last lines."
