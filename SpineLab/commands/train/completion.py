"""``spine train completion``: the 3-D completion of vertebrae."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLab.commands.train.common import GOES_ON, add_common, add_masks, changed, check_masks, run_once
from SpineLab.training.completion.config import CompletionConfig
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.errors import SpineError

HELP = "train the 3-D completion of vertebrae; goes on after an interruption"
DESCRIPTION = (
    "Train the network that 'spine inpaint' completes vertebrae with, on vertebrae that pieces are cut from. " + GOES_ON
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--config", default="completion", help="TOML file, or completion (the default)")
    add_masks(parser)
    parser.add_argument(
        "--cohort",
        type=Path,
        help="folder of simulated CTs, as 'spine phantom --ct' writes it; their "
        "vertebrae as they were before the lesion are learned",
    )
    parser.add_argument("--out", required=True, type=Path, help="folder of the training")
    add_common(
        parser,
        folds=False,
        cases="use only the first so many cases of the cohort",
        cache="folder for the samples (default: in the training's folder)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training.completion.loop import run_training
    from SpineLab.training.completion.samples import Source

    if not arguments.masks and arguments.cohort is None:
        raise SpineError("Nothing to learn from was given; use --masks, --cohort, or both.")
    check_masks(arguments)
    config = changed(CompletionConfig.read(arguments.config), arguments)
    sources = [Source(path.name.split(".")[0], path, False, config.sampling.repeats) for path in arguments.masks]
    origins = [f"Real label files: {arguments.masks_from.rstrip('.')}."] if arguments.masks else []
    if arguments.cohort is not None:
        cases = read_ct_cohort(arguments.cohort, ("vertebrae", "intact"))[: arguments.cases]
        sources += [Source(case.name, case.whole, case.simulated) for case in cases]
        origins.append(f"Simulated spines: {len(cases)} cases.")
    return run_once(
        config,
        arguments.out,
        arguments,
        lambda current, out, **texts: run_training(
            current, sources, out, cache=arguments.cache, description=" ".join(origins), **texts
        ),
    )
