"""``spine agree``: a segmentation beside a reference, all together and lesion by lesion."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLib.cli.outputs import check_outputs
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine agree``."""
    masks = parser.add_argument_group("masks: .seg.nrrd files (Slicer segmentations), labelmaps")
    masks.add_argument("--reference", type=Path, required=True, metavar="MASK", help="the truth, e.g. a reader's")
    masks.add_argument("--result", type=Path, required=True, metavar="MASK", help="what is judged")
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", type=Path, metavar="FILE", help="all figures as JSON")
    output.add_argument("--csv", type=Path, metavar="FILE", help="the figures as a table, one line a lesion")
    output.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(args: argparse.Namespace) -> int:
    """Compare; returns 0."""
    check_outputs((args.output, args.csv), (args.reference, args.result), args.overwrite)
    from SpineLib import NOTICE
    from SpineLib.cli.telling import table
    from SpineLib.csv_text import csv_of_dicts
    from SpineLib.json_text import json_text
    from SpineLib.metrics.agreement import AGREEMENT_MEASURES
    from SpineLib.tasks.segmentation.agreement import agreement, words
    from SpineLib.volume.files import write_text

    with ProgressBar() as progress:
        progress(0.0, "Reading")
        reference, result = _lesions(args.reference, "reference"), _lesions(args.result, "result")
        rows = agreement(reference, result, progress)
        if args.output is not None:
            write_text(args.output, json_text({"rows": [row.to_dict() for row in rows], "notice": NOTICE}))
        if args.csv is not None:
            lines = [
                {"reference": row.reference, "result": row.result, "remark": row.remark}
                | {key: one.written(row.values[key]) for key, one in AGREEMENT_MEASURES.items()}
                for row in rows
            ]
            write_text(args.csv, csv_of_dicts(lines))
        progress(1.0, "Done")
    heads = ["Reference", "Result", *(one.heading for one in AGREEMENT_MEASURES.values())]
    shown = [
        [row.reference or "–", row.result or "–"]
        + [one.shown(row.values[key]) for key, one in AGREEMENT_MEASURES.items()]
        for row in rows
    ]
    print(*table(heads, shown, left=(0, 1)), f"{words(rows)}. {NOTICE}.", sep="\n")
    return 0


def _lesions(path: Path, name: str):
    """Name and mask of each lesion: the segments or labels of a file, or the pieces of the only one."""
    from SpineLib.tasks.followup.follow_up import mark
    from SpineLib.volume.segments import read_segments

    grid, segments = read_segments(path, name)
    if len(segments) > 1:
        return [(one.info.name, one.mask) for one in segments]
    if not segments:
        return [("nothing", grid)]
    marked = mark(segments[0].mask)
    if len(marked.lesions) > 100:
        raise SpineError(f"The {name} file falls into {len(marked.lesions)} pieces; give one label a lesion.")
    return [(str(one.id), marked.only(one.id)) for one in marked.lesions]
