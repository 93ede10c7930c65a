"""How long a job will still take, as a text for the progress bar."""

from __future__ import annotations

from SpinePanel.i18n import tr as _

#: Earlier than this an estimate would only jump about: seconds, and fraction done.
_EARLIEST_SECONDS, _EARLIEST_FRACTION = 2.0, 0.05


class RemainingTime:
    """Estimates from the pace so far; the pace of the last part counts most, because stages differ."""

    def __init__(self, now: float):
        self._start = now
        self._last = (now, 0.0)
        self._pace: float | None = None  # seconds for the whole job

    def update(self, fraction: float, now: float) -> float | None:
        """Seconds still to go, or None while that cannot be said. ``now`` in seconds, monotonic."""
        seconds, done = now - self._last[0], fraction - self._last[1]
        if done >= 0.02:
            pace = seconds / done
            self._pace = pace if self._pace is None else 0.7 * self._pace + 0.3 * pace
            self._last = (now, fraction)
        elapsed = now - self._start
        if self._pace is None or elapsed < _EARLIEST_SECONDS or fraction < _EARLIEST_FRACTION:
            return None
        left = self._pace * (1.0 - fraction) - (now - self._last[0])
        return None if left < 0 and fraction < 1.0 else max(0.0, left)  # late: the pace was another stage's


def remainingText(seconds: float | None) -> str:
    """ "about 12 s left", "about 3 min left"; "" for None."""
    if seconds is None:
        return ""
    if seconds < 5:
        return _("a few seconds left")
    if seconds < 90:
        return _("about {seconds} s left").format(seconds=5 * round(seconds / 5))
    return _("about {minutes} min left").format(minutes=round(seconds / 60))
