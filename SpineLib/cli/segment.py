"""``spine segment``: metastases, necrosis after ablation, or the vertebrae of a CT; of one patient or of a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLib.cli import segment_vertebrae
from SpineLib.cli.batch import add_cluster
from SpineLib.cli.choosing import TASKS, segment_files
from SpineLib.cli.dicom_output import add_dicom, check_series, dicom_folder
from SpineLib.cli.entities import add_entities, wanted_entities
from SpineLib.cli.numbers import add_numbers
from SpineLib.cli.options import add_device
from SpineLib.cli.outputs import all_or_none, check_image_kind, check_outputs
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cli.segment_folder import segment_folder
from SpineLib.cli.telling import closing, made_by, table
from SpineLib.errors import SpineError
from SpineLib.metrics.lesion import LESION_MEASURES
from SpineLib.progress import part
from SpineLib.sequences import SEQUENCES
from SpineLib.words import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine segment``."""
    inputs = parser.add_argument_group(
        "one patient: image files, or folders of DICOM files (FOLDER#3: series 3 of several)"
    )
    for name, sequence in SEQUENCES.items():
        inputs.add_argument(f"--{sequence.option}", type=Path, metavar="IMAGE", help=f"the {name} volume")
    batch = parser.add_argument_group("many patients")
    batch.add_argument(
        "--bids",
        type=Path,
        metavar="FOLDER",
        help="a folder of sub-*/anat/*_T1w, *_T2w ... (or sub-*/ses-*/anat); results go into the folder "
        "OUTPUT, and those that are there already are kept",
    )
    batch.add_argument(
        "--session",
        metavar="NAME",
        help="only this session of each patient, e.g. after (default: all; for necrosis 'after', where "
        "a patient has one)",
    )
    add_cluster(batch)
    add_entities(parser)
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="a .seg.nrrd (a Slicer segmentation) or a labelmap (.nii.gz, .nrrd, .mha); with --bids a folder",
    )
    output.add_argument("--probability", type=Path, metavar="FILE", help="also write the probability")
    output.add_argument("--json", type=Path, metavar="FILE", help="also write lesions, notes and provenance")
    output.add_argument("--csv", type=Path, metavar="FILE", help="also write the table of lesions")
    add_dicom(output, "the segmentation", "the images")
    output.add_argument("--overwrite", action="store_true", help="replace files that exist")
    choices = parser.add_argument_group("how")
    choices.add_argument(
        "--task", choices=(*TASKS, "vertebrae"), help="what to segment (default: metastasis, or what --model is for)"
    )
    choices.add_argument("--model", help="model id or folder (default: the one that uses most of the inputs, 2D first)")
    choices.add_argument("--threshold", type=float, help="probability that marks a voxel (default: the model's)")
    choices.add_argument("--smallest-lesion", type=float, metavar="ML", help="drop smaller ones (default: the model's)")
    choices.add_argument(
        "--reference",
        choices=tuple(SEQUENCES),
        help="whose grid the result has (default: T1's, else that of the model's first input)",
    )
    choices.add_argument(
        "--vertebrae",
        type=Path,
        metavar="LABELS",
        help="labelled vertebrae that give each lesion its level; lesions that touch none are dropped (default: found "
        "by the model of the column); with --bids a pattern within the folder, e.g. "
        "derivatives/spine/{subject}/{case}*_vertebrae.nii.gz",
    )
    add_numbers(choices)
    choices.add_argument(
        "--lowest",
        default="",
        metavar="LEVEL",
        help="level of the lowest vertebra above the sacrum that is seen, e.g. L4 (default: told by the sacrum)",
    )
    choices.add_argument("--anywhere", action="store_true", help="keep also lesions that touch no vertebra")
    choices.add_argument(
        "--anyway",
        action="store_true",
        help="use a scan that the models were not made for: not sagittal, no spine on it, another sequence",
    )
    add_device(choices)
    segment_vertebrae.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Segment; returns 0, or 1 when a case of a folder failed."""
    if args.numbers and args.vertebrae is None:
        raise SpineError("--numbers says how the vertebrae of a file are numbered; give that with --vertebrae.")
    if segment_vertebrae.is_meant(args):
        check_outputs(_outputs(args), [args.ct], args.overwrite)
        _check_kinds(args)
        return segment_vertebrae.run(args)
    given = {name: path for name, one in SEQUENCES.items() if (path := getattr(args, one.option)) is not None}
    if args.bids is not None:
        if given or args.probability or args.json or args.csv or args.dicom:
            raise SpineError(
                "With --bids, leave out single images, --probability, --json, --csv and --dicom: each case gets its "
                "own files."
            )
        return segment_folder(args)
    wanted_entities(args)
    if args.session:
        raise SpineError("--session chooses among the patients of a folder; use it with --bids.")
    if not given:
        options = " or ".join(f"--{one.option}" for one in SEQUENCES.values())
        raise SpineError(f"No image was given; use {options}, or --bids for a folder of patients.")
    check_outputs(_outputs(args), [*given.values(), args.vertebrae], args.overwrite)
    _check_kinds(args)
    if args.dicom is not None:
        check_series(given.values())

    with dicom_folder(args.dicom, args.overwrite) as dicom, ProgressBar() as progress:
        result = segment_files(given, args, part(progress, 0.0, 0.97), args.vertebrae)
        progress(0.97, "Writing")
        if dicom is not None:
            result.notes.extend(_write_dicom(result, given, dicom))
        _write(result, args)
        progress(1.0, "Done")
    print(*summary(result), sep="\n")
    return 0


def _outputs(args: argparse.Namespace) -> tuple[Path | None, ...]:
    return args.output, args.probability, args.json, args.csv


def _check_kinds(args: argparse.Namespace) -> None:
    for path in (args.output, args.probability):
        check_image_kind(path, segmentation=True)


def _write(result, args: argparse.Namespace) -> None:
    from SpineLib.tasks.segmentation.output import write_report, write_result, write_table
    from SpineLib.volume import write_volume

    with all_or_none(*_outputs(args)) as (mask, probability, report, rows):
        if probability is not None:
            write_volume(result.probability, probability)
        if rows is not None:
            write_table(result.lesions, rows, result.provenance)
        if report is not None:
            write_report(result, report)
        assert mask is not None
        write_result(result, mask)


def _write_dicom(result, given: dict[str, Path], folder: Path) -> list[str]:
    """What goes to the archive, on the series of the image whose grid the result has; sentences for the user."""
    from SpineLib.reports.dicom_objects import Marked
    from SpineLib.reports.lesions_archive import Examination, write_lesions
    from SpineLib.tasks.segmentation.naming import target_of
    from SpineLib.tasks.segmentation.output import lesion_segments
    from SpineLib.volume import read_volume
    from SpineLib.volume.dicom_seg import SegAlgorithm

    made, target = result.provenance, target_of(result.provenance)
    order = sorted(made["inputs"], key=lambda name: name != made["reference"])
    marked = Marked(
        target.many,
        result.labels,
        lesion_segments(result.lesions, target),
        {lesion.id: lesion for lesion in result.lesions},
        given[made["reference"]],
        SegAlgorithm(made["model"]["id"], made["model"]["version"]),
    )
    images = {name: read_volume(given[name], name) for name in order}
    return write_lesions(folder, marked, Examination(images, target, made))[1]


def summary(result) -> list[str]:
    """What was found, in lines for a terminal."""
    from SpineLib.tasks.segmentation.naming import target_of

    target, measures = target_of(result.provenance), LESION_MEASURES.values()
    total = sum(lesion.volume_ml for lesion in result.lesions)
    found = counted(len(result.lesions), target.one.lower(), target.many)
    return [
        f"{found}, {total:.2f} ml in all ({made_by(result.provenance)})",
        *table(
            [target.one, "Level", *(one.heading for one in measures)],
            [
                [str(lesion.id), lesion.level or "–", *(one.shown(one.of(lesion)) for one in measures)]
                for lesion in result.lesions
            ],
        ),
        *closing(result.notes, result.provenance),
    ]
