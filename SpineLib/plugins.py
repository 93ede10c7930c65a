"""Packages that lie beside SpineLib and add commands to ``spine`` and jobs to the worker; the laboratory is one.

A plug-in is a package beside this one, named ``Spine...``, with a ``plugin.json``::

    {"jobs": "SpineLab.jobs", "commands": {"train": "train a network"}}

that is, its package of jobs, one file a job (may be left out), and name and one line of help of each command, whose
module is ``<package>.commands.<name>``. It is found by lying there: in a checkout, in Slicer's folder of scripted
modules, in site-packages.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache

FILE = "plugin.json"
_BESIDE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # no pathlib: every start of spine comes by


class Plugin:
    """What one package adds.

    Attributes:
        package: its name.
        commands: help by name of the subcommand.
        jobs: dotted name of its package of jobs; empty if it has none.
    """

    def __init__(self, package: str, commands: Mapping[str, str], jobs: str = ""):
        self.package, self.commands, self.jobs = package, commands, jobs


@cache
def plugins(folder: str | os.PathLike[str] = _BESIDE) -> tuple[Plugin, ...]:
    """All plug-ins that lie in ``folder``, by name."""
    names = sorted(name for name in os.listdir(folder) if name.startswith("Spine"))
    return tuple(_read(name, file) for name in names if os.path.isfile(file := os.path.join(folder, name, FILE)))


def _read(package: str, file: str) -> Plugin:
    with open(file, encoding="utf-8") as stream:
        values = json.load(stream)
    return Plugin(package, values.get("commands", {}), values.get("jobs", ""))
