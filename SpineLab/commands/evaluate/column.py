"""``spine evaluate column``: bodies and levels on MR scans beside labels of their bodies."""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np

from SpineLib.cli.telling import table
from SpineLib.errors import SpineError

HELP = "Dice and levels of vertebral bodies on MR scans whose bodies somebody labelled"
DESCRIPTION = (
    "Find the column on each NAME.nii.gz of a folder that has NAME_vb-labels.nii.gz beside it (1 is the lowest body, "
    "the others follow upwards), and tell Dice, vertebrae found and levels named right."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--folder", type=Path, required=True, help="the scans and labels")
    parser.add_argument(
        "--from-s1", default="", metavar="NAMES", help="scans whose label 1 is S1, separated by commas (others: L5)"
    )
    parser.add_argument("--model", help="model id or folder (default: the installed one)")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.column import score_bodies
    from SpineLib.models import find_bundle
    from SpineLib.tasks.column.mr import column_model, column_on_mr
    from SpineLib.volume import read_volume

    bundle = find_bundle(arguments.model) if arguments.model else column_model("T2")
    if bundle is None:
        raise SpineError("No model of the column on MR is installed; give one with --model.")
    paths = sorted(arguments.folder.glob("*_vb-labels.nii.gz"))
    if not paths:
        raise SpineError("The folder holds no NAME_vb-labels.nii.gz; give one with scans and labels of their bodies.")
    from_s1 = set(arguments.from_s1.split(","))
    rows: list[list[str]] = []
    dice: list[float] = []
    right: list[bool] = []
    for path in paths:
        name = path.name.removesuffix("_vb-labels.nii.gz")
        started = perf_counter()
        found = column_on_mr(read_volume(path.with_name(f"{name}.nii.gz")), bundle)
        seconds = perf_counter() - started
        scores, sacrum = score_bodies(found, read_volume(path), "S1" if name in from_s1 else "L5")
        own = [one.dice for one in scores]
        dice, right = dice + own, right + [one.right for one in scores]
        lowest = min(scores, key=lambda one: one.dice)
        rows.append(
            [
                name,
                f"{np.mean(own):.3f}",
                f"{lowest.level} {lowest.dice:.2f}",
                f"{sum(bool(one.said) for one in scores)} of {len(scores)}",
                f"{sum(one.right for one in scores)} of {len(scores)}",
                f"{found.by['levels']} {found.by['confidence']:.2f}",
                "" if sacrum is None else f"{sacrum:.2f}",
                f"{seconds:.1f}",
            ]
        )
        print(f"{name} done", flush=True)
    heads = ["Scan", "Dice", "Lowest", "Found", "Level right", "Levels by", "S1 in sacrum", "s"]
    print(*table(heads, rows, left=(0, 2, 5)), sep="\n")
    print(f"{len(dice)} bodies: mean Dice {np.mean(dice):.3f}, level right {np.mean(right):.0%}")
    return 0
