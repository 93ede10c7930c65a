"""``spine train detection``: the multi-resolution Siamese detector."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from SpineLib.errors import SpineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--config", required=True, help="TOML file, or siamese-paper, siamese-dense")
    parser.add_argument("--cohort", required=True, type=Path,
                        help="folder of cases with lesion and vertebra labels, as 'spine phantom' writes it")
    parser.add_argument("--run", "--out", dest="out", required=True, type=Path, help="folder of the training")
    parser.add_argument("--sequence", help="e.g. STIR or T2 (default: the configuration's)")
    parser.add_argument("--scales", help="mm a pixel of the sub-networks, e.g. 1 or 0.5,1,2 (default: the "
                                         "configuration's)")
    parser.add_argument("--decay", type=float, help="weight of the L2 regularisation; the paper tried 0.001, 0.01, 0.1")
    parser.add_argument("--minutes", type=float, help="time budget")
    parser.add_argument("--steps", type=int, help="batches to train on")
    parser.add_argument("--seed", type=int, help="of everything random")
    parser.add_argument("--folds", type=int, help="number of cross-validation folds; 0 is none")
    parser.add_argument("--fold", help="fold to hold out, from 0, or 'all' for one training after the other")
    parser.add_argument("--cases", type=int, help="use only the first so many cases")
    parser.add_argument("--cache", type=Path, help="folder for prepared cases (default: beside the cohort)")
    parser.add_argument("--processes", type=int, default=2, help="processes that prepare cases (default 2)")
    parser.add_argument("--threads", type=int, help="threads that compute (default: all cores)")
    parser.add_argument("--model-id", help="id of the bundle written at the end (default: the folder's name)")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLib.training.detection.config import read_detector_config
    from SpineLib.training.detection.loop import run_detector_training

    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    config = read_detector_config(arguments.config)
    changes: dict = {"optimisation": {key: getattr(arguments, key) for key in ("minutes", "steps", "decay")
                                      if getattr(arguments, key) is not None}}
    if arguments.sequence:
        changes["sequence"] = arguments.sequence
    if arguments.seed is not None:
        changes["sampling"] = {"seed": arguments.seed}
    count = config.validation.folds if arguments.folds is None else arguments.folds
    if arguments.fold not in (None, "all") and not arguments.fold.isdigit():
        raise SpineError(f"--fold is '{arguments.fold}' but must be a number from 0 or 'all'.")
    command = shlex.join(["spine", *sys.argv[1:]])
    for fold in range(count) if arguments.fold == "all" else [int(arguments.fold or 0)]:
        try:
            if arguments.scales:
                changes["scales"] = tuple(float(scale) for scale in arguments.scales.split(","))
            current = config.changed(**changes, validation={"folds": count, "fold": fold})
        except ValueError as error:
            raise SpineError(f"The settings do not fit together: {error}.") from error
        out = arguments.out / f"fold-{fold}" if arguments.fold == "all" else arguments.out
        bundle = run_detector_training(current, arguments.cohort, out, cache=arguments.cache,
                                       processes=arguments.processes, first_cases=arguments.cases, command=command,
                                       model_id=arguments.model_id or "", report=lambda text: print(text, flush=True))
        print(f"{bundle.folder}: {bundle.card.title}", flush=True)
    return 0
