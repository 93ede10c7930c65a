"""Label files of the column, whose vertebrae are learned from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: Sacrum or its first segment, by VerSe's and TotalSegmentator's numbers: not learned from.
SACRUM = (25, 26)


def thinned(labels: Volume, finest_mm: float = 1.0) -> Volume:
    """Every second, third ... voxel along axes that are finer than this."""
    steps = [max(1, int(finest_mm / side)) for side in labels.spacing]
    return replace(
        labels,
        array=np.ascontiguousarray(labels.array[:: steps[2], :: steps[1], :: steps[0]]),
        spacing=triple(side * step for side, step in zip(labels.spacing, steps)),
    )


def label_key(path: Path, version: int, *more: Any) -> str:
    """A name for what is made of a label file: another one for another file, time, version or ``more`` (JSON-able).

    Raises:
        SpineError: there is no such file.
    """
    try:
        told = path.stat()
    except OSError as error:
        raise SpineError(f"The label file '{path.name}' does not exist; check its path.") from error
    facts = [version, str(path.resolve()), told.st_size, told.st_mtime_ns, *more]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
