"""``spine demo``: simulated patients from the first voxel to pages that show the results."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from SpineLab.demo import SEEDS, Seeds
from SpineLab.demo.folder import demo_folder
from SpineLib.cli.options import add_device
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The demo's options."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo"),
        metavar="FOLDER",
        help="where to write; a folder that an earlier demo wrote is written again (default: demo)",
    )
    parser.add_argument(
        "--seed", type=int, default=SEEDS.metastases, help=f"which patient to simulate (default: {SEEDS.metastases})"
    )
    parser.add_argument(
        "--followup-seed",
        type=int,
        default=SEEDS.followup,
        help=f"which patient before and after an ablation (default: {SEEDS.followup})",
    )
    parser.add_argument(
        "--repair-seed",
        type=int,
        default=SEEDS.repair,
        help=f"which CT with a destroyed vertebra (default: {SEEDS.repair})",
    )
    parser.add_argument("--model", default="mets-t1t2-2d", help="model id or folder (default: mets-t1t2-2d)")
    add_device(parser, precision=False)


def run(args: argparse.Namespace) -> int:
    """Write the demo; returns 0."""
    from SpineLab.demo.metastases import write_demo

    started = time.monotonic()
    seeds = Seeds(args.seed, args.followup_seed, args.repair_seed)
    if min(seeds) < 0:
        raise SpineError("The seed is negative; choose 0 or more.")
    with demo_folder(args.out) as folder, ProgressBar() as progress:
        lines = write_demo(folder, seeds, args.model, args.device, progress)
    print(*lines, sep="\n")
    print(f"Open {args.out / 'index.html'} ({time.monotonic() - started:.0f} s). Simulated data.")
    return 0
