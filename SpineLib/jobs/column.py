"""Job: canal, bodies and arches of a spine, on MR or CT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The search for the spinal canal", ("inputs",)


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"T2": path}, "device": "auto"}``: one image, by its sequence or "CT".
        folder: gets ``spine-parts.nrrd``.

    Returns:
        ``{"parts": see :func:`SpineLib.tasks.stability.output.write_parts`, "notes": [...]}``.
    """
    from SpineLib.tasks.stability.find import find_parts
    from SpineLib.tasks.stability.output import write_parts
    from SpineLib.volume import read_volume

    ((sequence, path),) = parameters["inputs"].items()
    progress(0.0, "Reading the image")
    image = read_volume(path, sequence)
    device = parameters.get("device", "auto")
    parts = find_parts(image, sequence, device=device, progress=part(progress, 0.02, 0.97))
    if parts is None:
        raise SpineError(
            f"No spine was found on the {sequence}, or no model of the column for it is installed: choose a "
            "segmentation of the canal, or import a model."
        )
    return {"parts": write_parts(parts, folder), "notes": [*parts.notes, *filter(None, [parts.level_note])]}
