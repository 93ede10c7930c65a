"""Keeps what could name a patient out of logs and messages: the paths and names a job was given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any


def redact(text: str, parameters: Any) -> str:
    """``text`` with every path that stands in ``parameters`` replaced by where it stands, e.g. ``<inputs.T1>``.

    File names and folder names are replaced too, because a message may hold only a part of a path; the user's home
    folder becomes ``~``.
    """
    replacements = {}
    for place, value in _strings(parameters):
        if not any(separator in value for separator in "/\\"):
            continue
        replacements[value] = f"<{place}>"
        replacements[value.replace("\\", "\\\\")] = f"<{place}>"
        name = value.replace("\\", "/").rstrip("/").rpartition("/")[2]
        if len(name) > 3:
            replacements[name] = f"<{place}>"
    home = os.path.expanduser("~")
    if len(home) > 3:
        replacements.setdefault(home, "~")
    for value in sorted(replacements, key=len, reverse=True):
        text = text.replace(value, replacements[value])
    return text


def _strings(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every string in nested mappings and lists, with the keys that lead to it."""
    if isinstance(value, str):
        yield place or "value", value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item, place)
