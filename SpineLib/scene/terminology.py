"""The extension's own lists of codes, made known to Slicer."""

from __future__ import annotations

from pathlib import Path

import slicer

#: ``*.term.json``; Resources lies beside SpineLib in a checkout and in the installed extension.
FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "Terminology"


def register_terminologies(folder: Path = FOLDER) -> list[str]:
    """Load the ``*.term.json`` files of ``folder`` into the Terminologies module; does nothing where it is missing.

    Call it once the application has started (loading twice replaces the first).

    Returns:
        Names of the files loaded.
    """
    module = getattr(slicer.modules, "terminologies", None)
    if module is None:
        return []
    files = sorted(Path(folder).glob("*.term.json"))
    return [path.name for path in files if module.logic().LoadContextFromFile(str(path))]
