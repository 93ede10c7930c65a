"""``spine train vertebrae``: V-Net or U-Net on axial slices of CT."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from SpineLib.errors import SpineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--config", required=True, help="TOML file, or vnet-paper, vnet-narrow, unet-ct")
    parser.add_argument("--cohort", type=Path, action="append", default=[],
                        help="folder of simulated CTs, as 'spine phantom --ct' writes it; several are possible")
    parser.add_argument("--real-cohort", type=Path, action="append", default=[],
                        help="folder of the same form with patients' CTs, which the model's card tells of; several are "
                             "possible")
    parser.add_argument("--run", "--out", dest="out", required=True, type=Path, help="folder of the training")
    parser.add_argument("--minutes", type=float, help="time budget")
    parser.add_argument("--steps", type=int, help="batches to train on")
    parser.add_argument("--seed", type=int, help="of everything random")
    parser.add_argument("--folds", type=int, help="number of cross-validation folds; 0 is none")
    parser.add_argument("--fold", help="fold to hold out, from 0, or 'all' for one training after the other")
    parser.add_argument("--cases", type=int, help="use only the first so many cases of each cohort")
    parser.add_argument("--cache", type=Path, help="folder for prepared cases (default: beside the cohort)")
    parser.add_argument("--processes", type=int, default=2, help="processes that prepare cases (default 2)")
    parser.add_argument("--threads", type=int, help="threads that compute (default: all cores)")
    parser.add_argument("--model-id", help="id of the bundle written at the end (default: the folder's name)")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLib.training.vertebrae.config import read_vertebra_config
    from SpineLib.training.vertebrae.loop import run_vertebra_training

    if not arguments.cohort and not arguments.real_cohort:
        raise SpineError("No CT was given to train on; add --cohort or --real-cohort.")
    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    config = read_vertebra_config(arguments.config)
    changes: dict = {"optimisation": {key: getattr(arguments, key) for key in ("minutes", "steps")
                                      if getattr(arguments, key) is not None}}
    if arguments.seed is not None:
        changes["sampling"] = {"seed": arguments.seed}
    count = config.validation.folds if arguments.folds is None else arguments.folds
    if arguments.fold not in (None, "all") and not arguments.fold.isdigit():
        raise SpineError(f"--fold is '{arguments.fold}' but must be a number from 0 or 'all'.")
    command = shlex.join(["spine", *sys.argv[1:]])
    for fold in range(count) if arguments.fold == "all" else [int(arguments.fold or 0)]:
        try:
            current = config.changed(**changes, validation={"folds": count, "fold": fold})
        except ValueError as error:
            raise SpineError(f"The settings do not fit together: {error}.") from error
        out = arguments.out / f"fold-{fold}" if arguments.fold == "all" else arguments.out
        bundle = run_vertebra_training(current, arguments.cohort, out, cache=arguments.cache,
                                       processes=arguments.processes, first_cases=arguments.cases,
                                       real_cohorts=arguments.real_cohort, command=command,
                                       model_id=arguments.model_id or "",
                                       report=lambda text: print(text, flush=True))
        print(f"{bundle.folder}: {bundle.card.title}", flush=True)
    return 0
