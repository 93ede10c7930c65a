"""Processes by number, on POSIX and Windows: is one alive, and end one with all it started."""

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


def process_is_alive(pid: int) -> bool:
    """Whether a process of this number runs on this machine."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


if sys.platform == "win32":

    def _is_alive_on_windows(pid: int) -> bool:
        """``os.kill(pid, 0)`` would end the process on Windows, so the system is asked directly."""
        import ctypes
        from ctypes import wintypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        kernel.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
        kernel.GetExitCodeProcess.argtypes = [wintypes.HANDLE, ctypes.POINTER(wintypes.DWORD)]
        kernel.CloseHandle.argtypes = [wintypes.HANDLE]
        query_limited_information, still_active, access_denied = 0x1000, 259, 5
        handle = kernel.OpenProcess(query_limited_information, False, pid)
        if not handle:
            return ctypes.get_last_error() == access_denied
        code = wintypes.DWORD()
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return code.value == still_active
