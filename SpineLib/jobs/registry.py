"""The jobs that the worker can run: those of this folder, and those that plug-ins bring.

A job is one file: ``NOUN``, what sentences call it; ``NEEDS``, the parameters without which it cannot run; and
``run(parameters, folder, progress)``: JSON-able parameters in, files into a folder, a JSON-able result out. The job
"ct-lesions" is the file ``ct_lesions.py``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from SpineLib.errors import SpineError
from SpineLib.plugins import plugins
from SpineLib.progress import Progress, remarks_to, silent

_HERE = "SpineLib.jobs"


def job_names() -> dict[str, str]:
    """Each job's name and the module that holds it."""
    names = {}
    for package in (_HERE, *(plugin.jobs for plugin in plugins() if plugin.jobs)):
        folder = importlib.import_module(package).__path__
        for found in pkgutil.iter_modules(folder):
            if found.name != "registry":
                names[found.name.replace("_", "-")] = f"{package}.{found.name}"
    return names


def noun_of(name: str) -> str:
    """What sentences call a job: "The segmentation"."""
    known = job_names()
    return _module(known[name]).NOUN if name in known else "The job"


def run_job(name: str, parameters: Mapping, folder: str | Path, progress: Progress = silent) -> dict:
    """Run the job of that name; its file says what parameters and result are.

    Raises:
        SpineError: no such job, a parameter is missing, or the task's own.
        Cancelled: by ``progress``.
    """
    known = job_names()
    if name not in known:
        raise SpineError(f"There is no job '{name}'; there are {', '.join(known)}.")
    job = _module(known[name])
    missing = [key for key in job.NEEDS if key not in parameters]
    if missing:
        raise SpineError(f"The job '{name}' lacks {' and '.join(missing)}; this is a mistake of the calling program.")
    heard: dict[str, None] = {}
    with remarks_to(heard.setdefault):
        result = job.run(parameters, Path(folder), progress)
    return result | {"notes": [*heard, *result.get("notes", [])]} if heard else result


def _module(name: str) -> ModuleType:
    return importlib.import_module(name)
