"""Job: a new model from the corrected patients of the training set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.progress import Progress, silent

NOUN, NEEDS = "The fine-tuning", ("set", "model")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job; run again after a cancel, or after the application was closed, it goes on where it was.

    Args:
        parameters: ``{"set": folder of the training set, "model": id or folder of the model in use, "settings":
            {...}}`` as :class:`SpineLab.learning.training.TuneSettings`.
        folder: of the job; the new model lies in the training set.

    Returns:
        ``{"comparison": ...}``, see :func:`SpineLab.learning.tune.tune`.
    """
    from SpineLab.learning.training import TuneSettings
    from SpineLab.learning.tune import tune

    settings = TuneSettings.from_dict(parameters.get("settings") or {})
    return {"comparison": tune(Path(parameters["set"]), parameters["model"], settings, progress)}
