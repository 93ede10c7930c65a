"""``make docs-check``: runs the commands of the documents, as they are printed, in a fresh copy of the repository.

Each document has a copy of its own, and all its shell blocks run there one after another in one shell, so that a
later block may use what an earlier one made. Blocks below ``<!-- docs-check: reason -->`` are not run; the tests parse
them. Blocks of Python are typed into the console of the tests' stand-in for Slicer's desktop, with the sample data of
the module that they name.

``python Testing/house/docs_check.py [DOCUMENT ...]`` takes only some, e.g. docs/how-to/shell.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from Testing.house.documents import PYTHON, SHELL, Block, blocks, documents  # noqa: E402

#: No document may take longer, s.
_LONGEST = 3600


def main(arguments: list[str] | None = None) -> int:
    """Run them; the number of documents that failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("documents", nargs="*", help="only these (default: all)")
    chosen = parser.parse_args(arguments).documents
    texts = documents(tracked(REPOSITORY))
    unknown = set(chosen) - set(texts)
    if unknown:
        parser.error(f"there is no document {', '.join(sorted(unknown))}")
    failed = 0
    for name, text in texts.items():
        if not chosen or name in chosen:
            failed += not check(name, blocks(name, text))
    return failed


def check(name: str, found: list[Block]) -> bool:
    """Run the blocks of one document that are to be run; whether all went well."""
    shell = [block for block in found if block.language in SHELL and not block.reason]
    python = [block for block in found if block.language in PYTHON and not block.reason]
    if not shell and not python:
        return True
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="spine-docs-") as folder:
        copy = fresh_copy(Path(folder) / "copy")
        good = not shell or run(["bash", "-euo", "pipefail", "-c", script(shell)], copy)
        for block in python:
            good = good and run([sys.executable, "-m", "Testing.house.console", block.text], copy)
    print(f"{'ok    ' if good else 'FAILED'}  {name}: {len(shell)} shell and {len(python)} Python blocks, "
          f"{time.monotonic() - started:.0f} s", flush=True)  # fmt: skip
    return good


def script(shell: list[Block]) -> str:
    """All blocks one after another, each announced, so that a failure tells where it is."""
    return "\n".join(f"echo '--- {block.place}' >&2\n{block.text}" for block in shell)


def run(line: list[str], folder: Path) -> bool:
    """Run a program in the copy, with the copy's own code and models; its output is shown when it fails."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "SPINE_MODELS": str(folder / "models-of-the-user"),
        "QT_QPA_PLATFORM": "offscreen",
    }
    done = subprocess.run(line, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=_LONGEST)  # fmt: skip
    if done.returncode:
        print(done.stdout[-6000:], flush=True)
    return done.returncode == 0


def tracked(root: Path) -> list[Path]:
    """Every file that is, or could be, committed."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted({root / name for name in names if name and (root / name).is_file()})


def fresh_copy(folder: Path) -> Path:
    """The repository as somebody gets it, with the environment that runs this as its ``.venv``."""
    for path in tracked(REPOSITORY):
        target = folder / path.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    for name in ("pyproject.toml", "constraints.txt", "setup.py"):  # older than the environment: nothing is installed
        if (folder / name).is_file():
            os.utime(folder / name, (0, 0))
    return folder


if __name__ == "__main__":
    if importlib.util.find_spec("slicer") is None:
        print("The package slicer-core is missing; call this by: make docs-check", file=sys.stderr)
        sys.exit(2)
    sys.exit(min(main(), 1))
