"""``spine train gan``: WGAN-GP and DCGAN on slices of vertebrae."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLab.commands.train.common import GOES_ON, add_common, add_masks, changed, check_masks, run_once
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.errors import SpineError

HELP = "train a GAN on slices of vertebrae; goes on after an interruption"
DESCRIPTION = (
    "Train WGAN-GP or DCGAN to make slices of whole vertebrae, which 'spine inpaint' repairs others with. " + GOES_ON
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--config", required=True, help="TOML file, or wgan-gp, dcgan, paper-wgan-gp, paper-dcgan")
    parser.add_argument(
        "--cohort",
        type=Path,
        help="folder of simulated CTs, as 'spine phantom --ct' writes it; its "
        "vertebrae as they were before the lesion are learned",
    )
    parser.add_argument(
        "--simulate",
        type=int,
        default=0,
        metavar="N",
        help="draw the vertebrae of so many simulated columns, which needs no CT",
    )
    add_masks(parser)
    parser.add_argument("--out", required=True, type=Path, help="folder of the training")
    add_common(
        parser,
        folds=False,
        cases="use only the first so many cases of the cohort",
        cache="folder for the slices (default: in the training's folder)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training.gan.config import GanConfig
    from SpineLab.training.gan.loop import run_training

    check_masks(arguments)
    config = changed(GanConfig.read(arguments.config), arguments)
    stacks, sources = _stacks(arguments, config.sampling.seed)
    return run_once(
        config,
        arguments.out,
        arguments,
        lambda current, out, **texts: run_training(current, stacks, out, sources=sources, **texts),
    )


def _stacks(arguments: argparse.Namespace, seed: int):
    """The vertebrae as slices, and a sentence on where they come from."""
    from SpineLab.training.gan.stacks import read_stacks

    files = [(path.name, path, False) for path in arguments.masks]
    stacks, sources = [], []
    if arguments.simulate > 0:
        from SpineLab.training.gan.ct_stacks import simulate_stacks

        for n in range(arguments.simulate):
            stacks += simulate_stacks(1000 * seed + n)
        sources.append(f"Vertebrae of {arguments.simulate} simulated columns.")
    if arguments.cohort is not None:
        cases = read_ct_cohort(arguments.cohort, ("vertebrae", "intact"))[: arguments.cases]
        files += [(case.name, case.whole, case.simulated) for case in cases]
        sources.append(f"Vertebrae of {len(cases)} simulated CTs, as they were before the lesion.")
    if arguments.masks:
        sources.append(
            f"Vertebrae of {len(arguments.masks)} real column{'s' * (len(arguments.masks) > 1)}: "
            f"{arguments.masks_from.strip().rstrip('.')}."
        )
    if files:
        cache = arguments.cache or arguments.out / "slices"
        stacks += read_stacks(files, cache, lambda fraction, text: print(text, flush=True))
    if not stacks:
        raise SpineError("There is nothing to train on; give --simulate, --cohort or --masks.")
    return stacks, " ".join(sources)
