"""A folder that a command writes again and again without ever touching somebody else's files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.temporary import staged

#: Lies in every folder a demo wrote and lists what it wrote there.
RECORD = "demo.json"


@contextmanager
def demo_folder(folder: Path) -> Iterator[Path]:
    """Yields an empty folder; when all went well its files move to ``folder``, else they vanish and it stays as it was.

    Files of an earlier demo are replaced; files that no demo wrote are kept.

    Raises:
        SpineError: ``folder`` holds something and no demo wrote it, a file to write is there already and not the
            demo's, or nothing can be written.
    """
    old = _earlier_files(folder)
    with ExitStack() as stack:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            part = stack.enter_context(staged(folder.parent))
        except OSError as error:
            raise SpineError("The demo's folder cannot be made there; choose another one with --out.") from error
        try:
            yield part
            _move(part, folder, old)
        except OSError as error:
            raise SpineError(
                "The demo cannot be written: the disk is full or the folder may not be written; free some "
                "space or choose another folder with --out."
            ) from error


def _move(part: Path, folder: Path, old: set[str]) -> None:
    """All files to where they belong, in place of those of an earlier demo."""
    new = sorted(path.name for path in part.iterdir())
    foreign = [name for name in new if name not in old and (folder / name).exists()]
    if foreign:
        raise SpineError(f"The folder holds a '{foreign[0]}' that no demo wrote; choose another one with --out.")
    (part / RECORD).write_text(json.dumps({"made_by": "spine demo", "files": new}, indent=1), encoding="utf-8")
    folder.mkdir(exist_ok=True)
    for name in [RECORD, *new]:
        os.replace(part / name, folder / name)
    for name in old - set(new):
        (folder / name).unlink(missing_ok=True)


def _earlier_files(folder: Path) -> set[str]:
    """Names of the files an earlier demo wrote; an error when the folder is somebody else's."""
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return set()
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        names = {str(name) for name in record["files"]} if record["made_by"] == "spine demo" else None
    except (OSError, ValueError, KeyError, TypeError):
        names = None
    if names is None or any(Path(name).name != name for name in names):
        raise SpineError("The folder is not empty and no demo wrote it; choose an empty or a new one with --out.")
    return names
