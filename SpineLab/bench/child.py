"""Measuring in a process of its own, whose memory is that of the work alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from SpineLib.errors import SpineError

_ROOT = Path(__file__).resolve().parents[2]


def run_python(*arguments: str, advice: str, environment: Mapping[str, str] = {}) -> str:
    """What Python with these arguments prints, with this checkout's packages and further ``environment``.

    Raises:
        SpineError: it failed; ``advice`` says what to do then.
    """
    paths = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment, "PYTHONPATH": paths},
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["the process was killed"])[-1]
        raise SpineError(f"Measuring failed ({last}); close other programs or {advice}.")
    return done.stdout


def measure_apart(module: str, *arguments: str | Path, advice: str = "choose another model") -> dict[str, Any]:
    """The figures that ``python -m module arguments`` prints as JSON in its last line.

    Raises:
        SpineError: it failed.
    """
    return json.loads(run_python("-m", module, *map(str, arguments), advice=advice).splitlines()[-1])
