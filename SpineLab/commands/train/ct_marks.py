"""``spine train ct-marks``: a network that marks lesions of bone on CT in 3-D."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLab.commands.train.common import GOES_ON, add_common, changed, run_once
from SpineLib.errors import SpineError

HELP = "train a network that marks lesions on CT in 3-D; goes on after an interruption"
DESCRIPTION = (
    "Train a 3-D U-Net to mark lesions of bone on CT by their kind, on simulated CTs and on real ones without lesions "
    "into which lesions are painted. " + GOES_ON
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--config", default="marks-ct", help="TOML file, or marks-ct (the default)")
    parser.add_argument(
        "--prepared",
        required=True,
        type=Path,
        metavar="FOLDER",
        help="simulated cases (.npz of image in HU, target and bone, (z, y, x), voxels of the configuration)",
    )
    parser.add_argument(
        "--paint",
        nargs=2,
        type=Path,
        action="append",
        default=[],
        metavar=("CT", "LABELS"),
        help="a real CT without lesions and its vertebrae, to paint lesions into; several are possible",
    )
    parser.add_argument(
        "--paint-from", default="", metavar="TEXT", help="where those come from and their licence; needed with --paint"
    )
    parser.add_argument("--out", required=True, type=Path, help="folder of the training")
    add_common(parser, folds=False, cases="use only the first so many prepared cases")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training.ct_marks.cases import read_cases, real_case
    from SpineLab.training.ct_marks.config import MarkConfig
    from SpineLab.training.ct_marks.loop import run_training

    if arguments.paint and not arguments.paint_from:
        raise SpineError("Say where the real CTs come from and their licence with --paint-from.")
    config = changed(MarkConfig.read(arguments.config), arguments)
    cases = read_cases(arguments.prepared)[: arguments.cases]
    cases += [real_case(ct, labels, config.spacing_mm) for ct, labels in arguments.paint]
    return run_once(
        config,
        arguments.out,
        arguments,
        lambda current, out, **texts: run_training(current, cases, out, origin=arguments.paint_from, **texts),
    )
