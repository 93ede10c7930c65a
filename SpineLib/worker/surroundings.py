"""What the worker sets right about its process before the first job."""

from __future__ import annotations

import faulthandler
import io
import os
import signal
import sys
from typing import BinaryIO


def take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for the protocol alone.

    Whatever else is printed, by Python or by native libraries, goes to standard error; what else reads standard input,
    for example a program that a job starts, finds it empty and cannot swallow a command.
    """
    commands = os.fdopen(os.dup(0), "rb", buffering=0)
    events = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    faulthandler.enable(all_threads=False)  # a crash in native code then leaves its last lines, too
    return commands, events


def lead_own_group() -> None:
    """A process group of its own, so that the client can kill the worker with all it started (see ``kill_tree``).

    Qt starts children in the group of the parent, so the worker itself has to leave it. ``taskkill`` on Windows needs
    no group.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a shell is the parent's; it cancels by message
    if sys.platform != "win32" and os.getpgrp() != os.getpid():
        os.setsid()


def step_back() -> None:
    """A little less priority, so that windows stay responsive while all cores compute."""
    if hasattr(os, "nice"):
        os.nice(5)
    elif sys.platform == "win32":
        import ctypes

        below_normal = 0x4000
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        kernel.SetPriorityClass(ctypes.c_void_p(kernel.GetCurrentProcess()), below_normal)
