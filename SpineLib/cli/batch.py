"""One case after the other: a bad one is told and does not stop the others, and the table is whole after each."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from SpineLib.cli.outputs import check_writable
from SpineLib.cli.terminal import in_one_line
from SpineLib.errors import Cancelled, SpineError
from SpineLib.models.bundle import file_sha256
from SpineLib.volume.json_object import json_object
from SpineLib.worker import sentence

_Case = TypeVar("_Case")


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


def check_unchanged(record: Path, images: Iterable[Path]) -> None:
    """Refuse to keep a result of images that were changed or replaced since.

    Args:
        record: the result's JSON file; its "images" are checksums by file name (an older version's has none).
        images: of the case now; those that the result was not made of may be among them.

    Raises:
        SpineError: one of those that it was made of, by its name, holds something else now.
    """
    made_of = json_object(record).get("images", {})
    if any(file_sha256(path) != made_of[path.name] for path in images if path.name in made_of):
        raise SpineError(
            "An image of the case was changed after its result had been made; add --overwrite, or choose another "
            "output folder."
        )


def each_case(
    cases: Sequence[tuple[str, _Case]],
    work: Callable[[str, _Case], dict[str, Any]],
    told: Callable[[dict[str, Any]], str],
    write: Callable[[list[dict[str, Any]]], None],
    args: argparse.Namespace,
) -> tuple[int, int]:
    """Do all cases.

    Args:
        cases: name, and what ``work`` needs.
        work: the case's line of the table, with "status": "done", "kept" or "corrected".
        told: what a terminal is told of the line of a case that did not fail.
        write: writes the table of all lines so far.
        args: with ``debug``, to show where an error came from.

    Returns:
        How many were done, and how many there are.

    Raises:
        KeyboardInterrupt, Cancelled: by ``work``; everything else becomes the "message" of a case that "failed".
    """
    rows: list[dict[str, Any]] = []
    for number, (name, case) in enumerate(cases, start=1):
        row: dict[str, Any] = {"case": name, "status": "failed"}
        try:
            row |= work(name, case)
        except (KeyboardInterrupt, Cancelled):
            raise
        except Exception as error:
            row["message"] = sentence(error, "The case")
            if getattr(args, "debug", False):
                traceback.print_exception(error)
        rows.append(row)
        failed = row["status"] == "failed"
        words = f"failed: {row['message']}" if failed else told(row)
        mark = "" if row["status"] in ("failed", "done") else f" ({row['status']})"
        line = f"[{number}/{len(cases)}] {in_one_line(name)}: {words}{mark}"
        print(line, flush=True, file=sys.stderr if failed else sys.stdout)
        write(rows)
    return sum(row["status"] != "failed" for row in rows), len(rows)
