"""The text beside the progress bar."""

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "remaining", Path(__file__).resolve().parents[2] / "SpinePanel" / "remaining.py"
)
remaining = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(remaining)


def test_nothing_is_said_in_the_first_two_seconds():
    time = remaining.RemainingTime(100.0)
    assert time.update(0.1, 101.0) is None
    assert time.update(0.3, 103.0) == pytest.approx(7.0)


def test_a_steady_pace_is_told_exactly():
    time = remaining.RemainingTime(0.0)
    for second in range(1, 50):
        left = time.update(second / 100, float(second))
    assert left == pytest.approx(51, abs=1)


def test_time_goes_on_while_no_progress_is_made():
    time = remaining.RemainingTime(0.0)
    time.update(0.5, 10.0)
    assert time.update(0.5, 14.0) == pytest.approx(6.0)


def test_nothing_is_said_any_more_once_a_job_takes_longer_than_was_expected():
    """ "A few seconds left" stood there for minutes where a slow stage follows fast ones."""
    time = remaining.RemainingTime(0.0)
    time.update(0.5, 10.0)
    assert time.update(0.5, 30.0) is None
    assert time.update(0.6, 60.0) > 60, "and again by the slower pace"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (2.0, "a few seconds left"),
        (41.0, "about 40 s left"),
        (170.0, "about 3 min left"),
    ],
)
def test_the_text_is_short_and_round(seconds, text):
    assert remaining.remainingText(seconds) == text
