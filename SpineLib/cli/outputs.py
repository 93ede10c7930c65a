"""What commands check of their outputs before any work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from SpineLib.errors import SpineError


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path], overwrite: bool) -> None:
    """Refuse before any work what could not be written afterwards, or would destroy something."""
    seen = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in seen:
            raise SpineError("An output has the name of an input or of another output; choose another name.")
        seen.add(path.resolve())
        if path.is_dir():
            raise SpineError("An output is a folder; give the name of a file.")
        if path.exists() and not overwrite:
            raise SpineError("An output file exists already; choose another name or add --overwrite.")
        if not path.parent.is_dir():
            raise SpineError("The folder to write into does not exist; create it or choose another one.")
        check_writable(path.parent)


def check_writable(folder: Path) -> None:
    """Refuse a folder without permission before minutes of work, not after."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SpineError("The output cannot be written: no permission for its folder; choose another one.")
