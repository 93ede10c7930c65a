"""End a process with all that it started, on POSIX and Windows."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys


def kill_tree(pid: int) -> None:
    """Kills process ``pid`` and everything it started, at once and without waiting; no error if it is gone.

    POSIX: the worker leads a process group of its own (see ``SpineLib.worker``), which what it starts belongs to; the
    whole group is killed. For a process that leads none, only that process. Windows: ``taskkill /T`` walks the tree.
    """
    if pid <= 1:
        return
    if sys.platform == "win32":
        subprocess.Popen(
            ["taskkill", "/T", "/F", "/PID", str(pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
        return
    for kill in (os.killpg, os.kill):  # killpg(pid) finds a group only if pid leads (or led) it
        with contextlib.suppress(ProcessLookupError, PermissionError, OverflowError):
            kill(pid, signal.SIGKILL)
