"""How much of each room the tests run, as a table: ``coverage json``, then ``python -m Testing.rooms_covered``."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path, PurePath


def room_of(name: str) -> str:
    """ "SpineLib/volume" for a file of that room; the package alone for a file directly in it."""
    parts = PurePath(name.replace("\\", "/")).parts
    return "/".join(parts[: 2 if len(parts) > 2 else 1])


def table(report: dict) -> list[str]:
    """Lines of a Markdown table from what ``coverage json`` wrote."""
    rooms: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, one in report["files"].items():
        for counts in (rooms[room_of(name)], rooms["all"]):
            counts[0] += one["summary"]["covered_lines"]
            counts[1] += one["summary"]["num_statements"]
    lines = ["| room | statements | run by tests |", "|---|---|---|"]
    for room in sorted(rooms, key=lambda room: (room == "all", room)):
        run, count = rooms[room]
        lines.append(f"| {room} | {count} | {100 * run / count if count else 100:.1f} % |")
    return lines


if __name__ == "__main__":
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "coverage.json")
    print(*table(json.loads(source.read_text(encoding="utf-8"))), sep="\n")
