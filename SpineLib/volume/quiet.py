"""The C++ libraries without what they print and what they cannot name: their lines hold full paths, and a path that is
no UTF-8 ends the process."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ONE_AT_A_TIME = threading.RLock()
_STANDARD_ERROR = 2


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Standard error of the process leads nowhere meanwhile; where there is none (a window's program on Windows)
    nothing is done. Python's own writes are flushed before, and ITK's warnings are switched off for good."""
    import sys

    import SimpleITK as sitk

    sitk.ProcessObject.GlobalWarningDisplayOff()
    with _ONE_AT_A_TIME:
        with contextlib.suppress(AttributeError, OSError, ValueError):
            sys.stderr.flush()
        try:
            kept = os.dup(_STANDARD_ERROR)
        except OSError:
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, _STANDARD_ERROR)
            os.close(nowhere)
            yield
        finally:
            os.dup2(kept, _STANDARD_ERROR)
            os.close(kept)


@contextmanager
def readable_name(path: str | Path) -> Iterator[str]:
    """A path by which the libraries can read a file: its own, or, where that is no UTF-8, that of a copy.

    Raises:
        OSError: it cannot be copied.
    """
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(prefix="spine-") as folder:
            copy = Path(folder) / f"file{Path(path).suffix if str(Path(path).suffix).isascii() else ''}"
            shutil.copyfile(path, copy)
            yield str(copy)
        return
    yield str(path)
