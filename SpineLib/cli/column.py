"""``spine column``: vertebrae, sacrum, discs and canal of one MR, each vertebra with its level."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLib.cli.options import add_device
from SpineLib.cli.outputs import all_or_none, check_image_kind, check_outputs
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cli.telling import closing, made_by, table
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.progress import part
from SpineLib.sequences import SEQUENCES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine column``."""
    parser.add_argument(
        "--image", type=Path, required=True, metavar="IMAGE", help="the MR: a file, or a folder of DICOM files"
    )
    parser.add_argument(
        "--sequence", choices=tuple(SEQUENCES), default="T2", help="what it shows (default T2); all are looked at alike"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="vertebrae and sacrum: a .seg.nrrd (a Slicer segmentation) or a labelmap with VerSe's numbers",
    )
    parser.add_argument(
        "--parts",
        type=Path,
        metavar="FILE",
        help="also write the parts as a labelmap: 1 body, 2 arch, 3 sacrum, 4 disc, 5 canal, 6 other bone",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write vertebrae, notes and provenance")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    choices = parser.add_argument_group("how")
    choices.add_argument("--model", help="model id or folder (default: the installed one)")
    choices.add_argument(
        "--lowest",
        default="",
        metavar="LEVEL",
        help="level of the lowest vertebra above the sacrum that is seen, e.g. L4 (default: told by the sacrum)",
    )
    choices.add_argument("--anyway", action="store_true", help="use a scan without sagittal slices, too")
    add_device(choices)


def run(args: argparse.Namespace) -> int:
    """Find the column; returns 0."""
    from time import perf_counter

    from SpineLib.models import find_bundle
    from SpineLib.tasks.column.fitness import plane_doubt, refuse, spine_doubt
    from SpineLib.tasks.column.mr import column_model, column_on_mr
    from SpineLib.tasks.provenance import provenance
    from SpineLib.volume import check_image, read_volume, write_volume
    from SpineLib.volume.files import write_text
    from SpineLib.volume.told import reading_notes

    started = perf_counter()
    for path in (args.output, args.parts):
        check_image_kind(path, segmentation=path is args.output)
    check_outputs((args.output, args.parts, args.json), (args.image,), args.overwrite)
    bundle = find_bundle(args.model) if args.model else column_model(args.sequence)
    if bundle is None:
        raise SpineError("No model of the column on MR is installed; import one with 'spine models import'.")
    with ProgressBar() as progress:
        progress(0.0, "Reading")
        image = read_volume(args.image, args.sequence)
        check_image(image, args.sequence)
        notes = reading_notes(image) + refuse(plane_doubt(image, args.sequence), args.anyway)
        found = column_on_mr(
            image,
            bundle,
            args.lowest,
            device=args.device,
            precision=args.precision,
            progress=part(progress, 0.02, 0.97),
        )
        notes += refuse(spine_doubt(len(found.column.members), args.sequence), args.anyway)
        made = provenance(
            "column",
            started,
            {"lowest": args.lowest},
            libraries=("numpy", "scipy", "torch"),
            card=bundle.card,
            device=found.column.device,
            precision=found.column.precision,
            inputs=[args.sequence],
            levels=found.by["levels"],
            confidence=found.by["confidence"],
        )
        notes += found.notes
        rows = _rows(found)
        progress(0.97, "Writing")
        with all_or_none(args.output, args.parts, args.json) as (vertebrae, parts, report):
            if parts is not None:
                write_volume(found.column.partmap(), parts)
            if report is not None:
                write_text(report, json_text({"vertebrae": rows, "notes": notes, "provenance": made}))
            assert vertebrae is not None
            _write(found.vertebrae, rows, vertebrae, made)
        progress(1.0, "Done")
    lines = [[str(one["label"]), one["name"], f"{one['volume_ml']:.1f}", f"{one['agreement']:.2f}"] for one in rows]
    print(f"{len(rows)} vertebrae ({made_by(made)})")
    print(*table(["Label", "Name", "Volume (ml)", "Agreement"], lines, left=(1,)), sep="\n")
    print(*closing(notes, made), sep="\n")
    return 0


def _rows(found) -> list[dict]:
    """One a vertebra, from cranial to caudal, JSON-able."""
    from SpineLib.volume.places import ras_lps

    column = found.column
    return [
        {
            "label": int(number),
            "name": name,
            "volume_ml": round(one.body_ml + one.arch_ml, 2),
            "centre_ras_mm": [round(float(value), 1) for value in ras_lps(column.grid.lps(one.centre_mm))],
            "agreement": round(one.agreement, 3),
        }
        for number, name, one in zip(column.levels.numbers, column.levels.names, column.members)
    ]


def _write(vertebrae, rows: list[dict], path: Path, made: dict) -> None:
    from SpineLib.tasks.ct.vertebra_naming import vertebra_colour, vertebra_terminology
    from SpineLib.tasks.segmentation.naming import PROVENANCE, provenance_text
    from SpineLib.volume import SegmentInfo, write_segmentation, write_volume
    from SpineLib.volume.levels import VERSE_NUMBERS

    if not path.name.lower().endswith(".seg.nrrd"):
        write_volume(vertebrae, path)
        return
    names = {row["label"]: row["name"] for row in rows}
    if (vertebrae.array == VERSE_NUMBERS["S"]).any():
        names[VERSE_NUMBERS["S"]] = "S"
    tags = {PROVENANCE: provenance_text(made)}
    segments = [
        SegmentInfo(number, name, vertebra_colour(number), vertebra_terminology(name), tags)
        for number, name in names.items()
    ]
    write_segmentation(path, vertebrae, segments)
