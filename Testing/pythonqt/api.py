"""The names the real application has: classes with their properties, methods, signals and enums."""

from __future__ import annotations

import functools
import gzip
import json
import os
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]
#: What PythonQt gives to every wrapped object besides the class's own names.
ALWAYS = frozenset({"className", "delete", "help", "inherits", "name"})


def api_file() -> Path:
    """Where the list lies: ``SPINE_PYTHONQT_API``, or beside the real images in ``../shared``."""
    return Path(
        os.environ.get("SPINE_PYTHONQT_API") or _REPOSITORY.parent / "shared" / "design" / "pythonqt-api.json.gz"
    )


@functools.cache
def load() -> dict | None:
    """The list, or None where it is missing."""
    path = api_file()
    if not path.is_file():
        return None
    with gzip.open(path) as file:
        return json.load(file)


@functools.cache
def members(class_name: str) -> dict[str, frozenset[str]] | None:
    """Names of a class (``qt.QLabel``) by kind, inherited ones included; None for a class that is not listed."""
    listed = load()
    if listed is None or class_name not in listed["classes"]:
        return None
    entry = listed["classes"][class_name]
    inherited = members(entry["inherits"]) if entry.get("inherits") else {}
    return {
        kind: frozenset(entry.get(kind, ())) | inherited.get(kind, frozenset())
        for kind in ("properties", "methods", "signals", "enums")
    }


def has_class(class_name: str) -> bool:
    """Whether the application has the class; True where the list is missing."""
    return load() is None or class_name in load()["classes"]


def allows(class_name: str, name: str) -> bool:
    """Whether an object or class of that name has the attribute; True where the list is missing."""
    listed = members(class_name)
    return listed is None or name in ALWAYS or any(name in names for names in listed.values())
