"""What the code may ask of an operating system: calls that only some have stand behind a question which one it is."""

from __future__ import annotations

import ast
import os
import signal
import sys
from pathlib import Path

import pytest

from Testing.house.structure import python_files

#: What Windows lacks (library reference: "Availability: Unix").
CALLS = {
    *("fork", "forkpty", "kill", "killpg", "getpgid", "getpgrp", "setpgrp", "setsid", "getuid", "geteuid", "getgid"),
    *("nice", "mkfifo", "mknod", "chown", "chroot", "sched_getaffinity", "statvfs", "sysconf", "uname", "wait4"),
}
SIGNALS = {"SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGSTOP", "SIGCONT"}
MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "curses", "readline"}
#: Paths that only some systems have.
PLACES = ("/dev/", "/proc/", "/tmp/", "/usr/")
#: Such a question in the same function, or an answer to the missing module.
ASKED = ("sys.platform", "os.name", "platform.system", "hasattr(", "getattr(", "ImportError")


def only_somewhere(source: str) -> list[str]:
    """Lines of a source that use what only some systems have without asking."""
    tree, found = ast.parse(source), []
    owners = {}
    for outer in ast.walk(tree):
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for inner in ast.walk(outer):
                owners[inner] = owners.get(inner) or outer
    for node in ast.walk(tree):
        used = ""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names = {"os": CALLS, "signal": SIGNALS}.get(node.value.id, set())
            used = node.attr if node.attr in names else ""
        elif isinstance(node, ast.Import):
            used = next((one.name for one in node.names if one.name in MODULES), "")
        elif isinstance(node, ast.ImportFrom):
            used = node.module if node.module in MODULES else ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            used = node.value if node.value.startswith(PLACES) else ""
        if used and not any(word in ast.unparse(owners.get(node, tree)) for word in ASKED):
            found.append(f"line {node.lineno}: {used}")
    return found


@pytest.mark.parametrize("name, path", python_files().items(), ids=list(python_files()))
def test_nothing_is_reached_that_only_some_systems_have(name, path):
    assert only_somewhere(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source, found",
    [
        ("import os\ndef f():\n    os.setsid()", ["line 3: setsid"]),
        ("import os, sys\ndef f():\n    if sys.platform != 'win32':\n        os.setsid()", []),
        ("import resource", ["line 1: resource"]),
        ("try:\n    import resource\nexcept ImportError:\n    resource = None", []),
        ("def f():\n    return open('/proc/meminfo')", ["line 2: /proc/meminfo"]),
        ("import os\nos.path.join('a', 'b')", []),
    ],
)
def test_a_planted_call_is_judged_rightly(source, found):
    assert only_somewhere(source) == found


def test_the_list_holds_what_this_system_calls_so():
    if sys.platform == "win32":
        assert not any(hasattr(os, name) for name in CALLS - {"kill"})
    else:
        assert {name for name in ("fork", "killpg", "setsid", "getuid") if hasattr(os, name)} <= CALLS
        assert hasattr(signal, "SIGKILL") and "SIGKILL" in SIGNALS


def test_continuous_integration_runs_on_three_systems():
    yaml = pytest.importorskip("yaml")
    file = Path(__file__).resolve().parents[2] / ".github" / "workflows" / "tests.yml"
    jobs = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]
    assert {one.split("-")[0] for one in jobs["tests"]["strategy"]["matrix"]["system"]} == {
        "ubuntu",
        "windows",
        "macos",
    }
