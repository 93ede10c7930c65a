"""Processes that end with the one that started them."""

import os
import signal
import subprocess
import sys
import time

import pytest

from SpineLib.processes import each_in_processes
from SpineLib.temporary import process_is_alive

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def _touch(path, name):
    (path / name).write_text(str(os.getpid()))


def _sleep(path, name):
    _touch(path, name)
    time.sleep(600)


def _fail(path, name):
    raise ValueError(name)


def test_all_work_is_done_and_counted(tmp_path):
    counted = []
    each_in_processes(_touch, [(tmp_path, f"{number}") for number in range(5)], 2, counted.append)
    assert counted == [1, 2, 3, 4, 5] and len(list(tmp_path.iterdir())) == 5


def test_an_error_of_one_ends_all(tmp_path):
    with pytest.raises(ValueError, match="odd"):
        each_in_processes(_fail, [(tmp_path, "odd")], 2, lambda count: None)


CHILD = """
import sys
from pathlib import Path
from SpineLib.processes import each_in_processes
from Testing.ground.test_processes import _sleep
if __name__ == "__main__":
    path = Path(sys.argv[1])
    each_in_processes(_sleep, [(path, "a"), (path, "b")], 2, lambda count: None, method=sys.argv[2])
"""


@POSIX
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_killed_parent_takes_its_processes_with_it(tmp_path, repository, method):
    script = tmp_path / "script.py"
    script.write_text(CHILD)
    out = tmp_path / "out"
    out.mkdir()
    parent = subprocess.Popen(
        [sys.executable, str(script), str(out), method],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
    )
    end = time.monotonic() + 60
    while len([path for path in out.iterdir() if path.read_text()]) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    children = [int(path.read_text()) for path in out.iterdir()]
    assert len(children) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    end = time.monotonic() + 20
    while any(map(process_is_alive, children)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(map(process_is_alive, children))
