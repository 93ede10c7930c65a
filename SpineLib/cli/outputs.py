"""What commands check of their outputs before any work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.volume.outputs import check_targets


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path], overwrite: bool) -> None:
    """Refuse before any work what could not be written afterwards, or would destroy something."""
    outputs = list(outputs)
    check_targets(outputs, inputs, overwrite)
    for path in outputs:
        check_writable(path.parent)


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something already, before any work."""
    if folder.exists() and not folder.is_dir():
        raise SpineError("The output is a file; give the name of a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise SpineError("The output folder holds files already; choose another one or add --overwrite.")
    if folder.is_dir():
        check_writable(folder)


def check_writable(folder: Path) -> None:
    """Refuse a folder without permission before minutes of work, not after."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SpineError("The output cannot be written: no permission for its folder; choose another one.")
