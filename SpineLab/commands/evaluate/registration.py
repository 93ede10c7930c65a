"""``spine evaluate registration``: errors at the treated vertebra, over simulated pairs."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLab.commands.telling import tell
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError

HELP = "errors at the treated vertebra, over simulated pairs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--cohort", required=True, type=Path, help="folder as 'spine phantom --follow-up' writes it")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for the tables")
    parser.add_argument("--cases", type=int, help="only the first so many pairs")
    parser.add_argument("--before", default="T1", help="sequence of the scan before (default T1)")
    parser.add_argument("--after", default="ceT1", help="sequence of the scan after (default ceT1)")
    parser.add_argument("--around", type=float, help="how far around the metastasis the scans are compared, mm")
    parser.add_argument("--one-layer", action="store_true", help="do not fit the displacement of fat")
    parser.add_argument(
        "--no-headers", action="store_true", help="do not use what the sidecars tell of the displacement of fat"
    )
    parser.add_argument("--no-global", action="store_true", help="leave out the registration of the whole scans")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.registration import (
        evaluate_registration,
        markdown,
        write_registration_evaluation,
    )
    from SpineLib.cohort.mr import read_pairs
    from SpineLib.tasks.registration.register import RegisterSettings

    if arguments.cases is not None and arguments.cases < 1:
        raise SpineError("--cases must be at least 1.")
    settings = RegisterSettings(
        chemical_shift=not arguments.one_layer,
        headers=not arguments.no_headers,
        **({} if arguments.around is None else {"margin_mm": arguments.around}),
    )
    pairs = read_pairs(arguments.cohort)[: arguments.cases]
    with ProgressBar() as bar:
        evaluation = evaluate_registration(
            pairs, (arguments.before, arguments.after), settings, globally=not arguments.no_global, progress=bar
        )
    paths = write_registration_evaluation(evaluation, arguments.output)
    tell(markdown(evaluation), arguments)
    print("Written:", ", ".join(str(path) for path in paths))
    return 0
