"""The worker as a child of an ordinary Python process (shell, tests). Slicer's panels use QProcess instead."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading

from SpineLib.worker.command import worker_command
from SpineLib.worker.process_tree import kill_tree
from SpineLib.worker.protocol import LastLines
from SpineLib.worker.session import OnFinished, OnOutput


class SubprocessTransport:
    """A :class:`SpineLib.worker.Transport` on ``subprocess``: threads read and write, ``poll`` hands over what came.

    Args:
        on_output, on_finished: called from :meth:`poll` only.
        command: program and arguments; default :func:`SpineLib.worker.worker_command`.
    """

    def __init__(self, on_output: OnOutput, on_finished: OnFinished, command: list[str] | None = None):
        self._on_output = on_output
        self._on_finished = on_finished
        self._command = command or worker_command()
        self._process: subprocess.Popen | None = None
        self._incoming: queue.SimpleQueue = queue.SimpleQueue()
        self._outgoing: queue.SimpleQueue = queue.SimpleQueue()
        self._last_lines = LastLines()

    @property
    def pid(self) -> int | None:
        """Number of the process, None before :meth:`start`."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the process in a group of its own, so that Ctrl+C in a terminal reaches the parent only."""
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=sys.platform != "win32",
            creationflags=flags,
        )
        readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self._incoming.put), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, self._last_lines.feed), daemon=True),
        ]
        for thread in readers:
            thread.start()
        threading.Thread(target=self._write, daemon=True).start()
        threading.Thread(target=self._watch, args=(readers,), daemon=True).start()

    def write(self, data: bytes) -> None:
        self._outgoing.put(data)

    def kill_tree(self) -> None:
        if self._process is not None:
            kill_tree(self._process.pid)

    def poll(self) -> None:
        while True:
            try:
                item = self._incoming.get_nowait()
            except queue.Empty:
                return
            if isinstance(item, bytes):
                self._on_output(item)
            else:
                self._on_finished(item, self._last_lines.lines())

    @staticmethod
    def _read(stream, take) -> None:
        while data := stream.read(65536):
            take(data)

    def _write(self) -> None:
        """Ends with None from the watcher; closing standard input is how the worker learns that we are gone."""
        assert self._process is not None and self._process.stdin is not None
        with self._process.stdin as stream:
            while (data := self._outgoing.get()) is not None:
                try:
                    stream.write(data)
                except OSError:
                    return

    def _watch(self, readers: list[threading.Thread]) -> None:
        assert self._process is not None
        code = self._process.wait()
        for thread in readers:  # a grandchild that outlives the worker may keep the pipes open
            thread.join(timeout=0.2)
        self._outgoing.put(None)
        self._incoming.put(code)
