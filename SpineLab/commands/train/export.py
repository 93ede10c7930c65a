"""``spine train export``: a training's best weights so far as a model."""

from __future__ import annotations

import argparse
import json
from inspect import signature
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.models import save_bundle

HELP = "write a training's best weights so far as a model"
#: Options of ``export`` that only some tasks have, by the name that the task's function ``export`` gives them.
_SPECIAL = {
    "threshold": "threshold",
    "smallest_lesion_ml": "smallest-lesion-ml",
    "smoothing_mm": "smoothing-mm",
    "calibration": "calibration",
    "last": "last",
    "way": "way",
    "smallest_area_cm2": "smallest-area",
    "average": "average",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--run", required=True, type=Path, help="folder of the training; it may still be running")
    parser.add_argument("--to", required=True, type=Path, help="folder of the model; its name is the model's id")
    parser.add_argument(
        "--last",
        action="store_true",
        help="of a segmentation: the latest weights, not those best on the few held-out cases",
    )
    parser.add_argument(
        "--way",
        type=float,
        metavar="SHARE",
        help="of a segmentation: weights that are this part of the way from the model it started from to the trained "
        "ones: they gain most of what is new and forget little",
    )
    parser.add_argument("--title", default="", help="for people")
    parser.add_argument("--version", default="1")
    parser.add_argument("--threshold", type=float, help="probability from which a voxel is lesion")
    parser.add_argument(
        "--smallest-lesion-ml", type=float, help="of a segmentation: lesions below this are dropped by default"
    )
    parser.add_argument(
        "--smoothing-mm",
        type=float,
        default=0.0,
        metavar="SIGMA",
        help="of a segmentation: smooth probabilities across the slices before the threshold",
    )
    parser.add_argument(
        "--calibration",
        type=_slope_and_shift,
        metavar="SLOPE,SHIFT",
        help="of a segmentation: of the logit, as 'spine evaluate calibration' finds them",
    )
    parser.add_argument(
        "--smallest-area",
        dest="smallest_area_cm2",
        type=float,
        metavar="CM2",
        help="of a detector: regions below this in a slice are dropped by default",
    )
    parser.add_argument(
        "--average",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="of a detector: a further training from the same start with another seed; the mean of all "
        "weights is written; may be given several times",
    )
    parser.add_argument(
        "--compact",
        action="store_true",
        help="store weights in eight bits with a scale for each output channel, half as large",
    )
    parser.add_argument(
        "--figures",
        type=Path,
        action="append",
        default=[],
        help="JSON file of figures for the card, under the file's name; may be given several times",
    )
    parser.add_argument(
        "--notes",
        type=Path,
        action="append",
        default=[],
        help="Markdown file to end the card's text with; may be given several times",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training.export import Labels, exporter

    try:
        figures = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in arguments.figures}
        notes = "\n\n".join(path.read_text(encoding="utf-8").strip() for path in arguments.notes)
    except (OSError, ValueError) as error:
        raise SpineError(f"The figures or notes cannot be read: {error}.") from error
    if arguments.way is not None and not 0 < arguments.way <= 1:
        raise SpineError(f"--way is {arguments.way:g}; give a share above 0 and up to 1.")
    export = exporter(arguments.run)
    labels = Labels(title=arguments.title, version=arguments.version, figures=figures, notes=notes)
    given = {name: value for name in _SPECIAL if (value := getattr(arguments, name)) not in (None, False, 0.0, [])}
    unused = [f"--{_SPECIAL[name]}" for name in given if name not in signature(export).parameters]
    if unused:
        raise SpineError(f"{', '.join(unused)} does not go with the training in '{arguments.run}'; leave it out.")
    bundle = export(arguments.run, arguments.to, labels, **given)
    if arguments.compact:
        bundle = save_bundle(bundle.folder, bundle.network(), bundle.card, compact=True)
    print(f"{bundle.folder}: {bundle.card.title}, SHA-256 {bundle.card.sha256}")
    return 0


def _slope_and_shift(text: str) -> tuple[float, float]:
    slope, shift = (float(part) for part in text.split(","))
    return slope, shift
