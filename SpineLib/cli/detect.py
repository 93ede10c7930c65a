"""``spine detect``: places suspicious of metastasis on one MR volume, or lesions on a CT."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from SpineLib.cli import detect_ct
from SpineLib.cli.choosing import first_model
from SpineLib.cli.numbers import add_numbers
from SpineLib.cli.options import add_device
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cli.telling import closing, made_by, table
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.models import find_bundle
from SpineLib.progress import part

#: Options of MR alone: what the argument parser calls them, and its own value of each.
_MR_ONLY = {
    "likelihood": None,
    "smallest_area": None,
    "no_aggregation": False,
    "no_mirror": False,
    "share": None,
    "step": 1,
    "anyway": False,
    "lowest": "",
}
_CT_ONLY = {"mask": None, "csv": None}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine detect``."""
    parser.add_argument(
        "--task",
        choices=("metastasis", "ct-lesion"),
        default="metastasis",
        help="metastases on MR, or lesions of the spine on CT (default: metastasis)",
    )
    parser.add_argument(
        "--image",
        type=Path,
        required=True,
        metavar="IMAGE",
        help="a volume of the model's sequence (STIR, CT), or a folder of DICOM files (FOLDER#3: series 3)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="JSON", help="candidates, notes, provenance"
    )
    parser.add_argument(
        "--likelihood", type=Path, metavar="FILE", help="also write the likelihood, on the image's grid"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    choices = parser.add_argument_group("how")
    choices.add_argument("--model", help="model id or folder (default: the first that detects)")
    choices.add_argument(
        "--threshold", type=float, help="likelihood that makes a pixel suspicious (default: the model's)"
    )
    choices.add_argument(
        "--smallest-area",
        type=float,
        metavar="CM2",
        help="drop regions smaller than this in their slice (default: the model's; the paper's is 5)",
    )
    choices.add_argument("--no-aggregation", action="store_true", help="do not average neighbouring slices")
    choices.add_argument(
        "--no-mirror",
        action="store_true",
        help="look at each slice once, not at its three mirror images as well: a third of the time",
    )
    choices.add_argument(
        "--anywhere",
        action="store_true",
        help="keep also what does not lie in the vertebral column (MR) or touches no vertebra (CT, with --vertebrae)",
    )
    choices.add_argument(
        "--anyway",
        action="store_true",
        help="use a scan that the models were not made for: not sagittal, no spine on it, another sequence (MR)",
    )
    choices.add_argument(
        "--lowest",
        default="",
        metavar="LEVEL",
        help="level of the lowest vertebra above the sacrum that is seen, e.g. L4 (MR; default: told by the sacrum)",
    )
    choices.add_argument(
        "--share",
        type=float,
        help="of the slice, antero-posteriorly, in its middle, that is looked at (default: where the "
        "vertebral column lies; with --anywhere 0.5)",
    )
    choices.add_argument(
        "--vertebrae",
        type=Path,
        metavar="LABELS",
        help="labelled vertebrae that say where the column is; other labels are left out (default on MR: searched for)",
    )
    add_numbers(choices)
    choices.add_argument(
        "--step",
        type=int,
        default=1,
        choices=(1, 2, 4, 8),
        metavar="MM",
        help="distance of the places looked at: 1, 2, 4 or 8; what lies between is interpolated (default: 1)",
    )
    add_device(choices)
    detect_ct.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Detect; returns 0."""
    other = _MR_ONLY if args.task == "ct-lesion" else _CT_ONLY
    wrong = [name for name, value in other.items() if getattr(args, name) != value]
    if wrong:
        raise SpineError(f"--{wrong[0].replace('_', '-')} means nothing with --task {args.task}; leave it out.")
    if args.numbers and args.vertebrae is None:
        raise SpineError("--numbers says how the vertebrae of a file are numbered; give that with --vertebrae.")
    if args.task == "ct-lesion":
        return detect_ct.run(args)
    from SpineLib.cli.outputs import all_or_none, check_image_kind, check_outputs
    from SpineLib.tasks.ct.numbering import read_vertebrae
    from SpineLib.tasks.detection.detect import DetectSettings, detect
    from SpineLib.volume import read_volume, write_volume
    from SpineLib.volume.files import write_text

    if args.vertebrae is not None and args.anywhere:
        raise SpineError("--vertebrae says where the column is, and --anywhere asks to leave it; give one of them.")
    if args.lowest and args.anywhere:
        raise SpineError("--lowest names vertebrae, and with --anywhere none are looked for; give one of them.")
    check_image_kind(args.likelihood)
    check_outputs((args.output, args.likelihood), (args.image, args.vertebrae), args.overwrite)
    settings = DetectSettings(
        threshold=args.threshold,
        smallest_area_cm2=args.smallest_area,
        aggregate=not args.no_aggregation,
        mirror=not args.no_mirror,
        share=args.share,
        column=not args.anywhere,
        anyway=args.anyway,
        lowest=args.lowest,
        step_mm=args.step,
        device=args.device,
        precision=args.precision,
    )
    bundle = find_bundle(args.model or first_model("metastasis-detection", "detects metastases"))
    with ProgressBar() as progress:
        progress(0.0, "Reading")
        image = read_volume(args.image, bundle.card.inputs[0])
        labels, notes = read_vertebrae(args.vertebrae, args.numbers) if args.vertebrae is not None else (None, [])
        found = detect(image, bundle, settings, part(progress, 0.02, 0.97), labels)
        found = replace(found, notes=notes + found.notes)
        progress(0.97, "Writing")
        report = {
            "candidates": [one.to_dict() for one in found.candidates],
            "notes": found.notes,
            "provenance": found.provenance,
        }
        with all_or_none(args.output, args.likelihood) as (output, likelihood):
            if likelihood is not None:
                write_volume(found.likelihood, likelihood)
            assert output is not None
            write_text(output, json_text(report))
        progress(1.0, "Done")
    print(*summary(found), sep="\n")
    return 0


def summary(found) -> list[str]:
    """What was found, in lines for a terminal."""
    rows = []
    for one in found.candidates:
        figures = [f"{one.probability:.2f}", f"{one.area_cm2:.2f}", f"{one.volume_ml:.2f}"]
        slices = str(len({region.slice for region in one.slices}))
        rows.append([str(one.id), one.level or "–", *figures, slices, *(f"{value:.1f}" for value in one.centre_ras_mm)])
    count, threshold = len(found.candidates), found.provenance["parameters"]["threshold"]
    heads = ["Candidate", "Level", "Likelihood", "Area (cm²)", "Volume (ml)", "Slices", "R (mm)", "A (mm)", "S (mm)"]
    return [
        f"{count} candidate{'' if count == 1 else 's'} from likelihood {threshold:g} on ({made_by(found.provenance)})",
        *table(heads, rows),
        *closing(found.notes, found.provenance),
    ]
