"""Slicer's Python console, as far as the documents need it: ``python -m Testing.house.console CODE``.

The stand-in for Slicer's desktop is set up, the module that the code names is opened, its sample data is loaded, and
the code is run line by line as if it were typed.
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

from Testing.pythonqt import desktop

REPOSITORY = Path(__file__).resolve().parents[2]


def run(code: str) -> None:
    """Run code that speaks of ``slicer.modules.<module>``."""
    spoken_of = re.search(r"slicer\.modules\.(\w+)", code).group(1)
    (name,) = (path.stem for path in REPOSITORY.glob("Spine*/Spine*.py") if path.stem.lower() == spoken_of)
    with desktop() as here:
        here.load_module(REPOSITORY / name / f"{name}.py")
        here.open_panel(name)
        importlib.import_module(f"{name}Lib.sampledata").simulateSample()
        exec(compile(code, "console", "exec"), {"slicer": here.slicer, "getNode": here.slicer.util.getNode})
        if here.errors:
            raise here.errors[0]
        here.close_panel(name)


if __name__ == "__main__":
    run(sys.argv[1])
