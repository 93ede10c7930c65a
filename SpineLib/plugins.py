"""Packages that lie beside SpineLib and add commands to ``spine`` and jobs to the worker; the laboratory is one.

A plug-in is a package beside this one, named ``Spine...``, with a ``plugin.json``::

    {"jobs": "SpineLab.jobs", "commands": {"train": "train a network"}}

that is, its package of jobs, one file a job (may be left out), and name and one line of help of each command, whose
module is ``<package>.commands.<name>``. It is found by lying there: in a checkout, in Slicer's folder of scripted
modules, in site-packages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = "plugin.json"


class Plugin(NamedTuple):
    """What one package adds.

    Attributes:
        package: its name.
        commands: help by name of the subcommand.
        jobs: dotted name of its package of jobs; empty if it has none.
    """

    package: str
    commands: Mapping[str, str]
    jobs: str = ""


@cache
def plugins(folder: Path = Path(__file__).resolve().parents[1]) -> tuple[Plugin, ...]:
    """All plug-ins that lie in ``folder``, by name."""
    return tuple(_read(file) for file in sorted(folder.glob(f"Spine*/{FILE}")))


def _read(file: Path) -> Plugin:
    values = json.loads(file.read_text(encoding="utf-8"))
    return Plugin(file.parent.name, values.get("commands", {}), values.get("jobs", ""))
