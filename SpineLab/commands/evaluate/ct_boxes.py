"""``spine evaluate ct-boxes``: a detector on CTs of real patients whose lesions are known by boxes."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLab.commands.telling import tell
from SpineLib.cli.options import add_device
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.json_text import json_text

HELP = "a detector on CTs of real patients whose lesions are known by boxes"
_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--boxes", required=True, type=Path, metavar="CSV", help="boxes as BLDS has them, beside its CTs"
    )
    parser.add_argument("--model", required=True, help="id or folder of the detector")
    parser.add_argument(
        "--healthy",
        nargs="+",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a CT without known lesions, and its vertebrae where these are to be searched alone; several are possible",
    )
    add_device(parser)
    parser.add_argument("--threads", type=int, help="threads that compute (default: all cores)")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for all that was found")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.ct_boxes import evaluate_boxes, read_boxes, table
    from SpineLab.evaluation.ct_lesions import find_ct_detector
    from SpineLib.tasks.ct.numbering import read_vertebrae
    from SpineLib.volume import read_volume
    from SpineLib.volume.files import write_text

    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    bundle = find_ct_detector(arguments.model)
    healthy = {
        f"{number} ({files[0].name.split('.')[0]})": (
            read_volume(files[0], "CT"),
            read_vertebrae(files[1])[0] if len(files) > 1 else None,
        )
        for number, files in enumerate(arguments.healthy, start=1)
    }
    with ProgressBar() as bar:
        results, empty = evaluate_boxes(
            read_boxes(arguments.boxes), arguments.boxes.parent, healthy, bundle, _THRESHOLDS[0], arguments.device, bar
        )
    rows = [{"name": one.name, "best": one.best, "false": one.false} for one in (*results, *empty)]
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_text(
        arguments.output / "boxes.json",
        json_text({"model": bundle.card.id, "sha256": bundle.card.sha256, "cases": rows}),
    )
    tell(table(results, empty, _THRESHOLDS), arguments)
    return 0
