"""Job: the user's word on a new model, or on a patient of the training set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from SpineLib.progress import Progress, silent

NOUN, NEEDS = "The choice", ("set", "action")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"set": folder of the training set, "action": "accept", "drop", "back" or "remove", "patient":
            "sub-001"}``, the last for "remove".
        folder: of the job.

    Returns:
        ``{"state": ..., "model": id of the model that is in use now}``; "model" is "" where that did not change.
    """
    from SpineLab.learning.choice import accept, back, drop
    from SpineLab.learning.patients import remove_patient
    from SpineLib.cohort.corrections import read_state
    from SpineLib.errors import SpineError

    root, action, model = Path(parameters["set"]), parameters["action"], ""
    if action == "accept":
        model = accept(root).in_use
    elif action == "back":
        model = back(root)[1]
    elif action == "drop":
        drop(root)
    elif action == "remove":
        remove_patient(root, str(parameters.get("patient")))
    else:
        raise SpineError(f"There is no action '{action}'; this is a mistake of the calling program.")
    return {"state": asdict(read_state(root)), "model": model}
