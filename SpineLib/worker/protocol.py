"""The job protocol: one JSON object a line, in both directions. Pure: bytes in, messages out; no process, no thread.

To the worker::

    {"id": 1, "job": "segment", "parameters": {...}, "folder": "..."}    {"cancel": 1}    {"quit": true}

From the worker::

    {"event": "ready", "version": "0.1.0", "pid": 4711}
    {"id": 1, "event": "progress", "fraction": 0.4, "text": "Segmenting"}
    {"id": 1, "event": "progress", "fraction": 0.5, "text": "Repairing", "file": "preview-03.nrrd"}
    {"id": 1, "event": "result", "result": {...}}
    {"id": 1, "event": "error", "message": "One sentence.", "details": "last lines of the traceback"}
    {"id": 1, "event": "cancelled"}

The "file" of a progress lies in the job's folder and may be looked at until the job ends.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

#: A longer line is no message of ours; it is dropped so that a runaway child cannot fill the memory.
LONGEST_LINE = 16 * 1024 * 1024

#: Events that end a job.
FINAL_EVENTS = ("result", "error", "cancelled")


def encode(message: dict[str, Any]) -> bytes:
    """One message as one line. Pure ASCII, so that no locale and no newline in a text can break it."""
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


class LineBuffer:
    """Cuts a stream of bytes into lines, whatever the pieces it comes in."""

    def __init__(self, longest: int = LONGEST_LINE):
        self._longest = longest
        self._pieces: list[bytes] = []
        self._size = 0
        self._dropping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without their line ends; a line longer than the limit is left out."""
        lines = []
        *complete, rest = data.split(b"\n")
        for piece in complete:
            self._add(piece)
            if not self._dropping:
                lines.append(b"".join(self._pieces).rstrip(b"\r"))
            self._pieces, self._size, self._dropping = [], 0, False
        self._add(rest)
        return lines

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._longest:
            self._pieces, self._dropping = [], True
        elif piece:
            self._pieces.append(piece)

    def rest(self) -> bytes:
        """What came after the last line end."""
        return b"".join(self._pieces)


class LastLines:
    """The last lines of a child's error output, for the message when it dies."""

    def __init__(self, count: int = 30, longest: int = 400):
        self._buffer = LineBuffer(64 * 1024)
        self._lines: deque[str] = deque(maxlen=count)
        self._longest = longest

    def feed(self, data: bytes) -> list[str]:
        """Takes bytes as they come; returns the lines completed by them (for a log)."""
        lines = [self._text(line) for line in self._buffer.feed(data) if line.strip()]
        self._lines.extend(lines)
        return lines

    def lines(self) -> list[str]:
        """The last lines, oldest first, an unfinished one included."""
        rest = self._text(self._buffer.rest())
        return [*self._lines, rest] if rest.strip() else list(self._lines)

    def _text(self, line: bytes) -> str:
        return line.decode("utf-8", errors="replace")[: self._longest]


@dataclass(frozen=True)
class Event:
    """A message from the worker.

    ``kind`` is "ready", "progress", "result", "error", "cancelled", or "noise" for a line that is no message (it is
    in ``text``); ``job`` is 0 where none is meant. ``file`` is a bare name, "" where there is none.
    """

    kind: str
    job: int = 0
    fraction: float = 0.0
    text: str = ""
    details: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    pid: int | None = None
    file: str = ""


class EventReader:
    """Turns the worker's output into events. Anything that is no well-formed message becomes noise, never an error."""

    def __init__(self):
        self._buffer = LineBuffer()

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete now, in order."""
        return [parse_event(line) for line in self._buffer.feed(data) if line.strip()]


def parse_event(line: bytes) -> Event:
    """One line of the worker as an event; "noise" when it is none."""
    message = parse_object(line) or {}
    kind = message.get("event")
    job = message.get("id", 0)
    noise = Event("noise", text=line.decode("utf-8", errors="replace")[:400])
    if kind == "ready":
        pid = message.get("pid")
        return Event("ready", version=str(message.get("version", "")), pid=pid if _is_number(pid, int) else None)
    if not _is_number(job, int):
        return noise
    if kind == "progress" and _is_number(message.get("fraction"), (int, float)):
        return Event(
            "progress",
            job,
            fraction=_clamp(message["fraction"]),
            text=str(message.get("text", "")),
            file=_bare_name(message.get("file")),
        )
    if kind == "result" and isinstance(message.get("result"), dict):
        return Event("result", job, result=message["result"])
    if kind == "error" and isinstance(message.get("message"), str):
        return Event("error", job, text=message["message"], details=str(message.get("details", "")))
    if kind == "cancelled":
        return Event("cancelled", job)
    return noise


def parse_object(line: bytes) -> dict[str, Any] | None:
    """The JSON object on a line, or None when the line holds anything else."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):  # ValueError: no JSON, no UTF-8, or a number of too many digits
        return None
    return message if isinstance(message, dict) else None


def _bare_name(value: Any) -> str:
    """A file's name without any folder; "" for anything else, so that no message leads out of the job's folder."""
    return value if isinstance(value, str) and not set(value) & set("/\\:\0") and value.strip(". ") else ""


def _is_number(value: Any, kind) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _clamp(fraction: float) -> float:
    return float(min(max(fraction, 0), 1)) if fraction == fraction else 0.0  # NaN is unlike itself
