"""``spine evaluate detection``: FROC of detectors on a cohort with truth, beside the paper's, and on healthy scans."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from SpineLab.commands.evaluate.on_workers import workers
from SpineLab.commands.telling import tell
from SpineLib.cli.batch import add_cluster, wants_cluster
from SpineLib.cli.options import add_device
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError

HELP = "FROC of a detector, beside the paper's, and on healthy scans"
_CHOICE = {"on": (True,), "off": (False,), "both": (True, False)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--cohort", required=True, type=Path, help="folder of cases with lesion masks")
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument("--model", help="id or folder of the detector")
    models.add_argument(
        "--cross-validation",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="folder of 'spine train detection --fold all': each case by the detector of the fold that held it out; "
        "several are possible, the first is compared with the others",
    )
    parser.add_argument(
        "--single-resolution",
        action="append",
        default=[],
        metavar="MODEL",
        help="id or folder of a detector to compare with, e.g. of one resolution or of the paper's "
        "form; several are possible",
    )
    parser.add_argument("--aggregation", choices=_CHOICE, default="both", help="of neighbouring slices (default both)")
    parser.add_argument(
        "--spine-mask",
        choices=_CHOICE,
        default="off",
        help="search the vertebral column only instead of the middle half of the slices (default off, as in the paper)",
    )
    parser.add_argument(
        "--no-mirror",
        action="store_true",
        help="look at each slice once only, as the paper does, not at its mirror images as well",
    )
    parser.add_argument(
        "--step",
        type=int,
        default=1,
        choices=(1, 2, 4, 8),
        metavar="MM",
        help="distance of the places looked at, for models that run patch by patch: 1 (default), 2, 4 "
        "or 8; what lies between is interpolated",
    )
    parser.add_argument(
        "--smallest-area",
        type=float,
        metavar="CM2",
        help="smaller regions of a slice are dropped (default: the model's own; the paper's is 5)",
    )
    parser.add_argument("--cases", type=int, help="only the first so many cases")
    parser.add_argument(
        "--healthy",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="scan of a healthy spine: count its false positives; several are possible",
    )
    add_device(parser)
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for tables and pictures")
    add_cluster(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.detection import Counting, count_healthy, find_detector
    from SpineLab.reports.detection import figures, markdown, write_detection
    from SpineLib.cohort.mr import read_cohort
    from SpineLib.tasks.detection.detect import DetectSettings
    from SpineLib.volume import read_volume

    if arguments.cross_validation and arguments.single_resolution:
        raise SpineError("--single-resolution goes with --model; give its folder of folds as --cross-validation too.")
    names = [str(run / "fold-0" / "model") for run in arguments.cross_validation] or [
        arguments.model,
        *arguments.single_resolution,
    ]
    bundles = [find_detector(name) for name in names]
    cohort = read_cohort(arguments.cohort, tuple({bundle.card.inputs[0] for bundle in bundles}), labels=("lesion",))
    if arguments.cases:
        cohort = replace(cohort, cases=cohort.cases[: arguments.cases])
    settings = DetectSettings(
        device=arguments.device, precision=arguments.precision, step_mm=arguments.step, mirror=not arguments.no_mirror
    )
    scans = [read_volume(path, bundles[0].card.inputs[0]) for path in arguments.healthy]
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpineError("The output folder cannot be made; choose one where you may write.") from error
    how = Counting(
        aggregation=_CHOICE[arguments.aggregation],
        column=tuple(reversed(_CHOICE[arguments.spine_mask])),
        smallest_cm2=arguments.smallest_area,
        settings=settings,
    )
    evaluation = _evaluate(cohort, bundles, how, arguments)
    healthy = []
    first = evaluation.results[0].by_lesions
    thresholds = sorted({bundles[0].card.threshold, *_operating_thresholds(first)}, reverse=True)
    for number, scan in enumerate(scans, start=1):
        with ProgressBar(f"healthy scan {number}") as bar:
            rows = count_healthy(scan, bundles[0], thresholds, evaluation.smallest_cm2, settings, bar)
        healthy += [{"scan": number, "model": bundles[0].card.id, **row} for row in rows]
    told = figures(evaluation)
    paths = write_detection(evaluation, told, arguments.output, healthy)
    tell(markdown(evaluation, told, healthy), arguments)
    print("Written:", ", ".join(str(path) for path in paths))
    return 0


def _evaluate(cohort, bundles, how, arguments: argparse.Namespace):
    """Here or on several workers, by models or by the folds of a cross-validation."""
    from SpineLab.evaluation.detection import evaluate_detection
    from SpineLab.evaluation.detection_folds import evaluate_detection_folds
    from SpineLab.evaluation.detection_workers import evaluate_detection_folds_together, evaluate_detection_together

    runs = arguments.cross_validation
    if wants_cluster(arguments):
        kept, on = arguments.output / "patients", workers(arguments)
        if runs:
            return evaluate_detection_folds_together(cohort, runs, how, kept, on)
        return evaluate_detection_together(cohort, bundles, how, kept, on)
    with ProgressBar() as bar:
        if runs:
            return evaluate_detection_folds(cohort, runs, how, bar)
        return evaluate_detection(cohort, bundles, how, bar)


def _operating_thresholds(froc) -> list[float]:
    """The highest thresholds that find 90 % and all of what can be found."""
    best = froc.sensitivity.max()
    return [float(froc.thresholds[(froc.sensitivity >= wanted * best - 1e-9).argmax()]) for wanted in (0.9, 1.0)]
