"""Job: bring a model, give one away, or remove one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.models.catalogue import export_bundle, import_bundle, remove_bundle
from SpineLib.progress import Progress, silent

NOUN, NEEDS = "The work on the model", ("action",)


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"action": "import", "file": path}``, ``{"action": "export", "model": id, "file": path}`` or
            ``{"action": "remove", "model": id}``.
        folder: of the job.

    Returns:
        ``{"model": id}``.
    """
    action = parameters["action"]
    progress(0.1, "Checking the model")
    if action == "import":
        return {"model": import_bundle(parameters["file"]).card.id}
    if action == "export":
        export_bundle(parameters["model"], Path(parameters["file"]), overwrite=True)  # the dialog has asked
    elif action == "remove":
        remove_bundle(parameters["model"])
    else:
        raise SpineError(f"There is no action '{action}'; this is a mistake of the calling program.")
    return {"model": parameters["model"]}
