"""Job: metastases, or necrosis, on MR."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.models.catalogue import find_bundle
from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The segmentation", ("inputs", "model")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"T1": path, "T2": path}, "model": id or path, "settings": {...}, "vertebrae": path or
            None, "numbers": how these are numbered or None}``; "settings" are those of
            :class:`SpineLib.tasks.segmentation.segment.SegmentSettings`.
        folder: gets ``probability.nrrd`` and ``labels.nrrd``, and ``spine-parts.nrrd`` where the column was found.

    Returns:
        ``{"probability": name, "labels": name, "lesions": [...], "provenance": {...}, "notes": [...], "parts": {...}
        or null}``, names of files in ``folder``; "parts" as :func:`SpineLib.tasks.stability.output.write_parts` has it.
    """
    from SpineLib.tasks.ct.numbering import read_vertebrae
    from SpineLib.tasks.segmentation.placed import segment_placed
    from SpineLib.tasks.segmentation.segment import SegmentSettings
    from SpineLib.tasks.stability.output import write_parts
    from SpineLib.volume import read_volume, write_volume

    settings = SegmentSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Loading the model")
    bundle = find_bundle(parameters["model"])
    progress(0.01, "Reading the images")
    sequences = {name: read_volume(path, name) for name, path in parameters["inputs"].items()}
    vertebrae, told = None, list[str]()
    if parameters.get("vertebrae"):
        vertebrae, told = read_vertebrae(parameters["vertebrae"], parameters.get("numbers"))
    result = segment_placed(sequences, bundle, settings, part(progress, 0.02, 0.97), vertebrae)
    progress(0.97, "Writing the result")
    write_volume(result.probability, folder / "probability.nrrd")
    write_volume(result.labels, folder / "labels.nrrd")
    return {
        "probability": "probability.nrrd",
        "labels": "labels.nrrd",
        "lesions": [lesion.to_dict() for lesion in result.lesions],
        "provenance": result.provenance,
        "notes": told + result.notes,
        "parts": None if result.parts is None else write_parts(result.parts, folder),
    }
