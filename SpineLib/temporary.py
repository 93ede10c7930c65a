"""Private temporary folders, of a job's volumes and of files that are being written: named without patient data, never
left behind."""

from __future__ import annotations

import atexit
import json
import os
import platform
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from SpineLib.errors import SpineError

PREFIX = "spine-oncology-"
#: Of folders beside a user's own files.
HIDDEN = "." + PREFIX
_OWNER_FILE = "owner.json"


class PrivateFolder:
    """A temporary folder only this user can read; use it in a ``with`` block or call :meth:`remove`.

    It is also removed when Python exits. If this process is killed, the worker removes the folder of its job when its
    standard input closes, and :func:`sweep_stale_folders` removes what is left at the next start.

    Raises:
        SpineError: it cannot be made; nothing is left then.
    """

    def __init__(self, parent: Path | None = None):
        try:
            self.path = _make(parent, PREFIX)
        except OSError as error:
            raise SpineError(
                "No temporary folder can be made: free space on the disk, or check its permissions."
            ) from error
        atexit.register(self.remove)

    def remove(self) -> None:
        """Removes the folder and all in it; does nothing the second time."""
        remove_private_folder(self.path)
        atexit.unregister(self.remove)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_) -> None:
        self.remove()


@contextmanager
def staged(parent: Path) -> Iterator[Path]:
    """Yields an empty folder in ``parent`` for files that move from it to where they belong, once all are whole.

    It goes at the end, whatever happens; what killed processes left in ``parent`` goes first.

    Raises:
        OSError: it cannot be made.
    """
    sweep_stale_folders(parent)
    private = _make(parent, HIDDEN)
    try:
        (private / "files").mkdir()
        yield private / "files"
    finally:
        remove_private_folder(private)


def is_utf8(path: str | os.PathLike) -> bool:
    """Whether a path is one that every library takes: file names on POSIX may be any bytes."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def in_utf8(path: Path) -> Iterator[Path]:
    """The path itself, or while it is needed a link to it whose path is UTF-8; the last suffixes of a name are kept."""
    if is_utf8(path):
        yield path
        return
    with PrivateFolder() as folder:
        ending = "".join(one for one in path.suffixes[-2:] if is_utf8(one))
        link = folder / f"link{ending}"
        link.symlink_to(path.absolute(), target_is_directory=path.is_dir())
        yield link


def _make(parent: Path | None, prefix: str) -> Path:
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        owner = {"pid": os.getpid(), "host": platform.node()}
        (path / _OWNER_FILE).write_text(json.dumps(owner), encoding="utf-8")
    except OSError:
        shutil.rmtree(path, ignore_errors=True)  # without its owner file the sweep would never take it
        raise
    return path


def is_private_folder(folder: Path) -> bool:
    """Whether ``folder`` was made here (and so may be removed with all in it)."""
    return folder.name.startswith((PREFIX, HIDDEN)) and not folder.is_symlink() and (folder / _OWNER_FILE).is_file()


def remove_private_folder(folder: Path) -> bool:
    """Removes ``folder`` if it is a private one; returns whether it is gone. Never touches another folder.

    The owner file goes last, so that an interrupted removal is taken up again by the next sweep.
    """
    if not is_private_folder(folder):
        return not folder.exists()
    for _ in range(3):  # a child that is just being killed may still write into it, or remove it itself
        try:
            for entry in folder.iterdir():
                if entry.name != _OWNER_FILE:
                    _remove(entry)
            if os.listdir(folder) == [_OWNER_FILE]:
                _remove(folder)
        except OSError:
            pass
        if not folder.exists():
            return True
        time.sleep(0.005)
    return False


def sweep_stale_folders(parent: Path | None = None) -> list[Path]:
    """Removes the private folders whose owner is dead; returns them. Leaves those of other users and machines alone."""
    parent = Path(parent or tempfile.gettempdir())
    removed = []
    for folder in [*parent.glob(PREFIX + "*"), *parent.glob(HIDDEN + "*")]:
        try:
            if not is_private_folder(folder) or not _is_mine(folder):
                continue
            owner = json.loads((folder / _OWNER_FILE).read_text(encoding="utf-8"))
            stale = owner["host"] == platform.node() and not process_is_alive(int(owner["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if stale and remove_private_folder(folder):
            removed.append(folder)
    return removed


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


def _is_mine(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        if sys.version_info >= (3, 12):
            shutil.rmtree(path, onexc=_make_writable_and_retry)
        else:
            shutil.rmtree(path, onerror=_make_writable_and_retry)
    else:
        try:
            path.unlink()
        except OSError:
            _make_writable_and_retry(os.unlink, str(path), None)


def _make_writable_and_retry(function, path, _) -> None:
    """A read-only file (Windows) or folder (POSIX) stops removal; what still cannot go is left to the next sweep."""
    try:
        os.chmod(os.path.dirname(path), stat.S_IRWXU)
        os.chmod(path, stat.S_IRWXU)
        function(path)
    except OSError:
        pass
