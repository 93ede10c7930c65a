"""Parts of a spine from one process to another: a labelmap and what its numbers are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from SpineLib.tasks.stability.parts import SpineParts
from SpineLib.volume import read_volume, write_volume

_FILE = "spine-parts.nrrd"


def write_parts(parts: SpineParts, folder: Path) -> dict[str, Any]:
    """Write ``spine-parts.nrrd``; what :func:`read_parts` takes, JSON-able."""
    write_volume(parts.labels, folder / _FILE)
    names = {str(number): name for number, name in parts.names.items()}
    return {"labels": _FILE, "names": names, "by": parts.by, "uncertain_mm": parts.uncertain_mm, "notes": parts.notes}


def read_parts(told: Mapping[str, Any], folder: Path) -> SpineParts:
    """The inverse of :func:`write_parts`.

    Raises:
        SpineError: the labelmap cannot be read.
    """
    labels = read_volume(Path(folder) / told["labels"], "parts of the spine")
    names = {int(number): str(name) for number, name in told["names"].items()}
    return SpineParts(labels, names, told["by"], float(told["uncertain_mm"]), list(told["notes"]))
