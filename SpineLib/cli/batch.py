"""One case after the other: a bad one is told and does not stop the others, and the table is whole after each."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from SpineLib.cli.outputs import check_writable
from SpineLib.cli.terminal import in_one_line
from SpineLib.cluster import on_cluster, remaining
from SpineLib.errors import Cancelled, SpineError
from SpineLib.worker import sentence

_Case = TypeVar("_Case")
#: With several workers the table is written no more often than this, seconds, and at the end.
_TABLE_S = 5.0


def make_output(folder: Path) -> None:
    """The folder of a batch.

    Raises:
        SpineError: it cannot be made, or nothing can be written into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpineError("The output folder cannot be created; check its path and your permissions.") from error
    check_writable(folder)


def add_cluster(parser: argparse._ActionsContainer, what: str = "patients", option: str = "--workers") -> None:
    """``--workers`` (or another name), ``--scheduler`` and ``--retries``, for :func:`each_case`."""
    parser.add_argument(
        option,
        dest="at_a_time",
        type=int,
        default=1,
        metavar="NUMBER",
        help=f"{what} at a time, each in a process (default 1)",
    )
    parser.add_argument(
        "--scheduler", default="", metavar="ADDRESS", help="of a running Dask scheduler, e.g. tcp://machine:8786"
    )
    parser.add_argument(
        "--retries", type=int, default=1, metavar="NUMBER", help=f"with several workers: of {what} that failed (1)"
    )


def wants_cluster(args: argparse.Namespace) -> bool:
    """Whether several workers are asked for.

    Raises:
        SpineError: a number that makes no sense.
    """
    if getattr(args, "at_a_time", 1) < 1 or getattr(args, "retries", 0) < 0:
        raise SpineError("--workers must be 1 or more and --retries 0 or more.")
    return getattr(args, "at_a_time", 1) > 1 or bool(getattr(args, "scheduler", ""))


def each_case(
    cases: Sequence[tuple[str, _Case]],
    work: Callable[[str, _Case], dict[str, Any]],
    told: Callable[[dict[str, Any]], str],
    write: Callable[[list[dict[str, Any]]], None],
    args: argparse.Namespace,
) -> tuple[int, int]:
    """Do all cases, one after the other or, where :func:`wants_cluster`, several at a time.

    Args:
        cases: name, and what ``work`` needs.
        work: the case's line of the table, with "status": "done", "kept" or "corrected".
        told: what a terminal is told of the line of a case that did not fail.
        write: writes the table of all lines so far.
        args: with ``debug``, to show where an error came from; with several workers what :func:`add_cluster` added.

    Returns:
        How many were done, and how many there are.

    Raises:
        KeyboardInterrupt, Cancelled: by ``work``; everything else becomes the "message" of a case that "failed".
    """
    rows: dict[int, dict[str, Any]] = {}
    debug, written = getattr(args, "debug", False), float("-inf")
    several = wants_cluster(args)
    for number, row, words in (_together if several else _in_turn)(cases, work, told, args):
        rows[number] = row
        failed = row["status"] == "failed"
        mark = "" if row["status"] in ("failed", "done") else f" ({row['status']})"
        line = f"[{len(rows)}/{len(cases)}] {in_one_line(row['case'])}: {words}{mark}"
        print(line, flush=True, file=sys.stderr if failed else sys.stdout)
        if debug and failed and "trace" in row:
            print(row.pop("trace"), file=sys.stderr)
        row.pop("trace", None)
        # With thousands of patients the whole table after each would take longer than the patients.
        if not several or time.monotonic() - written > _TABLE_S or len(rows) == len(cases):
            write([rows[one] for one in sorted(rows)])
            written = time.monotonic()
    return sum(row["status"] != "failed" for row in rows.values()), len(rows)


def _in_turn(cases, work, told, args) -> Iterator[tuple[int, dict[str, Any], str]]:
    for number, (name, case) in enumerate(cases):
        try:
            row = {"case": name, "status": "failed"} | work(name, case)
        except (KeyboardInterrupt, Cancelled):
            raise
        except Exception as error:
            row = _failed(name, error)
        yield number, row, f"failed: {row['message']}" if row["status"] == "failed" else told(row)


def _together(cases, work, told, args) -> Iterator[tuple[int, dict[str, Any], str]]:
    started = time.monotonic()
    outcomes = on_cluster(work, cases, scheduler=args.scheduler, workers=args.at_a_time, retries=args.retries)
    for done, outcome in enumerate(outcomes, start=1):
        name = cases[outcome.number][0]
        if outcome.error is not None:
            row = _failed(name, outcome.error)
            words = f"failed: {row['message']}" + (f" (tried {outcome.tries} times)" if outcome.tries > 1 else "")
        else:
            row = {"case": name, "status": "failed"} | outcome.value
            words = told(row)
        yield outcome.number, row, f"{words}; {remaining(started, done, len(cases))}"


def _failed(name: str, error: BaseException) -> dict[str, Any]:
    trace = "".join(traceback.format_exception(error))
    if type(error).__name__ == "KilledWorker":
        error = SpineError("The workers ended over this case, most likely for want of memory; take fewer at a time.")
    return {"case": name, "status": "failed", "message": sentence(error, "The case"), "trace": trace}
