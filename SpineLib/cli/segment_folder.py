"""``spine segment --bids``: one patient after the other; a bad one does not stop the others."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from SpineLib.errors import Cancelled, SpineError

COLUMNS = ("case", "status", "lesions", "total_volume_ml", "largest_ml", "model", "message")


def segment_folder(args: argparse.Namespace) -> int:
    """Segment all cases of ``args.bids`` into ``args.output``; returns 1 when one failed, else 0.

    Each case leaves ``<case>_lesions.seg.nrrd``, ``_lesions.csv`` and, last, ``_report.json``: a case that has its
    report is done, and is skipped when the command runs again. ``summary.csv`` holds a line for each case. The files of
    necroses are called ``_necroses.seg.nrrd``, ``_necroses.csv``, ``_necroses_report.json``, ``summary_necroses.csv``.
    """
    from SpineLib.cli.choosing import chosen_target, segment_files
    from SpineLib.cli.outputs import check_writable
    from SpineLib.cli.progress_bar import ProgressBar
    from SpineLib.cohort.images import choose_session, find_cases, single_images
    from SpineLib.tasks.segmentation.naming import TARGETS
    from SpineLib.tasks.segmentation.output import write_report, write_result, write_table
    from SpineLib.volume.files import write_text

    task = chosen_target(args)
    target, kind = TARGETS[task], "" if task == "metastasis" else f"_{TARGETS[task].many}"
    cases = choose_session(find_cases(args.bids), args.session, necrosis=task == "necrosis")
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpineError("The output folder cannot be created; check its path and your permissions.") from error
    check_writable(args.output)
    rows: list[dict] = []
    for number, (case, images) in enumerate(cases, start=1):
        report_file = args.output / f"{case}{kind}_report.json"
        row = {"case": case, "status": "failed"}
        try:
            if report_file.exists() and not args.overwrite:
                row |= _facts(json.loads(report_file.read_text(encoding="utf-8"))) | {"status": "kept"}
            else:
                mask_file = args.output / f"{case}_{target.many}.seg.nrrd"
                table_file = args.output / f"{case}_{target.many}.csv"
                if not args.overwrite and (mask_file.exists() or table_file.exists()):
                    raise SpineError(
                        "A segmentation without its report lies in the output folder; "
                        "move it elsewhere, or add --overwrite."
                    )
                paths = single_images(images)
                with ProgressBar(case) as progress:
                    result = segment_files(paths, args, progress)
                with _nothing_by_halves(report_file, mask_file, table_file):
                    report_file.unlink(missing_ok=True)
                    write_result(result, mask_file)
                    write_table(result.lesions, table_file, target)
                    write_report(result, report_file)
                row |= _facts(json.loads(report_file.read_text(encoding="utf-8"))) | {"status": "done"}
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


@contextmanager
def _nothing_by_halves(report: Path, *others: Path) -> Iterator[None]:
    """Take new files away when writing ends before ``report``, so that the next run begins the case anew."""
    new = [path for path in others if not path.exists()]
    try:
        yield
    except BaseException:
        if not report.exists():
            for path in new:
                path.unlink(missing_ok=True)
        raise


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
    start = f"[{number}/{count}] {row['case']}: "
    if row["status"] == "failed":
        return f"{start}failed: {row['message']}"
    kept = " (kept)" if row["status"] == "kept" else ""
    return f"{start}{row['lesions']} {many}, {row['total_volume_ml']} ml{kept}"


def _table(rows: list[dict], many: str) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writerow({column: many if column == "lesions" else column for column in COLUMNS})
    writer.writerows(rows)
    return stream.getvalue()
