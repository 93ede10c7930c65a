"""``spine train completion``: the 3-D completion of vertebrae."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from SpineLib.errors import SpineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--config", default="completion", help="TOML file, or completion (the default)")
    parser.add_argument("--masks", type=Path, nargs="+", default=[], metavar="FILE",
                        help="label files of real columns, a number for each vertebra")
    parser.add_argument("--masks-from", default="", metavar="TEXT",
                        help="where those files come from and their licence, for the model's card; needed with --masks")
    parser.add_argument("--cohort", type=Path, help="folder of simulated CTs, as 'spine phantom --ct' writes it; their "
                                                    "vertebrae as they were before the lesion are learned")
    parser.add_argument("--cases", type=int, help="use only the first so many cases of the cohort")
    parser.add_argument("--out", required=True, type=Path, help="folder of the training")
    parser.add_argument("--minutes", type=float, help="time budget")
    parser.add_argument("--steps", type=int, help="batches to train on")
    parser.add_argument("--seed", type=int, help="of everything random")
    parser.add_argument("--cache", type=Path, help="folder for the samples (default: in the training's folder)")
    parser.add_argument("--threads", type=int, help="threads that compute (default: all cores)")
    parser.add_argument("--model-id", help="id of the bundle written at the end (default: the folder's name)")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLib.training.completion.config import read_completion_config
    from SpineLib.training.completion.loop import run_completion_training
    from SpineLib.training.completion.samples import Source
    from SpineLib.training.ct_cohort import read_ct_cohort

    if not arguments.masks and arguments.cohort is None:
        raise SpineError("Nothing to learn from was given; use --masks, --cohort, or both.")
    if arguments.masks and not arguments.masks_from:
        raise SpineError("--masks needs --masks-from: say where the label files come from and their licence, so that "
                         "the model's card can.")
    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    changes: dict = {"optimisation": {key: getattr(arguments, key) for key in ("minutes", "steps")
                                      if getattr(arguments, key) is not None}}
    if arguments.seed is not None:
        changes["sampling"] = {"seed": arguments.seed}
    try:
        config = read_completion_config(arguments.config).changed(**changes)
    except ValueError as error:
        raise SpineError(f"The settings do not fit together: {error}.") from error
    sources = [Source(path.name.split(".")[0], path, False, config.sampling.repeats) for path in arguments.masks]
    origins = [f"Real label files: {arguments.masks_from.rstrip('.')}."] if arguments.masks else []
    if arguments.cohort is not None:
        cases = read_ct_cohort(arguments.cohort)[:arguments.cases]
        sources += [Source(case.name, case.intact, True) for case in cases]
        origins.append(f"Simulated spines: {len(cases)} cases.")
    bundle = run_completion_training(
        config, sources, arguments.out, cache=arguments.cache, description=" ".join(origins),
        command=shlex.join(["spine", *sys.argv[1:]]), model_id=arguments.model_id or "",
        report=lambda text: print(text, flush=True))
    print(f"{bundle.folder}: {bundle.card.title}", flush=True)
    return 0
