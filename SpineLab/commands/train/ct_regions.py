"""``spine train ct-regions``: what tells lesions among the regions of vertebrae that differ from their neighbours."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError

HELP = "fit the judge of regions in which vertebrae differ from their neighbours, in minutes"
DESCRIPTION = (
    "Compare the vertebrae of CTs with their other side and their neighbours, paint lesions into copies, and fit a "
    "small network that tells lesions among what differs. Writes a model bundle, and how it does on each CT when it "
    "has learned from the others alone."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--paint",
        nargs="+",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a CT without known lesions, and its vertebrae (else they are found); several are possible",
    )
    parser.add_argument(
        "--boxes", type=Path, metavar="CSV", help="boxes of known lesions as BLDS has them, beside its CTs"
    )
    parser.add_argument(
        "--paint-from", required=True, metavar="TEXT", help="where all CTs come from, and their licence"
    )
    parser.add_argument("--copies", type=int, default=10, help="painted copies of each CT (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="of what is painted and of the fit (default: 1)")
    parser.add_argument("--threshold", type=float, default=0.6, help="of the model (default: 0.6)")
    parser.add_argument("--threads", type=int, help="threads that compute (default: all cores)")
    parser.add_argument("--id", default="compared-ct", help="of the model (default: compared-ct)")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="FOLDER", help="of the bundle")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training.ct_regions.bundle import train_regions

    if not arguments.paint and arguments.boxes is None:
        raise SpineError("There is nothing to learn from; give CTs with --paint or --boxes.")
    if any(len(files) > 2 for files in arguments.paint):
        raise SpineError("Give --paint a CT and at most one file of its vertebrae.")
    if not 0 < arguments.threshold < 1 or arguments.copies < 1:
        raise SpineError("Choose a threshold between 0 and 1, and at least one copy.")
    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    painted = [(files[0], files[1] if len(files) > 1 else None) for files in arguments.paint]
    with ProgressBar() as bar:
        results = train_regions(
            painted,
            arguments.boxes,
            arguments.paint_from,
            arguments.copies,
            arguments.seed,
            arguments.threshold,
            arguments.id,
            arguments.out,
            bar,
        )
    print(
        "| CT, learned from the others alone | boxes in vertebrae | found | false marks |",
        "|---|---|---|---|",
        sep="\n",
    )
    for one in results:
        boxes, found, false = one.at(arguments.threshold)
        print(f"| {one.name} | {boxes} | {found} | {false} |")
    return 0
