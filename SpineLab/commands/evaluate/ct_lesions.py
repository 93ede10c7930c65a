"""``spine evaluate ct-lesions``: average precision and speed of a detector on CT, beside the paper's."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from SpineLab.commands.telling import tell
from SpineLib.cli.options import add_device
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.errors import SpineError

HELP = "average precision and speed of a detector of lesions on CT"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--cohort", required=True, type=Path, help="folder of CTs with lesion masks")
    parser.add_argument("--model", required=True, help="id or folder of the detector")
    parser.add_argument("--cases", type=int, help="only the first so many cases")
    parser.add_argument("--threshold", type=float, help="probability from which a lesion counts (default: the model's)")
    parser.add_argument(
        "--around-vertebrae",
        action="store_true",
        help="look around the true vertebrae only, as after a segmentation (default: whole slices)",
    )
    parser.add_argument(
        "--healthy",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="CT without lesions: count what is found there; several are possible",
    )
    add_device(parser)
    parser.add_argument("--threads", type=int, help="threads that compute (default: all cores)")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for the tables")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.ct_lesions import (
        evaluate_ct_lesions,
        find_ct_detector,
    )
    from SpineLab.reports.ct_lesions import figures, markdown, write_ct_lesions
    from SpineLib.tasks.ct.lesions import CtLesionSettings, detect_ct_lesions
    from SpineLib.volume import read_volume

    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    bundle = find_ct_detector(arguments.model)
    cases = read_ct_cohort(arguments.cohort)[: arguments.cases]
    scans = {f"{number}, {path.name}": read_volume(path, "CT") for number, path in enumerate(arguments.healthy, 1)}
    settings = CtLesionSettings(threshold=arguments.threshold, device=arguments.device, precision=arguments.precision)
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpineError("The output folder cannot be made; choose one where you may write.") from error
    with ProgressBar() as bar:
        evaluation = evaluate_ct_lesions(cases, bundle, settings, bar, around_vertebrae=arguments.around_vertebrae)
        healthy = {name: detect_ct_lesions(scan, bundle, settings).lesions for name, scan in scans.items()}
    evaluation = replace(evaluation, healthy=healthy)
    told = figures(evaluation)
    paths = write_ct_lesions(evaluation, told, arguments.output)
    tell(markdown(told), arguments)
    print("Written:", ", ".join(str(path) for path in paths))
    return 0
