"""``spine evaluate segmentation``: models of metastases or necrosis on a cohort with truth, beside the paper's."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from SpineLab.commands.evaluate.on_workers import workers
from SpineLab.commands.telling import tell
from SpineLib.cli.batch import add_cluster, wants_cluster
from SpineLib.cli.options import add_device
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cohort.layout import AFTER
from SpineLib.cohort.table import sessions_of
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle
from SpineLib.progress import part

HELP = "Dice, TPR, TNR and lesions found, beside the paper's"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--cohort", required=True, type=Path, help="folder of cases with lesion masks")
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument("--model", action="append", help="id or folder; several are possible")
    models.add_argument(
        "--cross-validation",
        type=Path,
        action="append",
        metavar="RUN",
        help="folder of 'spine train segmentation --fold all': each case by the model of the fold that held it out; "
        "several are possible",
    )
    parser.add_argument(
        "--inputs", help="of a model that takes any sequences: those it is given, e.g. T1,T2 (default: all there are)"
    )
    parser.add_argument(
        "--label", choices=("lesion", "necrosis"), help="the mask to compare with (default: what the models segment)"
    )
    parser.add_argument(
        "--session", choices=("before", "after"), help="of a cohort with sessions (default for necrosis: after)"
    )
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for the tables")
    parser.add_argument("--cases", type=int, help="only the first so many cases")
    parser.add_argument(
        "--held-out-of", type=Path, metavar="RUN", help="only the cases that this training's folder held out"
    )
    parser.add_argument("--threshold", type=float, help="probability from which a voxel is lesion")
    parser.add_argument("--smallest-lesion-ml", type=float, help="smaller lesions are dropped")
    add_device(parser)
    add_cluster(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.files import markdown, write_evaluation
    from SpineLab.evaluation.segmentation import evaluate, evaluate_folds, held_out_parts, side_by_side
    from SpineLib.cohort.mr import read_cohort
    from SpineLib.tasks.segmentation.segment import SegmentSettings

    bundles = _bundles(arguments)
    given = tuple(name.strip() for name in arguments.inputs.split(",")) if arguments.inputs else None
    needed = [name for bundle in bundles if not bundle.card.takes_any for name in bundle.card.inputs]
    for bundle in bundles:
        if given and not bundle.card.inputs_of(given):
            raise SpineError(f"The model '{bundle.card.id}' cannot do with {' and '.join(given)}; change --inputs.")
    inputs = tuple(dict.fromkeys([*needed, *(given or ())]))
    label = arguments.label or _label(bundles)
    session = arguments.session
    if session is None and label == "necrosis" and AFTER in sessions_of(arguments.cohort):
        session = AFTER
    cohort = read_cohort(arguments.cohort, inputs, labels=(label,), session=session)
    if arguments.held_out_of:
        (cohort,) = held_out_parts(cohort, [arguments.held_out_of])
    if arguments.cases:
        cohort = replace(cohort, cases=cohort.cases[: arguments.cases])
    settings = SegmentSettings(
        threshold=arguments.threshold,
        smallest_lesion_ml=arguments.smallest_lesion_ml,
        device=arguments.device,
        precision=arguments.precision,
    )
    if wants_cluster(arguments):
        evaluation = _together(cohort, bundles, settings, label, given, arguments)
        paths = write_evaluation(evaluation, arguments.output)
        tell(markdown(evaluation), arguments)
        print("Written:", ", ".join(str(path) for path in paths))
        return 0
    with ProgressBar() as bar:
        if arguments.cross_validation:
            runs = arguments.cross_validation
            parts = [
                evaluate_folds(
                    cohort, run, settings, label=label, progress=part(bar, n / len(runs), (n + 1) / len(runs))
                )
                for n, run in enumerate(runs)
            ]
            evaluation = side_by_side(parts)
        else:
            evaluation = evaluate(cohort, bundles, settings, label=label, given=given, progress=bar)
    paths = write_evaluation(evaluation, arguments.output)
    tell(markdown(evaluation), arguments)
    print("Written:", ", ".join(str(path) for path in paths))
    return 0


def _together(cohort, bundles, settings, label, given, arguments: argparse.Namespace):
    """The evaluation on several workers."""
    from SpineLab.evaluation.segmentation_workers import evaluate_folds_together, evaluate_together

    on = workers(arguments)
    kept = arguments.output / "patients"
    if arguments.cross_validation:
        return evaluate_folds_together(cohort, arguments.cross_validation, settings, kept, label=label, on=on)
    return evaluate_together(cohort, bundles, settings, kept, label=label, given=given, on=on)


def _bundles(arguments: argparse.Namespace) -> list:
    if arguments.cross_validation is None:
        return [find_bundle(model) for model in arguments.model]
    bundles = []
    for run in arguments.cross_validation:
        first = run / "fold-0" / "model"
        if not first.is_dir():
            raise SpineError(
                f"'{run}' holds no finished 'fold-0'; give the folder of 'spine train segmentation --fold all'."
            )
        bundles.append(find_bundle(first))  # The folds differ in their weights only.
    return bundles


def _label(bundles: list) -> str:
    targets = sorted({bundle.card.target for bundle in bundles})
    if len(targets) > 1:
        raise SpineError(f"The models segment different things, {' and '.join(targets)}; evaluate them one by one.")
    return "necrosis" if targets == ["necrosis"] else "lesion"
