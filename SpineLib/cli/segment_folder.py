"""``spine segment --bids``: one patient after the other; a bad one does not stop the others."""

from __future__ import annotations

import argparse
from dataclasses import replace

from SpineLib.cli.choosing import chosen_target, segment_files
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.csv_text import csv_text
from SpineLib.words import counted

COLUMNS = ("case", "status", "lesions", "total_volume_ml", "largest_ml", "model", "message")


def segment_folder(args: argparse.Namespace) -> int:
    """Segment all cases of ``args.bids`` into ``args.output``; returns 1 when one failed, else 0.

    Each case leaves ``<case>_lesions.seg.nrrd``, ``_lesions.csv`` and, last, ``_report.json``: a case that has its
    report is done, and is skipped when the command runs again; lesions of a mask that was corrected since are measured
    again, and one whose images were changed since is told. ``summary.csv`` holds a line for each case. The files of
    necroses are called ``_necroses.seg.nrrd``, ``_necroses.csv``, ``_necroses_report.json``, ``summary_necroses.csv``.
    """
    from SpineLib.cli.batch import check_unchanged, each_case, make_output
    from SpineLib.cli.case_files import CaseFiles
    from SpineLib.cli.entities import check_choice, wanted_entities
    from SpineLib.cohort.images import choose_session, find_cases, single_images
    from SpineLib.tasks.segmentation.naming import TARGETS
    from SpineLib.volume.files import write_text

    task = chosen_target(args)
    target, kind = TARGETS[task], "" if task == "metastasis" else f"_{TARGETS[task].many}"
    wanted = wanted_entities(args)
    cases = choose_session(find_cases(args.bids), args.session, necrosis=task == "necrosis")
    make_output(args.output)

    def work(case: str, images: dict) -> dict:
        files = CaseFiles.of(args.output, case, target, kind)
        if not args.overwrite:
            files.take_up()
        done = None if args.overwrite else files.done()
        if done is not None:
            check_unchanged(files.report, (path for several in images.values() for path in several))
            if wanted:
                check_choice(single_images(images, wanted)[1], " ".join(done[0].get("notes", [])))
            return _facts(done[0]) | {"status": done[1]}
        paths, notes = single_images(images, wanted)
        with ProgressBar(case) as progress:
            result = segment_files(paths, args, progress)
        return _facts(files.write(replace(result, notes=notes + result.notes), paths.values())) | {"status": "done"}

    good, count = each_case(
        cases,
        work,
        lambda row: f"{counted(row['lesions'], target.one.lower(), target.many)}, {row['total_volume_ml']} ml",
        lambda rows: write_text(args.output / f"summary{kind}.csv", _table(rows, target.many)),
        args,
    )
    print(f"{good} of {counted(count, 'case')} segmented; see summary{kind}.csv. Research use only.")
    return 0 if good == count else 1


def _facts(report: dict) -> dict:
    volumes = [lesion["volume_ml"] for lesion in report["lesions"]]
    return {
        "lesions": len(volumes),
        "total_volume_ml": f"{sum(volumes):.3f}",
        "largest_ml": f"{max(volumes, default=0.0):.3f}",
        "model": report["provenance"]["model"]["id"],
        "message": " ".join(report["notes"]),
    }


def _table(rows: list[dict], many: str) -> str:
    head = [many if column == "lesions" else column for column in COLUMNS]
    return csv_text([head, *([row.get(column) for column in COLUMNS] for row in rows)])
