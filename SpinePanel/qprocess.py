"""The worker as a ``qt.QProcess``, read by signals: Python threads starve while Qt's event loop idles."""

from __future__ import annotations

import qt

from SpineLib.worker import LastLines, kill_tree, worker_command

#: Transports stay alive as long as their process: Qt must not destroy a QProcess that runs.
_alive: set = set()
#: Those whose process has ended; PythonQt looks at a connection after its slot has returned, so they let go later.
_ended: set = set()


class QProcessTransport:
    """A ``SpineLib.worker.Transport``; the event loop delivers what arrives, so ``poll`` has nothing to do.

    Args:
        on_output, on_finished: see ``SpineLib.worker.Transport``.
        command: program and arguments; default ``SpineLib.worker.worker_command()``.
    """

    def __init__(self, on_output, on_finished, command=None):
        self._onOutput, self._onFinished = on_output, on_finished
        self._command = command or worker_command()
        self._lastLines = LastLines()
        self._pid = 0
        self._process = qt.QProcess()
        self._connections = (
            ("started()", self._started),
            ("readyReadStandardOutput()", self._readOutput),
            ("readyReadStandardError()", self._readErrors),
            ("finished(int,QProcess::ExitStatus)", self._finished),
            ("errorOccurred(QProcess::ProcessError)", self._failed),
        )
        for signal, slot in self._connections:
            self._process.connect(signal, slot)

    def start(self):
        """Starts the process; whether that worked is known later, by a signal."""
        for transport in list(_ended):
            transport._letGo()
        _alive.add(self)
        self._process.start(self._command[0], self._command[1:])

    def write(self, data):
        # Messages are ASCII (SpineLib.worker.protocol), and text is what PythonQt surely takes here.
        self._process.write(data.decode("ascii"))

    def kill_tree(self):
        if self._pid:
            kill_tree(self._pid)
        self._process.kill()

    def poll(self):
        """Nothing to do: signals deliver."""

    def waitForEnd(self):
        """After :meth:`kill_tree`, when no event loop may follow: a killed process is gone in milliseconds."""
        self._process.waitForFinished(1000)
        if int(self._process.state()) == int(qt.QProcess.NotRunning):
            self._letGo()

    def _started(self):
        self._pid = int(self._process.processId())

    def _readOutput(self):
        self._onOutput(bytes(self._process.readAllStandardOutput().data()))

    def _readErrors(self):
        self._lastLines.feed(bytes(self._process.readAllStandardError().data()))

    def _finished(self, code, status):
        self._pid = 0
        self._readOutput()
        self._readErrors()
        # After a crash Qt's code is the signal's number, or the exception's on Windows; negative as in subprocess.
        self._end(-int(code) if int(status) == int(qt.QProcess.CrashExit) and int(code) > 0 else int(code))

    def _failed(self, error):
        if int(error) == int(qt.QProcess.FailedToStart):
            self._lastLines.feed((self._process.errorString() + "\n").encode("utf-8", errors="replace"))
            self._end(-1)

    def _end(self, code):
        try:
            self._onFinished(code, self._lastLines.lines())
        finally:
            _ended.add(self)

    def _letGo(self):
        """Connected callables keep their owner alive."""
        for signal, slot in self._connections:
            self._process.disconnect(signal, slot)
        _alive.discard(self)
        _ended.discard(self)
