"""The worker's loop: commands in, events out, one job at a time in the main thread.

A reader thread watches standard input meanwhile, and a heartbeat thread repeats the last progress of a silent job
(both may be threads: no Qt here, and torch releases Python's lock while it computes).
"""

from __future__ import annotations

import os
import queue
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from SpineLib import __version__
from SpineLib.errors import Cancelled, SpineError
from SpineLib.jobs.registry import noun_of
from SpineLib.progress import Progress
from SpineLib.temporary import remove_private_folder
from SpineLib.worker.process_tree import kill_tree
from SpineLib.worker.protocol import LineBuffer, encode, parse_object
from SpineLib.worker.redaction import redact
from SpineLib.worker.sentences import sentence

#: run_job(name, parameters, folder, progress) -> JSON-able result
RunJob = Callable[[str, dict, Path, Progress], dict]

#: Progress is sent no more often than this, seconds.
_SHORTEST_PAUSE = 0.05
#: A silent job's last progress is repeated after this, seconds.
_LONGEST_PAUSE = 0.7
#: When the parent is gone, a job has this long to end by itself, seconds.
_LAST_CHANCE = 1.0


class _RunningJob:
    """A job from its acceptance to its last event; its events go out under one lock, so none comes after the last."""

    def __init__(self, request: dict[str, Any], send: Callable[[dict], None]):
        self.number: int = request["id"]
        self.name: str = request["job"]
        self.parameters: dict = request["parameters"]
        self.folder = Path(request["folder"])
        self.cancelled = threading.Event()
        self.ended = threading.Event()
        self._send = send
        self._lock = threading.Lock()
        self._start = self._sent_at = self._reported_at = time.monotonic()
        self._last = (0.0, "Starting")
        self._file = ""
        self._pending = True

    def progress(self, fraction: float, text: str, file: str = "") -> None:
        """For the job: takes its progress and raises Cancelled when that was asked for.

        ``file``: name of a file in the job's folder that is whole and may be looked at; of several that come in a
        short time only the last is told of.
        """
        if self.cancelled.is_set():
            raise Cancelled
        with self._lock:
            now = time.monotonic()
            self._last, self._reported_at, self._pending = (float(fraction), str(text)), now, True
            self._file = file or self._file
            if now - self._sent_at >= _SHORTEST_PAUSE:
                self._send_progress(str(text), now)

    def beat(self) -> None:
        """For the heartbeat: sends what was held back, or repeats the last progress with the seconds since it came."""
        with self._lock:
            now = time.monotonic()
            if self._pending and now - self._sent_at >= _SHORTEST_PAUSE:
                self._send_progress(self._last[1], now)
            elif now - self._sent_at >= _LONGEST_PAUSE:
                self._send_progress(f"{self._last[1]} ({now - self._reported_at:.0f} s)", now)

    def begin(self) -> None:
        """The first progress, before anything is imported."""
        with self._lock:
            self._send_progress(self._last[1], time.monotonic())

    def end(self, event: dict[str, Any]) -> None:
        """The last event."""
        with self._lock:
            self.ended.set()
            self._send({"id": self.number, **event})

    def _send_progress(self, text: str, now: float) -> None:
        if not self.ended.is_set():
            self._sent_at, self._pending = now, False
            event = {"id": self.number, "event": "progress", "fraction": self._last[0], "text": text}
            if self._file:
                event["file"], self._file = self._file, ""
            self._send(event)


