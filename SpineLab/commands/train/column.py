"""``spine train column``: the network that finds the vertebral column on CT or MR."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLab.commands.train.common import GOES_ON, add_common, changed, run_once

HELP = "train the network that finds the vertebral column; goes on after an interruption"
DESCRIPTION = "Train the network that finds vertebrae, sacrum, discs and canal on CT or MR. " + GOES_ON


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--config", required=True, help="TOML file, or column-ct, column-mr")
    parser.add_argument(
        "--cases-folder",
        type=Path,
        action="append",
        required=True,
        help="folder of .npz cases; several are possible, and new cases are found while it trains",
    )
    parser.add_argument("--run", "--out", dest="out", required=True, type=Path, help="folder of the training")
    parser.add_argument("--start", type=Path, help="bundle whose weights the training begins with")
    parser.add_argument("--without-real", action="store_true", help="leave patients' cases of the folders out")
    parser.add_argument(
        "--from", dest="origin", default="", metavar="TEXT", help="where real cases or shapes are from, for the card"
    )
    add_common(parser, folds=False, cases=None, cache=None)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training.column.config import ColumnConfig
    from SpineLab.training.column.loop import run_training

    return run_once(
        changed(ColumnConfig.read(arguments.config), arguments),
        arguments.out,
        arguments,
        lambda current, out, **texts: run_training(
            current,
            arguments.cases_folder,
            out,
            real=not arguments.without_real,
            origin=arguments.origin,
            start=arguments.start,
            **texts,
        ),
    )
