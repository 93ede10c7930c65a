"""How long work reports progress and learns that it was cancelled."""

from __future__ import annotations

from collections.abc import Callable

#: Called with the fraction done (0 to 1) and a short text for the user; may raise :class:`SpineLib.errors.Cancelled`.
#: That of a job also takes ``file``: name of a file in the job's folder that may be looked at while the job runs.
Progress = Callable[..., None]


def silent(fraction: float, text: str, file: str = "") -> None:
    """Progress nobody looks at."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """Progress of a step that takes the share ``start`` to ``end`` of the whole."""

    def report(fraction: float, text: str) -> None:
        progress(start + (end - start) * min(max(fraction, 0.0), 1.0), text)

    return report
