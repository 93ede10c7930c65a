"""The C++ libraries without what they print: their lines hold full paths, and no user can act on them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

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
