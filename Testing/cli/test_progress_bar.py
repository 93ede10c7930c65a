"""The progress bar: one line on a terminal, few lines in a log."""

import io

import pytest

from SpineLib.cli.progress_bar import ProgressBar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")


def test_a_log_gets_one_line_for_each_tenth():
    stream = io.StringIO()
    with ProgressBar("sub-001", stream) as progress:
        for step in range(1001):
            progress(step / 1000, "Segmenting")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[0] == "sub-001: 0 % Segmenting" and lines[-1] == "sub-001: 100 % Segmenting"


def test_a_terminal_gets_one_line_that_fits_and_is_clean_in_the_end():
    stream = Terminal()
    with ProgressBar(stream=stream) as progress:
        progress(0.5, "Segmenting " * 20)
        progress(1.0, "Done")
    written = stream.getvalue()
    assert "\n" not in written
    drawn = written.split("\r\x1b[K")
    assert drawn[1].startswith("[############............]  50 % Segmenting")
    assert all(len(line) < 60 for line in drawn)
    assert drawn[-1] == ""


def test_a_terminal_is_not_flooded():
    stream = Terminal()
    with ProgressBar(stream=stream) as progress:
        for step in range(10_000):
            progress(step / 10_001, "Busy")
    assert stream.getvalue().count("\r") < 50


def test_the_remaining_time_shows_after_a_while(monkeypatch):
    stream = Terminal()
    now = iter([0.0, 10.0, 10.0, 10.0, 10.0])
    monkeypatch.setattr("SpineLib.cli.progress_bar.time.monotonic", lambda: next(now))
    ProgressBar(stream=stream)(0.1, "Half")
    assert "1:30 left" in stream.getvalue()
