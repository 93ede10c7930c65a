"""``spine train``: one file a task, and ``export``."""

from __future__ import annotations

import argparse

from SpineLab.commands.actions import add_actions
from SpineLab.commands.train import (
    column,
    completion,
    ct_lesions,
    ct_marks,
    ct_regions,
    detection,
    export,
    gan,
    likeness,
    plan,
    segmentation,
    vertebrae,
)
from SpineLib.cli.outputs import check_writable

#: By name; a task's folder in ``SpineLab.training`` has the same, with "_" for "-".
ACTIONS = {
    "segmentation": segmentation,
    "detection": detection,
    "column": column,
    "vertebrae": vertebrae,
    "ct-lesions": ct_lesions,
    "ct-marks": ct_marks,
    "ct-regions": ct_regions,
    "gan": gan,
    "completion": completion,
    "export": export,
    "likeness": likeness,
    "plan": plan,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the tasks and their options."""
    add_actions(parser, ACTIONS)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    for name in ("out", "to"):
        if (folder := getattr(arguments, name, None)) is not None:
            check_writable(folder)
    return ACTIONS[arguments.action].run(arguments)
