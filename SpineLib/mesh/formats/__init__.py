"""The formats of models' files, a file each: a new one is found by lying here.

A format has ``SUFFIX`` (".stl"), ``TITLE`` ("STL"), ``ORDER`` (in which formats are offered, from 0), and

- ``write(points, triangles, path, remark)``: points (n, 3) mm, triangles (m, 3), and a text of one line that the file
  holds in its first 4 kB;
- ``read(path)``: points (n, 3) float64, triangles (m, 3), and a text in which that remark stands; ValueError,
  IndexError, KeyError or SpineError for what is damaged.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def formats() -> dict[str, ModuleType]:
    """Each format by its ending, in the order in which they are offered."""
    found = [importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__)]
    return {one.SUFFIX: one for one in sorted(found, key=lambda one: (one.ORDER, one.SUFFIX))}
