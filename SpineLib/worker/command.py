"""How the worker is started."""

from __future__ import annotations

import sys
from pathlib import Path

_WORKER = Path(__file__).with_name("__main__.py").resolve()


def worker_command(python_executable: str | None = None) -> list[str]:
    """Program and arguments that start the worker of this very SpineLib; needs no environment of its own.

    It is started by its file and not by ``-m``, because launchers such as PythonSlicer put folders before those in
    PYTHONPATH, so that another installed SpineLib could be found first.

    Args:
        python_executable: default this Python; in Slicer that is the launcher PythonSlicer, as it should be.
    """
    return [python_executable or sys.executable, str(_WORKER)]
