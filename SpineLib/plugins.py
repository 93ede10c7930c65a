"""Packages that lie beside SpineLib and add commands to ``spine`` and jobs to the worker; the laboratory is one.

A plug-in is a package beside this one, named ``Spine...``, with a ``plugin.toml``::

    jobs = "SpineLab.jobs"          # package of jobs, one file a job; may be left out

    [commands]                      # name and one line of help; the module is <package>.commands.<name>
    train = "train a network"

It is found by lying there: in a checkout, in Slicer's folder of scripted modules, in site-packages.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

FILE = "plugin.toml"


@dataclass(frozen=True)
class Plugin:
    """What one package adds.

    Attributes:
        package: its name.
        commands: help by name of the subcommand.
        jobs: dotted name of its package of jobs; empty if it has none.
    """

    package: str
    commands: Mapping[str, str] = field(default_factory=dict)
    jobs: str = ""


@cache
def plugins(folder: Path = Path(__file__).resolve().parents[1]) -> tuple[Plugin, ...]:
    """All plug-ins that lie in ``folder``, by name."""
    return tuple(_read(file) for file in sorted(folder.glob(f"Spine*/{FILE}")))


def _read(file: Path) -> Plugin:
    values = tomllib.loads(file.read_text(encoding="utf-8"))
    return Plugin(file.parent.name, values.get("commands", {}), values.get("jobs", ""))