class Worker:
    """Runs jobs until told to quit.

    Args:
        commands, events: the two ends of the protocol, unbuffered binary streams.
        run_job: runs one job.
    """

    def __init__(self, commands: BinaryIO, events: BinaryIO, run_job: RunJob):
        self._commands = commands
        self._events = events
        self._run_job = run_job
        self._write_lock = threading.Lock()
        self._requests: queue.SimpleQueue[_RunningJob | None] = queue.SimpleQueue()
        self._job: _RunningJob | None = None
        self._last_folder: Path | None = None

    def run(self) -> None:
        """Returns after ``quit``; when the parent is gone the process ends here."""
        self._send({"event": "ready", "version": __version__, "pid": os.getpid()})
        threading.Thread(target=self._read, name="commands", daemon=True).start()
        while (job := self._requests.get()) is not None:
            self._work(job)

    # Commands

    def _read(self) -> None:
        buffer = LineBuffer()
        try:
            while data := self._commands.read(65536):
                for line in buffer.feed(data):
                    if self._take(parse_object(line) or {}):
                        return
        except OSError:
            pass
        self._end_without_parent()

    def _take(self, message: dict[str, Any]) -> bool:
        """One command; True after the last one. What is no command is left aside."""
        job = self._job
        if message.get("quit") is True:
            if job is not None:
                job.cancelled.set()
            self._requests.put(None)
            return True
        if "cancel" in message:
            if job is not None and job.number == message["cancel"]:
                job.cancelled.set()
        elif _is_request(message):
            if job is None:
                self._job = _RunningJob(message, self._send)
                self._last_folder = self._job.folder
                self._requests.put(self._job)
            else:
                text = "A job is still running: wait until it has ended, or cancel it first."
                self._send({"id": message["id"], "event": "error", "message": text})
        elif message:
            print("The worker left an unknown command aside.", file=sys.stderr)
        return False

    def _end_without_parent(self) -> None:
        """Nobody is left to take a result: end the job, remove its private folder, end all processes it started."""
        job = self._job
        try:
            if job is not None:
                job.cancelled.set()
                job.ended.wait(_LAST_CHANCE)
            if self._last_folder is not None:
                remove_private_folder(self._last_folder)
        finally:
            kill_tree(os.getpid())
            time.sleep(5)  # taskkill takes a moment and needs this process alive to find those it started
            os._exit(1)

    # Jobs

    def _work(self, job: _RunningJob) -> None:
        heart = threading.Thread(target=self._beat, args=(job,), name="heartbeat", daemon=True)
        temporary, tempfile.tempdir = tempfile.tempdir, str(job.folder)
        try:
            job.begin()
            heart.start()
            if not job.folder.is_dir():
                raise SpineError("The folder for the job's files is missing: try again.")
            event = {"event": "result", "result": self._run_job(job.name, job.parameters, job.folder, job.progress)}
            encode(event)  # a result that is no JSON fails here, while the job can still end with an error
        except Cancelled:
            event = {"event": "cancelled"}
        except BaseException as error:  # a job that calls sys.exit must not end the worker either
            event = _error_event(error, job)
        finally:
            tempfile.tempdir = temporary
        self._job = None  # before the last event: the client may answer it with the next job at once
        job.end(event)

    @staticmethod
    def _beat(job: _RunningJob) -> None:
        while not job.ended.wait(0.1):
            job.beat()

    def _send(self, message: dict[str, Any]) -> None:
        line = encode(message)
        try:
            with self._write_lock:
                while line:
                    line = line[self._events.write(line) :]
        except OSError:  # the parent is gone, and the reader thread sees to that
            pass


def _is_request(message: dict[str, Any]) -> bool:
    return (
        isinstance(message.get("id"), int)
        and isinstance(message.get("job"), str)
        and isinstance(message.get("parameters"), dict)
        and isinstance(message.get("folder"), str)
    )


def _error_event(error: BaseException, job: _RunningJob) -> dict[str, Any]:
    """The sentence for the user; the traceback goes to standard error and, shortened, beside the sentence."""
    details = ""
    if not isinstance(error, SpineError):
        details = redact("".join(traceback.format_exception(error)), {**job.parameters, "folder": str(job.folder)})
        print(details, file=sys.stderr, flush=True)
    message = sentence(error, noun_of(job.name))
    return {"event": "error", "message": message, "details": "\n".join(details.splitlines()[-20:])}
