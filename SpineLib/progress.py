"""How long work reports progress, learns that it was cancelled, and says what the user should know of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Called with the fraction done (0 to 1) and a short text for the user; may raise :class:`SpineLib.errors.Cancelled`.
#: That of a job also takes ``file``: name of a file in the job's folder that may be looked at while the job runs.
Progress = Callable[..., None]


def silent(fraction: float, text: str, file: str = "") -> None:
    """Progress nobody looks at."""


#: What the end of all work is called; the end of a step is not.
DONE = "Done"


def part(progress: Progress, start: float, end: float) -> Progress:
    """Progress of a step that takes the share ``start`` to ``end`` of the whole; its own end is passed over in silence
    unless it is that of the whole."""

    def report(fraction: float, text: str) -> None:
        if text == DONE and end < 1.0:
            return
        progress(start + (end - start) * min(max(fraction, 0.0), 1.0), text)

    return report


_LISTENERS: ContextVar[tuple[Callable[[str], None], ...]] = ContextVar("_LISTENERS", default=())


@contextmanager
def remarks_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Meanwhile ``listener`` is called with each :func:`remark` of this thread."""
    before = _LISTENERS.set((*_LISTENERS.get(), listener))
    try:
        yield
    finally:
        _LISTENERS.reset(before)


def remark(sentence: str) -> None:
    """Say what the user should know of an input; who runs the work passes it on, once."""
    for listener in _LISTENERS.get():
        listener(sentence)
