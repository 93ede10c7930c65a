"""``spine train likeness``: what lets a model tell that a scan is unlike those it was trained on."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLib.cli.progress_bar import ProgressBar

HELP = "measure what a training's scans look like to a model, so that it tells of a scan unlike them"
DESCRIPTION = (
    "Run a 2D model on the patients of cohorts and keep, in its folder, how what it sees in their vertebrae spreads. "
    "Results of the model then say how unlike them a scan is; one in a hundred of these patients is above 1."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="of the bundle, which gets a file")
    parser.add_argument(
        "--cohort",
        type=Path,
        action="append",
        required=True,
        metavar="FOLDER",
        help="patients with labelled vertebrae, such as the model was trained on; several are possible",
    )
    parser.add_argument("--session", choices=("before", "after"), help="of cohorts with sessions")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training.likeness import add_likeness
    from SpineLib.cohort.mr import read_cohort
    from SpineLib.models import load_bundle

    bundle = load_bundle(arguments.model)
    needed = () if bundle.card.takes_any else bundle.card.inputs
    cohorts = [read_cohort(one, needed, labels=("vertebrae",), session=arguments.session) for one in arguments.cohort]
    with ProgressBar(bundle.card.id) as bar:
        unlike = add_likeness(bundle, cohorts, bar).unlikeness
    median, above = sorted(unlike)[len(unlike) // 2], int((unlike > 1).sum())
    print(
        f"{len(unlike)} scans; unlikeness of each by the others: median {median:.2f}, "
        f"largest {unlike.max():.2f}, {above} above 1"
    )
    return 0
