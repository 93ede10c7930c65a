"""``spine evaluate gap``: how well simulated scans can be told from real ones."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLab.commands.telling import tell
from SpineLib.errors import SpineError
from SpineLib.sequences import SEQUENCES

HELP = "how well a small classifier tells simulated from real scans"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--cohort", required=True, type=Path, action="append", help="simulated; may be given several times"
    )
    parser.add_argument("--real", required=True, type=Path, nargs="+", help="real scans of the sequence")
    parser.add_argument("--bodies", required=True, type=Path, nargs="+", help="labels of vertebrae, for each real scan")
    parser.add_argument("--sequence", required=True, choices=tuple(SEQUENCES))
    parser.add_argument("--cases", type=int, default=20, help="simulated patients looked at (default 20)")
    parser.add_argument("--patches", type=int, default=60, help="of each scan (default 60)")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.gap import features, patches, told_apart
    from SpineLib.cohort.mr import read_cohort
    from SpineLib.volume import read_volume
    from SpineLib.volume.segments import read_mask

    if len(arguments.real) != len(arguments.bodies):
        raise SpineError("Each scan of --real needs its labels in --bodies; give as many.")

    def described(image: Path, labels: Path):
        cut = patches(read_volume(image, arguments.sequence), read_mask(labels, "vertebrae"), arguments.patches)
        return [features(one) for one in cut]

    import numpy as np

    real = [np.array(described(*pair)) for pair in zip(arguments.real, arguments.bodies)]
    lines = ["| simulated | accuracy | simulated taken for simulated | real taken for real |", "|---|---|---|---|"]
    for folder in arguments.cohort:
        cases = read_cohort(folder, (arguments.sequence,), labels=("vertebrae",)).cases[: arguments.cases]
        simulated = [
            np.array(described(case.sequences[arguments.sequence], case.labels["vertebrae"])) for case in cases
        ]
        found = told_apart(simulated, real)
        shares = " | ".join(f"{100 * found[key]:.0f} %" for key in ("accuracy", "of_simulated", "of_real"))
        lines.append(f"| {folder.name}, {len(cases)} patients | {shares} |")
    tell("\n".join(lines) + "\n", arguments)
    return 0
