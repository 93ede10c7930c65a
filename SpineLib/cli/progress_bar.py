"""Progress in a shell: a bar on a terminal, a few plain lines in a log file."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from SpineLib.cli.terminal import in_one_line

_WIDTH = 24


class ProgressBar:
    """A :data:`SpineLib.progress.Progress` to be used in a ``with`` block, which leaves a clean line behind.

    On a terminal one line is drawn again and again, with percentage, text and the time that remains. Elsewhere a line
    is written for each new tenth, so that a log stays short.

    Args:
        title: stands before the text, e.g. "sub-001".
        stream: where to write; standard error, so that a result on standard output stays clean.
    """

    def __init__(self, title: str = "", stream: TextIO | None = None):
        self._title = f"{in_one_line(title)}: " if title else ""
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._start = time.monotonic()
        self._drawn_at = float("-inf")
        self._tenth = -1

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_) -> None:
        if self._terminal and self._drawn_at > 0:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __call__(self, fraction: float, text: str) -> None:
        fraction = min(max(fraction, 0.0), 1.0)
        if not self._terminal:
            self._log(fraction, text)
        elif time.monotonic() - self._drawn_at >= 0.1 or fraction == 1.0:
            self._draw(fraction, text)

    def _draw(self, fraction: float, text: str) -> None:
        self._drawn_at = time.monotonic()
        full = round(_WIDTH * fraction)
        bar = "#" * full + "." * (_WIDTH - full)
        line = f"[{bar}] {100 * fraction:3.0f} % {self._remaining(fraction)}{self._title}{text}"
        self._stream.write("\r\x1b[K" + line[: shutil.get_terminal_size().columns - 1])
        self._stream.flush()

    def _log(self, fraction: float, text: str) -> None:
        if (tenth := int(fraction * 10)) != self._tenth:
            self._tenth = tenth
            self._stream.write(f"{self._title}{100 * fraction:.0f} % {text}\n")
            self._stream.flush()

    def _remaining(self, fraction: float) -> str:
        passed = time.monotonic() - self._start
        if fraction < 0.05 or passed < 2:
            return ""
        minutes, seconds = divmod(round(passed * (1 - fraction) / fraction), 60)
        return f"{minutes}:{seconds:02} left  "
