"""``spine train vertebrae``: V-Net or U-Net on axial slices of CT."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLab.commands.train.common import GOES_ON, add_common, prepared, run_folds
from SpineLib.errors import SpineError

HELP = "train the network that segments vertebrae on CT; goes on after an interruption"
DESCRIPTION = "Train a V-Net or a U-Net to segment vertebrae on axial slices of CT. " + GOES_ON


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--config", required=True, help="TOML file, or vnet-paper, vnet-narrow, unet-ct")
    parser.add_argument(
        "--cohort",
        type=Path,
        action="append",
        default=[],
        help="folder of simulated CTs, as 'spine phantom --ct' writes it; several are possible",
    )
    parser.add_argument(
        "--real-cohort",
        type=Path,
        action="append",
        default=[],
        help="folder of the same form with patients' CTs, which the model's card tells of; several are possible",
    )
    parser.add_argument("--run", "--out", dest="out", required=True, type=Path, help="folder of the training")
    add_common(parser, cases="use only the first so many cases of each cohort")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training.vertebrae.config import VertebraConfig
    from SpineLab.training.vertebrae.loop import run_training

    if not arguments.cohort and not arguments.real_cohort:
        raise SpineError("No CT was given to train on; add --cohort or --real-cohort.")
    return run_folds(
        VertebraConfig.read(arguments.config),
        arguments,
        lambda current, out, **texts: run_training(
            current,
            arguments.cohort,
            out,
            **prepared(arguments),
            real_cohorts=arguments.real_cohort,
            **texts,
        ),
    )
