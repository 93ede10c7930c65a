"""Job: one place made a segment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The segmentation of the candidate", ("inputs",)


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"image": path, "region": path}, "settings": {...}}``, both on one grid; "settings" are
            those of :class:`SpineLib.tasks.detection.refine.RefineSettings`.
        folder: gets ``mask.nrrd``.

    Returns:
        ``{"mask": name, "provenance": {...}, "notes": [...]}``.
    """
    from SpineLib.tasks.detection.refine import RefineSettings, refine
    from SpineLib.volume import read_volume, write_volume
    from SpineLib.volume.segments import read_mask

    settings = RefineSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Reading the image")
    image = read_volume(parameters["inputs"]["image"], "image")
    region = read_mask(parameters["inputs"]["region"], "region")
    result = refine(image, region, settings, part(progress, 0.1, 0.95))
    write_volume(result.mask, folder / "mask.nrrd")
    return {"mask": "mask.nrrd", "provenance": result.provenance, "notes": result.notes}
