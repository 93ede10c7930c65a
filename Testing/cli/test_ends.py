"""How a command ends that is asked to: exit code, one line, nothing left beside the output."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from SpineLib.temporary import process_is_alive

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

#: A command that holds a staged folder and a child, and tells so.
SLOW = """
import subprocess, sys, time, types
import SpineLib.cli.main as m
from pathlib import Path
from SpineLib.temporary import staged

def run(arguments):
    with staged(Path(sys.argv[1])) as folder:
        (folder / "half").write_text("x")
        print("ready", flush=True)
        time.sleep(60)
    return 0

module = types.ModuleType("x"); module.run = run; module.add_arguments = lambda parser: None
sys.modules["SpineLib.cli.slow"] = module; m.COMMANDS["slow"] = "slow"
sys.exit(m.main(["slow"]))
"""


def _start(tmp_path, repository, code=SLOW, **more):
    return subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


@POSIX
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_that_asks_to_end_leaves_one_line_its_exit_code_and_nothing_else(tmp_path, repository, name, code):
    number = getattr(signal, name)
    child = _start(tmp_path, repository, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))  # as without nohup
    assert child.stdout.readline() == "ready\n" and len(list(tmp_path.iterdir())) == 1
    child.send_signal(number)
    _, said = child.communicate(timeout=30)
    assert (child.returncode, said) == (code, "spine: cancelled.\n")
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_what_nohup_has_ignored_stays_ignored(tmp_path, repository):
    child = _start(tmp_path, repository, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert child.poll() is None
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)
    assert child.returncode == 143


@POSIX
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_a_simulation_that_is_ended_takes_its_processes_with_it(tmp_path, repository, name):
    line = ["phantom", "-o", str(tmp_path / "c"), "--cases", "4", "--matrix", "96", "--slices", "15"]
    child = subprocess.Popen(
        [sys.executable, "-m", "SpineLib", *line, "--processes", "2"],
        cwd=repository,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while len(_session(child.pid)) < 3 and time.monotonic() < end:
        time.sleep(0.1)
    started = _session(child.pid)
    assert len(started) >= 3
    child.send_signal(getattr(signal, name))
    child.communicate(timeout=30)
    assert child.returncode == (143 if name == "SIGTERM" else -9)
    end = time.monotonic() + 20
    while any(map(process_is_alive, started)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _session(child.pid)


def _session(leader: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for name in os.listdir("/proc"):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split() if name.isdigit() else ["Z"]
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[3]) == leader:
            found.append(int(name))
    return found


def test_a_text_that_the_terminal_does_not_know_is_spelled_out_and_ends_no_command(repository):
    code = (
        "import sys, types, SpineLib.cli.main as m\n"
        "module = types.ModuleType('x'); module.add_arguments = lambda parser: None\n"
        "module.run = lambda arguments: print('病灶 → 1') or 0\n"
        "sys.modules['SpineLib.cli.odd'] = module; m.COMMANDS['odd'] = 'odd'\n"
        "sys.exit(m.main(['odd']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )
    assert (done.returncode, done.stdout) == (0, b"\\u75c5\\u7076 \\u2192 1\n")
