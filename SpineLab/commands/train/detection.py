"""``spine train detection``: the multi-resolution Siamese detector."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLab.commands.train.common import GOES_ON, add_common, changed, prepared, run_folds

HELP = "train the detector; goes on after an interruption"
DESCRIPTION = "Train the multi-resolution Siamese detector. " + GOES_ON


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--config",
        required=True,
        help="TOML file, or siamese-paper, siamese-dense, siamese-root, siamese-refine, siamese-zeros",
    )
    parser.add_argument(
        "--cohort",
        required=True,
        type=Path,
        help="folder of cases with lesion and vertebra labels, as 'spine phantom' writes it",
    )
    parser.add_argument("--run", "--out", dest="out", required=True, type=Path, help="folder of the training")
    parser.add_argument("--sequence", help="e.g. STIR or T2 (default: the configuration's)")
    parser.add_argument(
        "--scales",
        type=numbers,
        help="mm a pixel of the sub-networks, e.g. 1 or 0.5,1,2 (default: the configuration's)",
    )
    parser.add_argument("--init-from", help="id or folder of a detector to start from")
    parser.add_argument("--decay", type=float, help="weight of the L2 regularisation; the paper tried 0.001, 0.01, 0.1")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training.detection.config import DetectorConfig
    from SpineLab.training.detection.loop import run_training

    changes: dict = {
        name: getattr(arguments, name) for name in ("scales", "sequence", "init_from") if getattr(arguments, name)
    }
    if arguments.decay is not None:
        changes["optimisation"] = {"decay": arguments.decay}
    config = changed(DetectorConfig.read(arguments.config), arguments, changes)
    return run_folds(
        config,
        arguments,
        lambda current, out, **texts: run_training(
            current,
            arguments.cohort,
            out,
            **prepared(arguments),
            **texts,
        ),
    )


def numbers(text: str) -> tuple[float, ...]:
    """Of the form "0.5,1,2"."""
    return tuple(float(number) for number in text.split(","))
