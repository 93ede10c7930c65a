"""Cases prepared once and kept on disk: where they lie, whether they are current, how they are written."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from SpineLib.errors import SpineError
from SpineLib.processes import each_in_processes
from SpineLib.progress import Progress, silent
from SpineLib.temporary import staged
from SpineLib.volume.reading import files_behind

_FACTS = "case.json"


def folder_beside(data: Path, name: str, version: int, *key: Any, root: Path | None = None) -> Path:
    """The folder of the cases of a data set prepared in one way, beside the data unless ``root`` is given.

    Args:
        data: folder of the data set.
        name: for people.
        version: of the code that prepares.
        key: JSON-able; all that the prepared cases depend on beside the data's files, which the cases know.
    """
    data = data.resolve()
    text = json.dumps([version, str(data), *key], sort_keys=True)
    return (
        root or data.with_name(data.name + "-prepared")
    ) / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def prepare_each(function: Callable[..., None], work: list[tuple], processes: int, progress: Progress = silent) -> None:
    """Call ``function(*arguments)`` for each case's arguments in ``work``, several at a time in processes."""
    if processes == 1 or len(work) == 1:
        for done, arguments in enumerate(work):
            progress(done / len(work), f"Preparing case {done + 1} of {len(work)}")
            function(*arguments)
    elif work:

        def tell(done: int) -> None:
            progress(done / len(work), f"Prepared case {done} of {len(work)}")

        # Spawned, not forked: a fork of a process with running threads may hang.
        each_in_processes(function, work, processes, tell, prepare=_start_process, method="spawn")


def fingerprint(files: Iterable[Path]) -> list[list]:
    """Names, sizes and times of the files or series that a case is made of; JSON-able."""
    told = [(path.name, [file.stat() for file in files_behind(path)]) for path in files]
    return [
        [name, sum(one.st_size for one in each), max((one.st_mtime_ns for one in each), default=0)]
        for name, each in told
    ]


def is_current(folder: Path, **facts: Any) -> bool:
    """Whether a prepared case is there, and was made of what ``facts`` say: ``files=fingerprint(...)``."""
    try:
        kept = read_case(folder)
        return all(kept[key] == value for key, value in facts.items())
    except (OSError, ValueError, KeyError):
        return False


def write_case(folder: Path, name: str, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """Write ``folder / name`` with a file for each array, in one go, so that an interrupted preparation goes on.

    Two trainings may prepare the same data at once: each has its own temporary folder, and the first one wins.
    """
    facts = {"name": name, **facts}
    with staged(folder) as place:
        part = place / name
        part.mkdir()
        for key, array in arrays.items():
            np.save(part / f"{key}.npy", array)
        (part / _FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        if (folder / name).exists():
            if is_current(folder / name, **facts):
                return
            os.replace(folder / name, place / "old")
        os.replace(part, folder / name)


def read_case(folder: Path) -> dict[str, Any]:
    """The facts of a prepared case, and its "name"."""
    return json.loads((folder / _FACTS).read_text(encoding="utf-8"))


def refuse_doubles(folders: Iterable[Path]) -> None:
    """Refuse one image under two names: its patient would be trained on and held out.

    Args:
        folders: of prepared cases whose facts hold their image's :func:`~SpineLab.cohort.same.voxels_key` as "voxels";
            older ones do not and are passed over.

    Raises:
        SpineError: there are two.
    """
    seen: dict[str, Path] = {}
    for folder in folders:
        key = read_case(folder).get("voxels")
        if key and (first := seen.setdefault(key, folder)) != folder:
            names = f"{folder.name} and {first.name}" if folder.name != first.name else f"{first.name} of two cohorts"
            raise SpineError(
                f"{names} have the same image: one patient would be trained on and held out; leave one of them."
            )


def _start_process() -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
