"""What every result says about how it was made."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of installed libraries, by name."""
    return {"python": platform.python_version()} | {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # Slicer's own libraries have no package metadata
        module = __import__(name)
        return str(getattr(module, "__version__", None) or getattr(module, "VTK_VERSION", "unknown"))
