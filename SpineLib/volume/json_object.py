"""JSON files that say something of others: sidecars, descriptions, truths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: Bytes; what describes an image is never larger.
_LARGEST = 1 << 24


def json_object(path: str | Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no file, it cannot be read, or it holds something else."""
    path = Path(path)
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return {}
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # the last one: nested deeper than any description
        return {}
    return known if isinstance(known, dict) else {}
