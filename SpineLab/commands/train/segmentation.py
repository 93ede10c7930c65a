"""``spine train segmentation``: a U-Net on MR."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLab.commands.train.common import GOES_ON, add_common, changed, prepared, run_folds

HELP = "train on a cohort; goes on after an interruption"
DESCRIPTION = (
    "Train a U-Net to segment metastases or, with another configuration, the necrosis after ablation or vertebrae. "
    + GOES_ON
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--config",
        required=True,
        help="TOML file, or paper-2d, paper-3d, small-2d, small-3d, refine-2d, long-2d, any-2d; for necrosis "
        "any-necrosis-2d, necrosis-2d, necrosis-3d, paper-necrosis-2d, paper-necrosis-3d; for vertebrae on MR "
        "spine-2d",
    )
    parser.add_argument(
        "--cohort",
        required=True,
        type=Path,
        action="append",
        help="folder of cases, as 'spine phantom' writes it; may be given several times",
    )
    parser.add_argument("--out", required=True, type=Path, help="folder of the training")
    parser.add_argument("--inputs", help="sequences, e.g. T1,T2 (default: the configuration's)")
    parser.add_argument(
        "--session", choices=("before", "after"), help="of a cohort with sessions (default: the configuration's)"
    )
    parser.add_argument(
        "--label", choices=("lesion", "necrosis", "vertebrae"), help="what is learned (default: the configuration's)"
    )
    parser.add_argument("--init-from", help="id or folder of a model to start from")
    parser.add_argument(
        "--compile", action="store_true", help="fuse the network's layers first, a third faster; wants a C++ compiler"
    )
    parser.add_argument("--workers", type=int, help="processes that draw the samples (default: the configuration's)")
    parser.add_argument("--batch", type=int, help="samples a step (default: the configuration's)")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training import ranks
    from SpineLab.training.segmentation.config import SegmentationConfig

    config = SegmentationConfig.read(arguments.config)
    changes: dict = {
        key: getattr(arguments, key) for key in ("session", "label", "init_from") if getattr(arguments, key)
    }
    if arguments.inputs:
        changes["inputs"] = tuple(name.strip() for name in arguments.inputs.split(","))
    if arguments.workers is not None:
        changes["workers"] = arguments.workers
    if arguments.batch is not None:
        changes["sampling"] = {"batch": arguments.batch}
    if arguments.compile:
        changes["optimisation"] = {"compile": True}
    ranks.join()
    try:
        return _run(config, changes, arguments)
    finally:
        ranks.leave()


def _run(config, changes: dict, arguments: argparse.Namespace) -> int:
    from SpineLab.training.segmentation.session import run_training

    return run_folds(
        changed(config, arguments, changes),
        arguments,
        lambda current, out, **texts: run_training(
            current,
            arguments.cohort,
            out,
            **prepared(arguments),
            **texts,
        ),
    )
