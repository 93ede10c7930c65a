"""``spine evaluate``: figures of models and of the registration on a cohort with truth, and on real healthy scans."""

from __future__ import annotations

import argparse

from SpineLab.commands.actions import add_actions
from SpineLab.commands.evaluate import (
    calibration,
    column,
    ct_boxes,
    ct_lesions,
    detection,
    gan,
    gap,
    healthy,
    inpaint,
    registration,
    segmentation,
    vertebrae,
)
from SpineLab.commands.telling import add_into
from SpineLib.cli.outputs import check_folder, check_outputs

ACTIONS = {
    "segmentation": segmentation,
    "detection": detection,
    "healthy": healthy,
    "calibration": calibration,
    "gap": gap,
    "registration": registration,
    "ct-lesions": ct_lesions,
    "ct-boxes": ct_boxes,
    "vertebrae": vertebrae,
    "column": column,
    "gan": gan,
    "inpaint": inpaint,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what can be evaluated, and the options."""
    for one in add_actions(parser, ACTIONS):
        one.add_argument("--overwrite", action="store_true", help="write into a folder, or over a file, that exists")
        add_into(one)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    if getattr(arguments, "output", None) is not None:
        check_folder(arguments.output, arguments.overwrite)
    check_outputs([getattr(arguments, name, None) for name in ("json", "plot")], [], arguments.overwrite)
    return ACTIONS[arguments.action].run(arguments)
