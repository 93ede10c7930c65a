"""``spine evaluate vertebrae``: Dice and IoU on labelled CTs, and the paper's table I beside a cross-validation."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from SpineLab.commands.telling import tell
from SpineLib.cli.options import add_device
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle
from SpineLib.progress import part

HELP = "Dice and IoU of vertebrae on CT, and the paper's table I"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--cohort", type=Path, help="folder of simulated CTs, as 'spine phantom --ct' writes it")
    parser.add_argument("--cases", type=int, help="only the first so many cases of the cohort")
    parser.add_argument(
        "--scan",
        nargs=2,
        type=Path,
        action="append",
        default=[],
        metavar=("CT", "LABELS"),
        help="a patient's CT and its numbered vertebrae; several are possible",
    )
    parser.add_argument(
        "--left-out",
        type=int,
        action="append",
        default=[],
        metavar="NUMBER",
        help="a number of the labels that is no vertebra to find, e.g. 26 (VerSe's sacrum)",
    )
    parser.add_argument("--model", action="append", default=[], help="id or folder; several are possible")
    parser.add_argument(
        "--outline",
        default="auto",
        help="model that draws the outlines of what a model of the column finds, or none (default: the installed one)",
    )
    parser.add_argument(
        "--cross-validation",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="folder of 'spine train vertebrae --fold all'; several are possible",
    )
    add_device(parser)
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for figures and tables")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.vertebrae import case_table, cross_validation, table_one, to_dict
    from SpineLib.volume.files import write_text

    scans = bool(arguments.cohort or arguments.scan)
    if scans != bool(arguments.model) or not (scans or arguments.cross_validation):
        raise SpineError("Give --model with --cohort or --scan, or --cross-validation, or both.")
    folds = [cross_validation(path) for path in arguments.cross_validation]
    figures = _cases(arguments) if scans else []
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpineError("The output folder cannot be made; choose one where you may write.") from error
    text = "\n".join([case_table(figures)] * bool(figures) + [table_one(folds)] * bool(folds))
    write_text(
        arguments.output / "vertebrae.json",
        json.dumps({"cases": to_dict(figures), "cross_validation": folds}, indent=1) + "\n",
    )
    write_text(arguments.output / "vertebrae.md", text)
    tell(text, arguments)
    print("Written:", arguments.output / "vertebrae.json", arguments.output / "vertebrae.md")
    return 0


def _cases(arguments: argparse.Namespace) -> list:
    from SpineLab.evaluation.vertebrae import evaluate_case
    from SpineLib.tasks.ct.vertebrae import VertebraeSettings
    from SpineLib.volume import read_volume
    from SpineLib.volume.segments import read_mask

    sacrum = (26,)
    work = []
    if arguments.cohort:
        work += [
            (f"{case.name} ({case.origin})", case.ct, case.vertebrae, sacrum)
            for case in read_ct_cohort(arguments.cohort, ("vertebrae",))[: arguments.cases]
        ]
    work += [
        (f"scan {number}", ct, labels, tuple(arguments.left_out))
        for number, (ct, labels) in enumerate(arguments.scan, start=1)
    ]
    bundles = [find_bundle(model) for model in arguments.model]
    settings = VertebraeSettings(device=arguments.device, precision=arguments.precision, outline=arguments.outline)
    figures = []
    with ProgressBar() as bar:
        for number, (name, ct, labels, left_out) in enumerate(work):
            share = part(bar, number / len(work), (number + 1) / len(work))
            volumes = read_volume(ct, "CT"), read_mask(labels, "labels")
            for position, bundle in enumerate(bundles):
                share(position / len(bundles), name)
                figures.append(evaluate_case(*volumes, bundle, name, left_out, settings))
        bar(1.0, "Done")
    return figures
