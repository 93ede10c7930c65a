"""``spine response``: two examinations without an ablation between them, lesion by lesion."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from SpineLib.cli.dicom_output import add_dicom, check_series, dicom_folder
from SpineLib.cli.options import add_patient_checks
from SpineLib.cli.outputs import check_outputs
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine response``."""
    masks = parser.add_argument_group("lesions: .seg.nrrd files (Slicer segmentations), labelmaps, masks")
    masks.add_argument("--earlier", type=Path, required=True, metavar="MASK", help="the lesions of the earlier one")
    masks.add_argument("--later", type=Path, required=True, metavar="MASK", help="the lesions of the later one")
    space = parser.add_argument_group("one space: both scans, or a transform, or neither")
    space.add_argument("--earlier-image", type=Path, metavar="IMAGE", help="the earlier scan, best of one sequence")
    space.add_argument(
        "--later-image", type=Path, metavar="IMAGE", help="the later scan; both are registered around each lesion"
    )
    space.add_argument(
        "--transform",
        type=Path,
        metavar="FILE",
        help="what 'spine register' wrote, with the earlier scan as the one before; its error lies beside it",
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--farthest",
        type=float,
        default=5.0,
        metavar="MM",
        help="a later lesion that overlaps none is the nearest one's if it lies no farther off (default: 5)",
    )
    add_patient_checks(how, "scans whose DICOM dates are in the wrong order")
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", type=Path, metavar="FILE", help="all figures as JSON")
    output.add_argument("--csv", type=Path, metavar="FILE", help="a line for each lesion")
    output.add_argument("--report", type=Path, metavar="FILE", help="a page that stands alone (.html)")
    add_dicom(output, "both segmentations", "both images", pictures=False)
    output.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(args: argparse.Namespace) -> int:
    """Compare; returns 0."""
    images = (args.earlier_image, args.later_image)
    if (images[0] is None) != (images[1] is None):
        raise SpineError("Give both scans, --earlier-image and --later-image, or neither.")
    if args.earlier.resolve() == args.later.resolve():
        raise SpineError("Both examinations are the same file: give the earlier one's lesions as --earlier.")
    if args.dicom is not None:
        if args.earlier_image is None:
            raise SpineError(
                "--dicom needs both scans: give --earlier-image and --later-image, folders of DICOM files."
            )
        check_series([args.earlier_image, args.later_image])
    inputs = (args.earlier, args.later, args.transform, *images)
    check_outputs((args.output, args.csv, args.report), inputs, args.overwrite)
    from SpineLib import NOTICE
    from SpineLib.cli.telling import closing, table
    from SpineLib.json_text import json_text
    from SpineLib.reports.followup_tables import plain_table
    from SpineLib.reports.response import COLUMNS, Examination, response_page, response_rows
    from SpineLib.tasks.response.checks import check_archive, check_examinations
    from SpineLib.tasks.response.examinations import compare_examinations
    from SpineLib.tasks.response.labels import read_lesions, read_rejected
    from SpineLib.tasks.response.response import ResponseSettings, response
    from SpineLib.volume import read_volume
    from SpineLib.volume.dicom_facts import read_dicom_facts
    from SpineLib.volume.files import write_text
    from SpineLib.volume.simulated import simulated_files

    settings, notes = ResponseSettings(args.farthest), []
    if args.earlier_image is not None:
        facts = read_dicom_facts(args.earlier_image), read_dicom_facts(args.later_image)
        notes += check_examinations(*facts, args.allow_different_patients, args.swap_check == "off")
        if args.dicom is not None:
            check_archive(args.earlier_image, args.later_image)
    with dicom_folder(args.dicom, args.overwrite) as dicom, ProgressBar() as progress:
        progress(0.0, "Reading")
        (earlier, one), (later, two) = read_lesions(args.earlier, "earlier"), read_lesions(args.later, "later")
        scans, error, trusted, matrix = None, None, True, None
        rejected = read_rejected(args.earlier, "earlier")
        if args.earlier_image is not None:
            scans = read_volume(args.earlier_image, "earlier scan"), read_volume(args.later_image, "later scan")
        if args.transform is not None:
            from SpineLib.tasks.registration.record import read_registration

            kept = read_registration(args.transform)
            matrix, error, trusted = kept.after_to_before, kept.error_mm, kept.trusted
            notes += kept.notes
        if scans is not None and matrix is None:
            result, _ = compare_examinations(scans, earlier, later, settings, progress, rejected)
        else:
            result = response(earlier, later, matrix, settings, progress, error, trusted, scans, rejected)
        result, notes = replace(result, notes=[*notes, *result.notes]), []
        shown = [
            Examination(f"{when} examination", image, labels)
            for when, image, labels in zip(("Earlier", "Later"), scans or (), (one, two))
        ]
        if dicom is not None:
            from SpineLib.reports.response_archive import Side, write_response

            sides = Side(one, earlier, args.earlier_image), Side(two, later, args.later_image)
            notes += write_response(dicom, result, *sides)[1]
        rows = response_rows(result)
        simulated = simulated_files([path for path in images if path is not None])
        if args.output is not None:
            write_text(args.output, json_text(result.to_dict() | {"simulated_data": simulated}))
        if args.csv is not None:
            write_text(args.csv, plain_table(rows).to_csv())
        if args.report is not None:
            response_page(args.report, result, shown, simulated=simulated)
        progress(1.0, "Done")
    lines = [[column.show(row.get(column.key)) for column in COLUMNS] for row in rows]
    print(*table([column.heading for column in COLUMNS], lines, left=(0, 1, 8, 9)), sep="\n")
    print(f"{result.to_dict()['overall_in_words']}: {result.reason}")
    print(*closing([*notes, *result.notes], result.provenance or {"notice": NOTICE}), sep="\n")
    return 0
