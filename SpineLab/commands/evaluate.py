"""``spine evaluate``: figures of models and of the registration on a cohort with truth, and on real healthy scans."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from SpineLab.commands import (
    evaluate_ct_lesions,
    evaluate_detection,
    evaluate_gan,
    evaluate_healthy,
    evaluate_inpaint,
    evaluate_registration,
    evaluate_vertebrae,
)
from SpineLab.commands.telling import add_into, tell
from SpineLib.cli.outputs import check_folder, check_outputs
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError

HELP = "compare a model's masks with the truth of a cohort"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    actions = parser.add_subparsers(dest="action", required=True)
    healthy = actions.add_parser("healthy", help="false positives and painted lesions on a real healthy scan")
    evaluate_healthy.add_arguments(healthy)
    detection = actions.add_parser("detection", help="FROC of a detector, beside the paper's, and on healthy scans")
    evaluate_detection.add_arguments(detection)
    ct_lesions = actions.add_parser("ct-lesions", help="average precision and speed of a detector of lesions on CT")
    evaluate_ct_lesions.add_arguments(ct_lesions)
    vertebrae = actions.add_parser("vertebrae", help="Dice and IoU of vertebrae on CT, and the paper's table I")
    evaluate_vertebrae.add_arguments(vertebrae)
    gan = actions.add_parser("gan", help="holes in slices of vertebrae filled by GANs, Dice and KMMD")
    evaluate_gan.add_arguments(gan)
    inpaint = actions.add_parser("inpaint", help="repairs of vertebrae whose state before the damage is known")
    evaluate_inpaint.add_arguments(inpaint)
    registration = actions.add_parser("registration", help="errors at the treated vertebra, over simulated pairs")
    evaluate_registration.add_arguments(registration)
    segmentation = actions.add_parser("segmentation", help="Dice, TPR, TNR and lesions found, beside the paper's")
    segmentation.add_argument("--cohort", required=True, type=Path, help="folder of cases with lesion masks")
    models = segmentation.add_mutually_exclusive_group(required=True)
    models.add_argument("--model", action="append", help="id or folder; several are possible")
    models.add_argument(
        "--cross-validation",
        type=Path,
        metavar="RUN",
        help="folder of 'spine train segmentation --fold all': each case by the model of the fold that held it out",
    )
    segmentation.add_argument(
        "--label", choices=("lesion", "necrosis"), help="the mask to compare with (default: what the models segment)"
    )
    segmentation.add_argument(
        "--session", choices=("before", "after"), help="of a cohort with sessions (default for necrosis: after)"
    )
    segmentation.add_argument("-o", "--output", required=True, type=Path, help="folder for the tables")
    segmentation.add_argument("--cases", type=int, help="only the first so many cases")
    segmentation.add_argument(
        "--held-out-of", type=Path, metavar="RUN", help="only the cases that this training's folder held out"
    )
    segmentation.add_argument("--threshold", type=float, help="probability from which a voxel is lesion")
    segmentation.add_argument("--smallest-lesion-ml", type=float, help="smaller lesions are dropped")
    segmentation.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"))
    segmentation.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    for one in actions.choices.values():
        one.add_argument("--overwrite", action="store_true", help="write into a folder, or over a file, that exists")
        add_into(one)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    if getattr(arguments, "output", None) is not None:
        check_folder(arguments.output, arguments.overwrite)
    elif getattr(arguments, "json", None) is not None:
        check_outputs([arguments.json], [], arguments.overwrite)
    if arguments.action == "healthy":
        return evaluate_healthy.run(arguments)
    if arguments.action == "detection":
        return evaluate_detection.run(arguments)
    if arguments.action == "ct-lesions":
        return evaluate_ct_lesions.run(arguments)
    if arguments.action == "inpaint":
        return evaluate_inpaint.run(arguments)
    if arguments.action == "gan":
        return evaluate_gan.run(arguments)
    if arguments.action == "vertebrae":
        return evaluate_vertebrae.run(arguments)
    if arguments.action == "registration":
        return evaluate_registration.run(arguments)
    from SpineLab.evaluation.files import markdown, write_evaluation
    from SpineLab.evaluation.segmentation import evaluate, evaluate_folds, held_out_cases
    from SpineLib.cohort.layout import AFTER, sessions
    from SpineLib.cohort.mr import read_cohort
    from SpineLib.tasks.segmentation.segment import SegmentSettings

    bundles = _bundles(arguments)
    inputs = tuple(dict.fromkeys(name for bundle in bundles for name in bundle.card.inputs))
    label = arguments.label or _label(bundles)
    session = arguments.session
    if session is None and label == "necrosis" and AFTER in sessions(arguments.cohort):
        session = AFTER
    cohort = read_cohort(arguments.cohort, inputs, labels=(label,), session=session)
    if arguments.held_out_of:
        names = held_out_cases(arguments.held_out_of)
        cohort = replace(cohort, cases=tuple(case for case in cohort.cases if case.name in names))
    if arguments.cases:
        cohort = replace(cohort, cases=cohort.cases[: arguments.cases])
    settings = SegmentSettings(
        threshold=arguments.threshold,
        smallest_lesion_ml=arguments.smallest_lesion_ml,
        device=arguments.device,
        precision=arguments.precision,
    )
    with ProgressBar() as bar:
        if arguments.cross_validation:
            evaluation = evaluate_folds(cohort, arguments.cross_validation, settings, label=label, progress=bar)
        else:
            evaluation = evaluate(cohort, bundles, settings, label=label, progress=bar)
    paths = write_evaluation(evaluation, arguments.output)
    tell(markdown(evaluation), arguments)
    print("Written:", ", ".join(str(path) for path in paths))
    return 0


def _bundles(arguments: argparse.Namespace) -> list:
    from SpineLib.models import find_bundle

    if arguments.cross_validation is None:
        return [find_bundle(model) for model in arguments.model]
    first = arguments.cross_validation / "fold-0" / "model"
    if not first.is_dir():
        raise SpineError(
            f"'{arguments.cross_validation}' holds no finished 'fold-0'; give the folder of 'spine train "
            "segmentation --fold all'."
        )
    return [find_bundle(first)]  # The folds differ in their weights only.


def _label(bundles: list) -> str:
    targets = sorted({bundle.card.target for bundle in bundles})
    if len(targets) > 1:
        raise SpineError(f"The models segment different things, {' and '.join(targets)}; evaluate them one by one.")
    return "necrosis" if targets == ["necrosis"] else "lesion"
