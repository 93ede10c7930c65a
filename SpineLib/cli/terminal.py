"""Text for a terminal: whatever a file holds, it cannot move the cursor, change colours or end the command."""

from __future__ import annotations

import sys


def printable(text: str) -> str:
    """``text`` with control characters, escape sequences and half characters spelled out; lines and tabs are kept."""
    return "".join(one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode() for one in text)


def in_one_line(text: str) -> str:
    """:func:`printable`, line ends and tabs spelled out as well: for a name."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def take_any_text() -> None:
    """What the terminal's encoding does not know is spelled out instead of ending a command whose files are written."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
