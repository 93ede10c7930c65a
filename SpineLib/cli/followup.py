"""``spine followup``: before and after an ablation, from the scans to verdict, margin and report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from SpineLib.cli.batch import add_cluster
from SpineLib.cli.dicom_output import add_dicom, dicom_folder
from SpineLib.cli.entities import add_entities, wanted_entities
from SpineLib.cli.followup_case import Scans, check_order, output_folder, run_case
from SpineLib.cli.followup_folder import follow_up_folder
from SpineLib.cli.options import add_device, add_patient_checks
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cohort.layout import AFTER, BEFORE, SESSIONS
from SpineLib.errors import SpineError
from SpineLib.sequences import SEQUENCES
from SpineLib.tasks.followup.required import REQUIRED_MARGIN_MM


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine followup``."""
    scans = parser.add_argument_group(
        "one patient: image files, or folders of DICOM files (FOLDER#3: series 3 of several)"
    )
    for when in SESSIONS:
        for option, name in _scans(when).items():
            scans.add_argument(
                f"--{option.replace('_', '-')}",
                type=Path,
                metavar="IMAGE",
                help=f"the {name} volume from {when} the ablation",
            )
    scans.add_argument(
        "--metastasis",
        type=Path,
        metavar="MASK",
        help="the metastases before, one label each or one mask (default: a model segments them)",
    )
    scans.add_argument(
        "--necrosis", type=Path, metavar="MASK", help="the necrosis after (default: a model segments it)"
    )
    scans.add_argument(
        "--transform",
        type=Path,
        metavar="TFM",
        help="ITK transform from before to after, as 'spine register' writes, with its error beside it (default: "
        "registered around each treated metastasis)",
    )
    scans.add_argument(
        "--canal",
        type=Path,
        metavar="MASK",
        help="the spinal canal before: how near metastasis and necrosis come to it (default: the model of the column "
        "looks for it)",
    )
    scans.add_argument("--no-canal", action="store_true", help="do not look for the spinal canal; saves some seconds")
    batch = parser.add_argument_group("many patients")
    batch.add_argument(
        "--bids",
        type=Path,
        metavar="FOLDER",
        help="a folder of sub-*/ses-before/anat and sub-*/ses-after/anat; each patient gets a folder in "
        "OUTPUT, and those that are there already are kept",
    )
    batch.add_argument(
        "--labels", action="store_true", help="with --bids: take the masks of derivatives/labels instead of segmenting"
    )
    add_cluster(batch)
    add_entities(parser)
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="a folder for all results")
    output.add_argument("--overwrite", action="store_true", help="replace results that exist")
    output.add_argument(
        "--include-patient",
        action="store_true",
        help="show name, ID and dates of the DICOM series in the report (default: no patient data)",
    )
    add_dicom(output, "both segmentations", "the scans")
    choices = parser.add_argument_group("how")
    choices.add_argument(
        "--metastasis-model",
        metavar="MODEL",
        help="model id or folder (default: the one that uses most of the scans, 2D first)",
    )
    choices.add_argument("--necrosis-model", metavar="MODEL", help="likewise")
    choices.add_argument(
        "--margin",
        type=float,
        default=REQUIRED_MARGIN_MM,
        metavar="MM",
        help=f"margin to be reached by the necrosis; 0: covered is enough (default: {REQUIRED_MARGIN_MM:g})",
    )
    choices.add_argument(
        "--lowest",
        default="",
        metavar="LEVEL",
        help="level of the lowest vertebra above the sacrum that is seen before, e.g. L4 (default: told by the sacrum)",
    )
    choices.add_argument("--lowest-after", default="", metavar="LEVEL", help="likewise, on the scan after")
    choices.add_argument("--anywhere", action="store_true", help="keep also what a model marks beside the vertebrae")
    choices.add_argument(
        "--anyway",
        action="store_true",
        help="use scans that the models were not made for: not sagittal, no spine on them, another sequence",
    )
    add_device(choices, precision=False)
    add_patient_checks(
        choices, "scans in the wrong order, by DICOM dates or by names, and ask on a terminal when neither tells"
    )


def run(args: argparse.Namespace) -> int:
    """Follow up; returns 0, or 1 when a case of a folder failed."""
    files = (*_scans(BEFORE), *_scans(AFTER), "metastasis", "necrosis", "transform", "canal")
    given = [name for name in files if getattr(args, name)]
    if args.bids is not None:
        if given or args.dicom:
            raise SpineError(
                "With --bids, leave out single scans, masks, --transform and --dicom: every case is "
                "read from its own folder."
            )
        return follow_up_folder(args)
    wanted_entities(args)
    if args.labels:
        raise SpineError("--labels takes the masks of a folder of patients; use it with --bids.")
    before = {name: getattr(args, option) for option, name in _scans(BEFORE).items() if getattr(args, option)}
    after = {name: getattr(args, option) for option, name in _scans(AFTER).items() if getattr(args, option)}
    if not before or not after:
        raise SpineError(
            "A follow-up needs a scan from before (--before-t1, --before-t2) and one from after "
            "(--after-cet1, --after-t2), or --bids for a folder of patients."
        )
    from SpineLib.volume.simulated import simulated_files

    args.simulated = simulated_files([*before.values(), *after.values()])
    scans = Scans(before, after, args.metastasis, args.necrosis, args.transform)
    order_notes = check_order(scans, args, ask=_ask if sys.stdin.isatty() else None)
    with (
        output_folder(args.output, args.overwrite) as folder,
        dicom_folder(args.dicom, args.overwrite) as dicom,
        ProgressBar() as progress,
    ):
        result = run_case(scans, args, folder, progress, order_notes, dicom)
    print(*result.lines, sep="\n")
    print(f"Open {args.output / 'report.html'}. Research use only.")
    return 0


def _scans(when: str) -> dict[str, str]:
    """Options of the scans from before or after and their sequences; after, those with contrast medium go first."""
    ordered = sorted(SEQUENCES.values(), key=lambda one: when == AFTER and not one.plain)
    return {f"{when}_{one.option}": one.name for one in ordered}


def _ask(question: str) -> bool:
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes", "j", "ja")
