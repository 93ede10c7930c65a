"""A command of several actions: ``spine train detection``, ``spine evaluate gan``.

An action is a module with ``HELP``, ``add_arguments(parser)`` and ``run(arguments)``, and maybe ``DESCRIPTION``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from types import ModuleType


def add_actions(
    parser: argparse.ArgumentParser, actions: Mapping[str, ModuleType]
) -> Iterable[argparse.ArgumentParser]:
    """Add the actions and their options, and return their parsers."""
    added = parser.add_subparsers(dest="action", required=True)
    for name, action in actions.items():
        text = getattr(action, "DESCRIPTION", None)
        action.add_arguments(added.add_parser(name, help=action.HELP, description=text))
    return added.choices.values()
