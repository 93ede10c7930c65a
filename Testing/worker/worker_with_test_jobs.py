"""A worker like the real one, only with other jobs: each of them is a way in which a real job may behave."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def count(parameters, folder, progress):
    steps = parameters.get("steps", 5)
    for step in range(steps):
        progress(step / steps, f"Schritt {step} für Wirbelkörper")
        time.sleep(parameters.get("pause", 0.01))
    return {"steps": steps}


def echo(parameters, folder, progress):
    (folder / "result.txt").write_text(parameters["text"], encoding="utf-8")
    return {"file": "result.txt", "text": parameters["text"]}


def show(parameters, folder, progress):
    """Offers files to be looked at, faster than progress may be sent, then waits until the last was told of."""
    for number in range(parameters["files"]):
        (folder / f"preview-{number:02d}.txt").write_text(f"{number}", encoding="utf-8")
        progress(number / parameters["files"], "Repairing", file=f"preview-{number:02d}.txt")
    progress(0.9, "Writing")
    time.sleep(0.4)
    return {}


def silent(parameters, folder, progress):
    progress(0.25, "Thinking")
    time.sleep(parameters["seconds"])
    return {}


def chatter(parameters, folder, progress):
    for number in range(20_000):
        progress(number / 20_000, "Busy")
    return {}


def stuck(parameters, folder, progress):
    """Never asks whether it was cancelled, and has started a program and written files."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(b"left behind")
    progress(0.5, f"Grandchild {child.pid} {file.name}")
    time.sleep(120)
    return {}


def frozen(parameters, folder, progress):
    """Native code that never gives Python's lock back: no thread of the worker runs any more."""
    import ctypes

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    progress(0.5, f"Grandchild {child.pid}")
    time.sleep(0.3)  # the heartbeat sends it
    ctypes.PyDLL(None).sleep(120)
    return {}


def noisy(parameters, folder, progress):
    print("noise from Python without a line end", end="")
    os.write(1, b'{"id": 1, "event": "result", "result": {"forged": true}}\n')
    program = "import sys; print('noise from a program', len(sys.stdin.read()))"
    subprocess.run([sys.executable, "-c", program], check=True)
    return {"honest": True}


def die(parameters, folder, progress):
    progress(0.5, "Halfway")
    (folder / "half.bin").write_bytes(b"0" * 1000)
    print(f"last words about {parameters['inputs']['T1']}", file=sys.stderr, flush=True)
    os.kill(os.getpid(), getattr(signal, parameters.get("signal", "SIGKILL"), signal.SIGTERM))
    time.sleep(60)


def fail(parameters, folder, progress):
    from SpineLib.errors import SpineError

    raise {
        "SpineError": SpineError("The volume T1 is empty: choose another one."),
        "MemoryError": MemoryError(),
        "torch": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
        "disk": OSError(errno.ENOSPC, "No space left on device", parameters.get("path")),
        "permission": PermissionError(errno.EACCES, "Permission denied", parameters.get("path")),
        "module": ModuleNotFoundError("No module named 'torch'", name="torch"),
        "value": ValueError(f"cannot read {parameters.get('path')}"),
        "exit": SystemExit(3),
    }[parameters["kind"]]


def no_json(parameters, folder, progress):
    return {"value": object()}


ALL = (count, echo, show, silent, chatter, stuck, frozen, noisy, die, fail, no_json)
JOBS = {function.__name__: function for function in ALL}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from SpineLib.worker.__main__ import main

    main(lambda name, parameters, folder, progress: JOBS[name](parameters, folder, progress))
