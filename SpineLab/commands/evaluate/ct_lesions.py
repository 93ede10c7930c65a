"""``spine evaluate ct-lesions``: average precision and speed of a detector on CT, beside the paper's; of a model that
marks lesions how many are found, and how many marks are false."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from SpineLab.commands.telling import tell
from SpineLib.cli.options import add_device
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.errors import SpineError

HELP = "average precision and speed of a detector of lesions on CT, or lesions found and false marks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--cohort", required=True, type=Path, help="folder of CTs with lesion masks, or DeepLesion's")
    parser.add_argument("--kinds", help="of DeepLesion: kinds of lesions, e.g. bone (default: all)")
    parser.add_argument(
        "--only", type=Path, metavar="FILE", help="of DeepLesion: text file with the key slices to take, a name a line"
    )
    parser.add_argument(
        "--as-given",
        action="store_true",
        help="of DeepLesion: each slice through its own window, and the data set's own boxes, as in the paper",
    )
    parser.add_argument("--model", required=True, help="id or folder of the detector")
    parser.add_argument("--cases", type=int, help="only the first so many cases")
    parser.add_argument("--threshold", type=float, help="probability from which a lesion counts (default: the model's)")
    parser.add_argument(
        "--around-vertebrae",
        action="store_true",
        help="look around the true vertebrae only, as after a segmentation (default: whole slices; a model that "
        "compares vertebrae finds them first)",
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
    from SpineLab.evaluation.ct_lesions import evaluate_ct_lesions, find_ct_detector
    from SpineLab.reports.ct_lesions import figures, markdown, write_ct_lesions
    from SpineLab.training.ct_lesions.key_slices import is_deeplesion
    from SpineLib.tasks.ct.lesions import CtLesionSettings, detect_ct_lesions
    from SpineLib.volume import read_volume

    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    bundle = find_ct_detector(arguments.model)
    by_slices = bundle.card.network["type"] == "faster-rcnn"
    if is_deeplesion(arguments.cohort) and not by_slices:
        raise SpineError(
            f"The model '{bundle.card.id}' needs whole CTs, and DeepLesion's key slices are none; choose a "
            "Faster R-CNN."
        )
    if is_deeplesion(arguments.cohort):
        return _deeplesion(arguments, bundle)
    cases = read_ct_cohort(arguments.cohort)[: arguments.cases]
    scans = {f"{number}, {path.name}": read_volume(path, "CT") for number, path in enumerate(arguments.healthy, 1)}
    settings = CtLesionSettings(threshold=arguments.threshold, device=arguments.device, precision=arguments.precision)
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpineError("The output folder cannot be made; choose one where you may write.") from error
    if not by_slices:
        return _marked(arguments, bundle, cases, settings, scans)
    with ProgressBar() as bar:
        evaluation = evaluate_ct_lesions(cases, bundle, settings, bar, around_vertebrae=arguments.around_vertebrae)
        healthy = {name: detect_ct_lesions(scan, bundle, settings).lesions for name, scan in scans.items()}
    evaluation = replace(evaluation, healthy=healthy)
    told = figures(evaluation)
    paths = write_ct_lesions(evaluation, told, arguments.output)
    tell(markdown(told), arguments)
    print("Written:", ", ".join(str(path) for path in paths))
    return 0


def _marked(arguments: argparse.Namespace, bundle, cases, settings, scans) -> int:
    """The same of a model that marks lesions."""
    import json

    import numpy as np

    from SpineLab.evaluation.ct_boxes import compared
    from SpineLab.evaluation.ct_marked import evaluate_marked, figures, markdown
    from SpineLib.tasks.ct.lesions import detect_ct_lesions
    from SpineLib.volume.files import write_text

    with ProgressBar() as bar:
        evaluation = evaluate_marked(cases, bundle, settings, bar, given=arguments.around_vertebrae)
        none = np.zeros((0, 2, 3))
        healthy = [
            compared(name, none, detect_ct_lesions(scan, bundle, settings, bar).lesions) for name, scan in scans.items()
        ]
    told = figures(replace(evaluation, healthy=healthy))
    write_text(arguments.output / "ct-lesions.json", json.dumps(told, indent=1) + "\n")
    write_text(arguments.output / "ct-lesions.md", markdown(told))
    tell(markdown(told), arguments)
    return 0


def _deeplesion(arguments: argparse.Namespace, bundle) -> int:
    """The same of key slices."""
    import json

    from SpineLab.evaluation.deeplesion import evaluate_key_slices, figures, markdown
    from SpineLab.training.ct_lesions.key_slices import chosen_images
    from SpineLib.tasks.ct.lesions import CtLesionSettings
    from SpineLib.volume.files import write_text

    kinds = arguments.kinds.split(",") if arguments.kinds else None
    images = chosen_images(arguments.cohort, kinds, arguments.only)[: arguments.cases]
    settings = CtLesionSettings(threshold=arguments.threshold, device=arguments.device, precision=arguments.precision)
    with ProgressBar() as bar:
        told = figures(evaluate_key_slices(images, bundle, settings, bar, as_given=arguments.as_given))
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_text(arguments.output / "deeplesion.json", json.dumps(told, indent=1) + "\n")
    write_text(arguments.output / "deeplesion.md", markdown(told))
    tell(markdown(told), arguments)
    return 0
