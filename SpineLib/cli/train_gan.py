"""``spine train gan``: WGAN-GP and DCGAN on slices of vertebrae."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from SpineLib.errors import SpineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--config", required=True, help="TOML file, or wgan-gp, dcgan, paper-wgan-gp, paper-dcgan")
    parser.add_argument("--cohort", type=Path, help="folder of simulated CTs, as 'spine phantom --ct' writes it; its "
                                                    "vertebrae as they were before the lesion are learned")
    parser.add_argument("--simulate", type=int, default=0, metavar="N",
                        help="draw the vertebrae of so many simulated columns, which needs no CT")
    parser.add_argument("--masks", type=Path, nargs="+", default=[], metavar="FILE",
                        help="label files of real columns, a number for each vertebra")
    parser.add_argument("--masks-from", default="", metavar="TEXT",
                        help="where those files come from and their licence, for the model's card; needed with --masks")
    parser.add_argument("--out", required=True, type=Path, help="folder of the training")
    parser.add_argument("--minutes", type=float, help="time budget")
    parser.add_argument("--steps", type=int, help="steps of the generator")
    parser.add_argument("--seed", type=int, help="of everything random")
    parser.add_argument("--cases", type=int, help="use only the first so many cases of the cohort")
    parser.add_argument("--cache", type=Path, help="folder for the slices (default: in the training's folder)")
    parser.add_argument("--threads", type=int, help="threads that compute (default: all cores)")
    parser.add_argument("--model-id", help="id of the bundle written at the end (default: the folder's name)")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLib.training.gan.config import read_gan_config
    from SpineLib.training.gan.loop import run_gan_training

    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    if arguments.masks and not arguments.masks_from:
        raise SpineError("--masks needs --masks-from: say where the label files come from and their licence, so that "
                         "the model's card can.")
    changes: dict = {"optimisation": {key: getattr(arguments, key) for key in ("minutes", "steps")
                                      if getattr(arguments, key) is not None}}
    if arguments.seed is not None:
        changes["sampling"] = {"seed": arguments.seed}
    try:
        config = read_gan_config(arguments.config).changed(**changes)
    except ValueError as error:
        raise SpineError(f"The settings do not fit together: {error}.") from error
    stacks, sources = _stacks(arguments, config.sampling.seed)
    bundle = run_gan_training(config, stacks, arguments.out, sources=sources,
                              command=shlex.join(["spine", *sys.argv[1:]]), model_id=arguments.model_id or "",
                              report=lambda text: print(text, flush=True))
    print(f"{bundle.folder}: {bundle.card.title}", flush=True)
    return 0


def _stacks(arguments: argparse.Namespace, seed: int):
    """The vertebrae as slices, and a sentence on where they come from."""
    from SpineLib.training.ct_cohort import read_ct_cohort
    from SpineLib.training.gan.stacks import read_stacks

    files = [(path.name, path, False) for path in arguments.masks]
    stacks, sources = [], []
    if arguments.simulate > 0:
        from SpineLib.phantom.ct.stacks import simulate_stacks

        for n in range(arguments.simulate):
            stacks += simulate_stacks(1000 * seed + n)
        sources.append(f"Vertebrae of {arguments.simulate} simulated columns.")
    if arguments.cohort is not None:
        cases = read_ct_cohort(arguments.cohort)[:arguments.cases]
        files += [(case.name, case.intact, True) for case in cases]
        sources.append(f"Vertebrae of {len(cases)} simulated CTs, as they were before the lesion.")
    if arguments.masks:
        sources.append(f"Vertebrae of {len(arguments.masks)} real column{'s' * (len(arguments.masks) > 1)}: "
                       f"{arguments.masks_from.strip().rstrip('.')}.")
    if files:
        cache = arguments.cache or arguments.out / "slices"
        stacks += read_stacks(files, cache, lambda fraction, text: print(text, flush=True))
    if not stacks:
        raise SpineError("There is nothing to train on; give --simulate, --cohort or --masks.")
    return stacks, " ".join(sources)
