"""``spine segment --bids``: one patient after the other; a bad one does not stop the others."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from SpineLib.cli.terminal import in_one_line
from SpineLib.csv_text import csv_text
from SpineLib.errors import Cancelled, SpineError

COLUMNS = ("case", "status", "lesions", "total_volume_ml", "largest_ml", "model", "message")


def segment_folder(args: argparse.Namespace) -> int:
    """Segment all cases of ``args.bids`` into ``args.output``; returns 1 when one failed, else 0.

    Each case leaves ``<case>_lesions.seg.nrrd``, ``_lesions.csv`` and, last, ``_report.json``: a case that has its
    report is done, and is skipped when the command runs again; lesions of a mask that was corrected since are measured
    again. ``summary.csv`` holds a line for each case. The files of
    necroses are called ``_necroses.seg.nrrd``, ``_necroses.csv``, ``_necroses_report.json``, ``summary_necroses.csv``.
    """
    from SpineLib.cli.case_files import CaseFiles
    from SpineLib.cli.choosing import chosen_target, segment_files
    from SpineLib.cli.entities import check_choice, wanted_entities
    from SpineLib.cli.outputs import check_writable
    from SpineLib.cli.progress_bar import ProgressBar
    from SpineLib.cohort.images import choose_session, find_cases, single_images
    from SpineLib.tasks.segmentation.naming import TARGETS
    from SpineLib.volume.files import write_text

    task = chosen_target(args)
    target, kind = TARGETS[task], "" if task == "metastasis" else f"_{TARGETS[task].many}"
    wanted = wanted_entities(args)
    cases = choose_session(find_cases(args.bids), args.session, necrosis=task == "necrosis")
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpineError("The output folder cannot be created; check its path and your permissions.") from error
    check_writable(args.output)
    rows: list[dict] = []
    for number, (case, images) in enumerate(cases, start=1):
        row = {"case": case, "status": "failed"}
        try:
            files = CaseFiles.of(args.output, case, target, kind)
            if not args.overwrite:
                files.take_up()
            done = None if args.overwrite else files.done()
            if done is not None:
                if wanted:
                    check_choice(single_images(images, wanted)[1], " ".join(done[0].get("notes", [])))
                row |= _facts(done[0]) | {"status": done[1]}
            else:
                paths, notes = single_images(images, wanted)
                with ProgressBar(case) as progress:
                    result = segment_files(paths, args, progress)
                result = replace(result, notes=notes + result.notes)
                row |= _facts(files.write(result)) | {"status": "done"}
        except (KeyboardInterrupt, Cancelled):
            raise
        except Exception as error:
            from SpineLib.worker import sentence

            row["message"] = sentence(error, "The case")
            if getattr(args, "debug", False):
                import traceback

                traceback.print_exception(error)
        rows.append(row)
        print(
            _line(row, number, len(cases), target.many),
            flush=True,
            file=sys.stderr if row["status"] == "failed" else sys.stdout,
        )
        write_text(args.output / f"summary{kind}.csv", _table(rows, target.many))
    failed = sum(row["status"] == "failed" for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} cases segmented; see summary{kind}.csv. Research use only.")
    return 1 if failed else 0


def _facts(report: dict) -> dict:
    volumes = [lesion["volume_ml"] for lesion in report["lesions"]]
    return {
        "lesions": len(volumes),
        "total_volume_ml": f"{sum(volumes):.3f}",
        "largest_ml": f"{max(volumes, default=0.0):.3f}",
        "model": report["provenance"]["model"]["id"],
        "message": " ".join(report["notes"]),
    }


def _line(row: dict, number: int, count: int, many: str) -> str:
    start = f"[{number}/{count}] {in_one_line(row['case'])}: "
    if row["status"] == "failed":
        return f"{start}failed: {row['message']}"
    kept = "" if row["status"] == "done" else f" ({row['status']})"
    return f"{start}{row['lesions']} {many}, {row['total_volume_ml']} ml{kept}"


def _table(rows: list[dict], many: str) -> str:
    head = [many if column == "lesions" else column for column in COLUMNS]
    return csv_text([head, *([row.get(column) for column in COLUMNS] for row in rows)])
