"""JSON files that say something of others: sidecars, descriptions, truths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def json_object(path: str | Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no file, it cannot be read, or it holds something else."""
    try:
        known = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
