"""The one worker process that all panels share: a warm one holds half a gigabyte."""

from __future__ import annotations

import logging

import qt

from SpineLib.worker import WorkerSession, sweep_stale_folders
from SpinePanel.qprocess import QProcessTransport

#: Deadlines (start, cancel) are looked after this often, milliseconds.
_TICK_MS = 100
#: A worker without a job gives its memory back after this time, milliseconds.
_IDLE_MS = 10 * 60 * 1000


class SharedWorker:
    """One session and who uses it; one job at a time.

    Args:
        transport: factory of transports.

    Attributes:
        holder: the :class:`SpinePanel.jobs.JobRunner` whose job is prepared or run; None when there is none.
    """

    def __init__(self, transport=QProcessTransport):
        self._newTransport, self._transport = transport, None
        self._users, self.holder = [], None
        self.session = WorkerSession(self._makeTransport, on_log=lambda line: logging.info("worker: %s", line))
        self._ticking, self._idling = qt.QTimer(), qt.QTimer()
        self._ticking.setInterval(_TICK_MS)
        self._idling.setInterval(_IDLE_MS)
        self._idling.setSingleShot(True)
        self._connections = (
            (self._ticking, "timeout()", self.session.tick),
            (self._idling, "timeout()", self.session.close),
        )

    def join(self, user):
        """A panel opens."""
        if not self._users:
            sweep_stale_folders()
            for timer, signal, slot in self._connections:
                timer.connect(signal, slot)
        self._users.append(user)

    def leave(self, user):
        """A panel closes: its job is dropped, with the process that has it; with the last panel the worker ends."""
        self._users.remove(user)
        mine, last = self.holder is user, not self._users
        if mine:
            self.holder = None
        if mine or last:
            self._ticking.stop()
            self._idling.stop()
            self.session.close()
            if self._transport is not None:
                self._transport.waitForEnd()
        if last:
            for timer, signal, slot in self._connections:
                timer.disconnect(signal, slot)
        elif mine:
            self._tellOthers(user)

    def take(self, user):
        """A job begins."""
        self.holder = user
        self._idling.stop()
        self._ticking.start()
        self._tellOthers(user)

    def giveBack(self, user):
        """The job has ended."""
        self.holder = None
        self._ticking.stop()
        self._idling.start()
        self._tellOthers(user)

    def _tellOthers(self, user):
        for other in self._users:
            if other is not user:
                other.workerChanged()

    def _makeTransport(self, onOutput, onFinished):
        self._transport = self._newTransport(onOutput, onFinished)
        return self._transport


_shared: list[SharedWorker] = []


def sharedWorker():
    """The worker of all panels of this application."""
    if not _shared:
        _shared.append(SharedWorker())
    return _shared[0]
